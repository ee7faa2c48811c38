//! The service, as blocking calls: one message in, one out, or the return value of what was refused.
//!
//! No runtime of its own, and no thread but one that looks up a name (`resolve`): the host process may fork, and a child begins anew (`Remote` is made by
//! `C_Initialize` and never shared between processes).
//!
//! @see https://connectrpc.com/docs/protocol, "Unary-Request"

mod connection;
mod credential;
pub mod deadline;
mod endpoint;
mod failure;
mod held;
mod pool;
mod resolve;
mod stream;
mod tls;

use std::cell::LazyCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cryptoki_sys::{CKR_ACTION_PROHIBITED, CKR_DEVICE_ERROR, CKR_USER_NOT_LOGGED_IN};
use prost::Message;
use zeroize::Zeroizing;

use crate::config::Config;
use crate::error::{Answer, Refusal};
use crate::proto::{GetApprovalRequest, GetApprovalResponse};
use credential::ServiceAccount;
use failure::{Away, Failure};
use held::{Fate, Held};
use pool::{BackOff, Pool};

pub use endpoint::Endpoint;
pub use failure::{padded as to_base64, unpadded as base64};

pub struct Remote {
    pool: Pool,
    held: Held,
    approval_wait: Duration,
    /// Who the process is where nobody is logged in, besides its certificate.
    account: Option<ServiceAccount>,
    timeout: Duration,
    /// Whether the vault was seen open. One that is sealed now is then most likely about to open.
    answered: AtomicBool,
}

/// An access token of a session at the server; wiped when dropped.
pub type Token = Zeroizing<String>;

/// Operations that change nothing and make nothing of a key: performed twice they are as good as once.
fn is_repeatable(operation: &str) -> bool {
    ["Get", "List", "Find"].iter().any(|verb| operation.starts_with(verb))
        || ["Verify", "VerifyMac", "VerifyDigest", "Hash", "WhoAmI", "GenerateRandom"].contains(&operation)
}

impl Remote {
    /// @errors `CKR_ARGUMENTS_BAD` or `CKR_FUNCTION_FAILED` for an endpoint or a file that cannot be used. Nothing is asked yet.
    pub fn new(config: &Config) -> Answer<Remote> {
        let account = config.credential.as_ref().map(|path| ServiceAccount::of_file(path)).transpose()?;
        Ok(Remote {
            pool: Pool::new(config)?,
            held: Held::default(),
            approval_wait: Duration::from_millis(config.approval_wait_ms),
            account,
            timeout: Duration::from_millis(config.timeout_ms),
            answered: AtomicBool::new(false),
        })
    }

    /// Asks for one operation, as whoever the token says, else as whoever the client's certificate says.
    ///
    /// @errors the return value of the error code; `CKR_DEVICE_ERROR` when there is no answer in time.
    pub fn call<Q: Message, A: Message + Default>(&self, operation: &str, request: &Q, token: Option<&Token>) -> Answer<A> {
        self.call_once(operation, request, token, token)
    }

    /// The same with a token that is good for one request: what became of one that waits is asked with another.
    pub fn call_once<Q: Message, A: Message + Default>(
        &self,
        operation: &str,
        request: &Q,
        token: Option<&Token>,
        asker: Option<&Token>,
    ) -> Answer<A> {
        let body = Zeroizing::new(request.encode_to_vec());
        let [token, asker] = [token, asker].map(|token| token.map(|token| token.as_str()));
        let answer = self.ask(operation, &body, token, asker)?;
        A::decode(answer.as_slice()).map_err(|_| Refusal(CKR_DEVICE_ERROR))
    }

    fn ask(&self, operation: &str, body: &[u8], token: Option<&str>, asker: Option<&str>) -> Answer<Zeroizing<Vec<u8>>> {
        let name = LazyCell::new(|| held::name(operation, body));
        if self.held.any()
            && let Some(id) = self.held.id(&name)
        {
            match self.fate(&id, asker)? {
                Fate::Waits => {}
                Fate::Answered(answer) => {
                    self.held.forget(&name);
                    return Ok(answer);
                }
                Fate::Ended => self.held.forget(&name),
            }
        }
        let id = match self.send(operation, body, token)? {
            Ok(answer) => return Ok(answer),
            Err(Failure { refusal, approval_id: None, .. }) => return Err(refusal),
            Err(Failure { approval_id: Some(id), .. }) => id,
        };
        self.held.hold(*name, operation, &id);
        match held::wait(self.approval_wait, || deadline::within_call(|| self.fate(&id, asker)))? {
            Fate::Answered(answer) if !self.approval_wait.is_zero() => {
                self.held.forget(&name);
                Ok(answer)
            }
            _ => Err(Refusal(CKR_ACTION_PROHIBITED)),
        }
    }

