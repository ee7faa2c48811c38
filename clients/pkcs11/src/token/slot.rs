//! A slot with its token: a view of one namespace, and who is logged in to it.
//!
//! Login is of the token, for all sessions of the application (PKCS#11 3.2 §5.6.8).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cryptoki_sys::*;
use prost::Message;
use zeroize::Zeroizing;

use crate::config::SlotConfig;
use crate::error::{Answer, Refusal, refuse};
use crate::proto::{LogoutRequest, LogoutResponse, RefreshSessionRequest, RefreshSessionResponse, SessionTokens, Token as Record};
use crate::remote::{Remote, Token};
use crate::token::once;
use crate::token::view::View;

/// Longest password the service takes.
pub const LONGEST_PIN: usize = 1024;

pub struct Slot {
    /// Its label and serial number are those of the token's record, when that was known from the first: what a slot is known by
    /// does not change under an application.
    pub config: SlotConfig,
    view: Mutex<Arc<View>>,
    pub(super) remote: Arc<Remote>,
    login: Mutex<Option<Login>>,
}

/// Who is logged in to a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    User,
    /// The security officer: sets PINs and `CKA_TRUSTED`, and sees nothing private.
    Officer,
}

#[derive(Clone)]
pub struct Login {
    pub(super) access: Token,
    refresh: Token,
    pub(super) who: Who,
}

impl Login {
    pub(super) fn of(tokens: Option<SessionTokens>, who: Who) -> Answer<Login> {
        let tokens = tokens.ok_or(Refusal(CKR_FUNCTION_FAILED))?;
        Ok(Login { access: Zeroizing::new(tokens.access_token), refresh: Zeroizing::new(tokens.refresh_token), who })
    }
}

impl Slot {
    /// @param record of the slot's token, when the client may read it
    pub fn new(record: Option<&Record>, mut config: SlotConfig, remote: Arc<Remote>) -> Slot {
        let view = Mutex::new(Arc::new(View::configured(&config)));
        if let Some(record) = record {
            config.label.clone_from(&record.label);
            config.serial.clone_from(&record.serial_number);
        }
        let slot = Slot { config, view, remote, login: Mutex::new(None) };
        slot.learn(record);
        slot
    }

    /// What it shows now.
    pub fn view(&self) -> Arc<View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the record of its token says is what it shows from now on.
    pub(super) fn learn(&self, record: Option<&Record>) {
        if let Some(record) = record {
            *self.view.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(View::of_token(record, &self.config));
        }
    }

    pub fn needs_login(&self) -> bool {
        self.config.user.is_some() || self.config.token.is_some()
    }

    pub(super) fn lock_login(&self) -> MutexGuard<'_, Option<Login>> {
        self.login.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn login_now(&self) -> Option<Login> {
        self.lock_login().clone()
    }

    /// Who is logged in, if anybody is.
    pub fn who(&self) -> Option<Who> {
        self.lock_login().as_ref().map(|login| login.who)
    }

    pub fn is_logged_in(&self) -> bool {
        self.who().is_some()
    }

    /// Whether private objects may be seen and used.
    pub fn is_open(&self) -> bool {
        !self.needs_login() || self.who() == Some(Who::User)
    }

    /// Asks for an operation as whoever is logged in. A session of minutes is renewed once when it has ended.
    pub fn call<Q: Message, A: Message + Default>(&self, operation: &str, request: &Q) -> Answer<A> {
        // What a session proved once more is spent with this request, whatever becomes of it.
        if let Some(once) = once::take(operation) {
            let login = self.login_now();
            return self.remote.call_once(operation, request, Some(&once), login.as_ref().map(|login| &login.access));
        }
        let login = self.login_now();
        let Some(login) = login else { return self.remote.call_as_process(operation, request) };
        match self.remote.call(operation, request, Some(&login.access)) {
            Err(Refusal(CKR_USER_NOT_LOGGED_IN)) => self.remote.call(operation, request, Some(&self.renew(&login)?.access)),
            answer => answer,
        }
    }

    /// One thread renews; the others, which wait here, find that it is done. A refresh token is good once.
    pub(super) fn renew(&self, old: &Login) -> Answer<Login> {
        let mut login = self.lock_login();
        match &*login {
            Some(other) if *other.access != *old.access => return Ok(other.clone()),
            None => return refuse(CKR_USER_NOT_LOGGED_IN),
            Some(_) => {}
        }
        let request = RefreshSessionRequest { refresh_token: old.refresh.to_string() };
        let answer: Answer<RefreshSessionResponse> = self.remote.call("RefreshSession", &request, None);
        match answer.and_then(|answer| Login::of(answer.tokens, old.who)) {
            Ok(renewed) => {
                *login = Some(renewed.clone());
                Ok(renewed)
            }
            Err(Refusal(CKR_USER_NOT_LOGGED_IN)) => {
                *login = None;
                refuse(CKR_USER_NOT_LOGGED_IN)
            }
            // A server that is away, or a vault that is sealed, has not ended the session.
            Err(refusal) => Err(refusal),
        }
    }

    /// Ends the session at the server too; that it cannot be reached changes nothing here.
    pub fn log_out(&self) -> Answer<()> {
        let login = self.lock_login().take();
        let Some(login) = login else { return refuse(CKR_USER_NOT_LOGGED_IN) };
        let _: Answer<LogoutResponse> = self.remote.call("Logout", &LogoutRequest::default(), Some(&login.access));
        Ok(())
    }
}
