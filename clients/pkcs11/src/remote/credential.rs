//! A service account in a file: who the process is over a unix socket, where no certificate is asked for, or beside one.
//!
//! The file is read for each login and its secret wiped after it, so that a changed secret is used without a restart. The
//! sessions are this process's own, renewed when they have ended.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use cryptoki_sys::*;
use zeroize::{Zeroize, Zeroizing};

use super::{Remote, Token};
use crate::error::{Answer, Refusal, refuse};
use crate::proto::{
    LoginServiceRequest, LoginServiceResponse, LogoutRequest, LogoutResponse, RefreshSessionRequest, RefreshSessionResponse, SessionTokens,
};

/// More than a role id and a secret id are long.
const LONGEST_FILE: u64 = 4096;
/// Others may do nothing with the file, and its group not write to it.
const FORBIDDEN_MODE: u32 = 0o027;

pub struct ServiceAccount {
    path: PathBuf,
    session: Mutex<Option<Session>>,
}

struct Session {
    access: Token,
    refresh: Token,
}

impl Session {
    fn of(tokens: Option<SessionTokens>) -> Answer<Session> {
        let tokens = tokens.ok_or(Refusal(CKR_DEVICE_ERROR))?;
        Ok(Session { access: Zeroizing::new(tokens.access_token), refresh: Zeroizing::new(tokens.refresh_token) })
    }
}

impl ServiceAccount {
    /// @errors `CKR_FUNCTION_FAILED` when the file cannot be read, or by too many; `CKR_ARGUMENTS_BAD` when it says something else.
    pub fn of_file(path: &Path) -> Answer<ServiceAccount> {
        read(path)?;
        Ok(ServiceAccount { path: path.to_owned(), session: Mutex::new(None) })
    }

    /// The access token of the session, which begins now when there is none.
    pub fn token(&self, remote: &Remote) -> Answer<Token> {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        match &*session {
            Some(standing) => Ok(standing.access.clone()),
            None => Ok(session.insert(self.log_in(remote)?).access.clone()),
        }
    }

    /// A token in place of one that was refused. One thread renews; the others, which wait here, find that it is done.
    pub fn renewed(&self, remote: &Remote, refused: &Token) -> Answer<Token> {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let renewed = match session.take() {
            Some(other) if *other.access != **refused => other,
            Some(old) => match refreshed(remote, &old) {
                Err(Refusal(CKR_USER_NOT_LOGGED_IN)) => self.log_in(remote)?,
                Err(refusal) => {
                    *session = Some(old);
                    return Err(refusal);
                }
                Ok(renewed) => renewed,
            },
            None => self.log_in(remote)?,
        };
        Ok(session.insert(renewed).access.clone())
    }

    pub fn end(&self, remote: &Remote) {
        if let Some(session) = self.session.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _: Answer<LogoutResponse> = remote.call("Logout", &LogoutRequest::default(), Some(&session.access));
        }
    }

    fn log_in(&self, remote: &Remote) -> Answer<Session> {
        let (role_id, secret_id) = read(&self.path)?;
        let mut request = LoginServiceRequest { role_id, secret_id: secret_id.to_string(), ..Default::default() };
        let answer: Answer<LoginServiceResponse> = remote.call("LoginService", &request, None);
        request.secret_id.zeroize();
        Session::of(answer?.tokens)
    }
}

fn refreshed(remote: &Remote, old: &Session) -> Answer<Session> {
    let mut request = RefreshSessionRequest { refresh_token: old.refresh.to_string() };
    let answer: Answer<RefreshSessionResponse> = remote.call("RefreshSession", &request, None);
    request.refresh_token.zeroize();
    Session::of(answer?.tokens)
}

/// Role id and secret id: two lines, `role_id: NAME` and `secret_id: SECRET`.
fn read(path: &Path) -> Answer<(String, Zeroizing<String>)> {
    let failed = |_| Refusal(CKR_FUNCTION_FAILED);
    let file = File::open(path).map_err(failed)?;
    // Of the file that is open, so that no other is judged than the one that is read.
    let about = file.metadata().map_err(failed)?;
    if !about.is_file() || about.mode() & FORBIDDEN_MODE != 0 {
        return refuse(CKR_FUNCTION_FAILED);
    }
    let mut text = Zeroizing::new(String::with_capacity(LONGEST_FILE as usize + 1));
    file.take(LONGEST_FILE).read_to_string(&mut text).map_err(failed)?;
    parse(&text).ok_or(Refusal(CKR_ARGUMENTS_BAD))
}

fn parse(text: &str) -> Option<(String, Zeroizing<String>)> {
    let (mut role_id, mut secret_id) = (None, None);
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (name, value) = line.split_once(':')?;
        let value = value.trim().trim_matches('"');
        let place = match name.trim() {
            "role_id" => &mut role_id,
            "secret_id" => &mut secret_id,
            _ => return None,
        };
        if value.is_empty() || place.replace(value).is_some() {
            return None;
        }
    }
    Some((role_id?.to_owned(), Zeroizing::new(secret_id?.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn two_lines_in_any_order_and_nothing_else() {
        let good = "# of the builder\nsecret_id: \"s3:cr=et\"\nrole_id: builder\n";
        let (role, secret) = parse(good).unwrap();
        assert_eq!((role.as_str(), secret.as_str()), ("builder", "s3:cr=et"));
        for bad in
            ["", "role_id: builder", "role_id: a\nrole_id: b\nsecret_id: c", "role_id: a\nsecret_id:\n", "role: a\nsecret_id: b", "secret"]
        {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let path = std::env::temp_dir().join(format!("keystead-credential-{}", std::process::id()));
        fs::write(&path, "role_id: a\nsecret_id: b\n").unwrap();
        for (mode, answer) in [(0o600, Ok(())), (0o440, Ok(())), (0o604, Err(())), (0o660, Err(())), (0o601, Err(()))] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert_eq!(ServiceAccount::of_file(&path).map(|_| ()).map_err(|_| ()), answer, "{mode:o}");
        }
        fs::remove_file(&path).unwrap();
        assert!(ServiceAccount::of_file(&path).is_err());
    }
}