    fn fate(&self, id: &str, token: Option<&str>) -> Answer<Fate> {
        let request = GetApprovalRequest { approval_id: id.to_owned(), with_result: true, ..Default::default() };
        match self.send("GetApproval", &request.encode_to_vec(), token)? {
            Ok(answer) => Ok(held::fate(GetApprovalResponse::decode(answer.as_slice()).map_err(|_| Refusal(CKR_DEVICE_ERROR))?)),
            // Gone, or of another session by now: asked again, it is a new request.
            Err(_) => Ok(Fate::Ended),
        }
    }

    /// One request, one answer: what the server refused stands in the inner result. A service that is away is waited for where
    /// nothing was done, or where twice is as good as once.
    fn send(&self, operation: &str, body: &[u8], token: Option<&str>) -> Answer<Result<Zeroizing<Vec<u8>>, Failure>> {
        let path = format!("/hsm.HsmService/{operation}");
        let (until, repeatable) = (deadline::after(self.timeout), is_repeatable(operation));
        let mut back_off = BackOff::until(self.pool.patience(until));
        loop {
            let answer = self.pool.post(&path, body, token, repeatable, until)?;
            if answer.status == 200 {
                self.answered.store(true, Ordering::Relaxed);
                return Ok(Ok(answer.body));
            }
            let failure = failure::of(&answer.body);
            let again = match failure.away {
                Some(Away::Sealed) => self.answered.load(Ordering::Relaxed),
                Some(Away::Undone) => true,
                Some(Away::Unknown) => repeatable,
                None => false,
            };
            if !again || !back_off.wait() {
                return Ok(Err(failure));
            }
        }
    }

    /// Asks as the process itself: by its service account when it has one, else by its certificate.
    pub fn call_as_process<Q: Message, A: Message + Default>(&self, operation: &str, request: &Q) -> Answer<A> {
        let Some(account) = &self.account else { return self.call(operation, request, None) };
        let token = account.token(self)?;
        match self.call(operation, request, Some(&token)) {
            // Nobody performs what is refused so: it may be asked again by a session that stands.
            Err(Refusal(CKR_USER_NOT_LOGGED_IN)) => self.call(operation, request, Some(&account.renewed(self, &token)?)),
            answer => answer,
        }
    }

    /// Ends the session of the process at the server; that it cannot be reached changes nothing.
    pub fn finish(&self) {
        if let Some(account) = &self.account {
            account.end(self);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::unix_socket::full_server;
    use crate::proto::{GetStatusRequest, GetStatusResponse};
    use std::time::Instant;

    #[test]
    fn a_socket_whose_queue_is_full_is_a_device_error_in_time() {
        let path = std::env::temp_dir().join(format!("keystead-remote-{}", std::process::id()));
        let _full = full_server(&path);
        let times = |connect_timeout_ms, timeout_ms| Config {
            endpoint: format!("unix://{}", path.display()),
            connect_timeout_ms,
            timeout_ms,
            ..Config::default()
        };
        for config in [times(100, 600_000), times(600_000, 100)] {
            let remote = Remote::new(&config).unwrap();
            let begun = Instant::now();
            let answer: Answer<GetStatusResponse> = remote.call("GetStatus", &GetStatusRequest::default(), None);
            assert_eq!(answer.unwrap_err(), Refusal(CKR_DEVICE_ERROR));
            assert!(begun.elapsed() < Duration::from_secs(300));
        }
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn what_makes_something_is_never_repeated() {
        assert!(["GetKey", "FindObjects", "Verify", "GetPublicKey"].into_iter().all(is_repeatable));
        for operation in ["Sign", "SignDigest", "SignRaw", "GenerateKey", "Decrypt", "Login", "RefreshSession", "Unwrap", "DeleteKey"] {
            assert!(!is_repeatable(operation), "{operation}");
        }
    }
}
