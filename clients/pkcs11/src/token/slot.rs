//! A slot with its token: a view of one namespace, and who is logged in to it.
//!
//! Login is of the token, for all sessions of the application (PKCS#11 3.2 §5.6.8).

use std::sync::{Arc, Mutex, PoisonError};

use cryptoki_sys::*;
use prost::Message;
use zeroize::Zeroizing;

use crate::config::SlotConfig;
use crate::error::{Answer, Refusal, refuse};
use crate::proto::{
    LoginRequest, LoginResponse, LogoutRequest, LogoutResponse, RefreshSessionRequest, RefreshSessionResponse, SessionTokens,
};
use crate::remote::{Remote, Token};

/// Longest password the service takes.
pub const LONGEST_PIN: usize = 1024;

pub struct Slot {
    pub config: SlotConfig,
    remote: Arc<Remote>,
    login: Mutex<Option<Login>>,
}

#[derive(Clone)]
struct Login {
    access: Token,
    refresh: Token,
}

impl Login {
    fn of(tokens: Option<SessionTokens>) -> Answer<Login> {
        let tokens = tokens.ok_or(Refusal(CKR_FUNCTION_FAILED))?;
        Ok(Login { access: Zeroizing::new(tokens.access_token), refresh: Zeroizing::new(tokens.refresh_token) })
    }
}

impl Slot {
    pub fn new(config: SlotConfig, remote: Arc<Remote>) -> Slot {
        Slot { config, remote, login: Mutex::new(None) }
    }

    pub fn needs_login(&self) -> bool {
        self.config.user.is_some()
    }

    fn login_now(&self) -> Option<Login> {
        self.login.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn is_logged_in(&self) -> bool {
        self.login.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Whether private objects may be seen and used.
    pub fn is_open(&self) -> bool {
        !self.needs_login() || self.is_logged_in()
    }

    /// Asks for an operation as whoever is logged in. A session of minutes is renewed once when it has ended.
    pub fn call<Q: Message, A: Message + Default>(&self, operation: &str, request: &Q) -> Answer<A> {
        let login = self.login_now();
        let answer = self.remote.call(operation, request, login.as_ref().map(|login| &login.access));
        match (answer, login) {
            (Err(Refusal(CKR_USER_NOT_LOGGED_IN)), Some(old)) => {
                let renewed = self.renew(&old)?;
                self.remote.call(operation, request, Some(&renewed.access))
            }
            (answer, _) => answer,
        }
    }

    /// One thread renews; the others, which wait here, find that it is done. A refresh token is good once.
    fn renew(&self, old: &Login) -> Answer<Login> {
        let mut login = self.login.lock().unwrap_or_else(PoisonError::into_inner);
        match &*login {
            Some(other) if *other.access != *old.access => return Ok(other.clone()),
            None => return refuse(CKR_USER_NOT_LOGGED_IN),
            Some(_) => {}
        }
        let request = RefreshSessionRequest { refresh_token: old.refresh.to_string() };
        let answer: Answer<RefreshSessionResponse> = self.remote.call("RefreshSession", &request, None);
        match answer.and_then(|answer| Login::of(answer.tokens)) {
            Ok(renewed) => {
                *login = Some(renewed.clone());
                Ok(renewed)
            }
            Err(Refusal(CKR_DEVICE_ERROR)) => refuse(CKR_DEVICE_ERROR),
            Err(_) => {
                *login = None;
                refuse(CKR_USER_NOT_LOGGED_IN)
            }
        }
    }

    /// @errors `CKR_PIN_INCORRECT` for every login that fails, whatever the reason: the service tells nobody which.
    pub fn log_in(&self, pin: &[u8]) -> Answer<()> {
        let Some(user) = &self.config.user else { return refuse(CKR_USER_PIN_NOT_INITIALIZED) };
        if pin.is_empty() || pin.len() > LONGEST_PIN {
            return refuse(CKR_PIN_INCORRECT);
        }
        let mut login = self.login.lock().unwrap_or_else(PoisonError::into_inner);
        if login.is_some() {
            return refuse(CKR_USER_ALREADY_LOGGED_IN);
        }
        let mut request = LoginRequest { name: user.clone(), password: pin.to_vec(), ..Default::default() };
        let answer: Answer<LoginResponse> = self.remote.call("Login", &request, None);
        zeroize::Zeroize::zeroize(&mut request.password);
        let answer = answer.map_err(|refusal| if refusal.0 == CKR_USER_NOT_LOGGED_IN { Refusal(CKR_PIN_INCORRECT) } else { refusal })?;
        // A first password opens a session that can only change it, which a PIN here cannot.
        let must_change = answer.tokens.as_ref().is_some_and(|tokens| tokens.must_change_password);
        // A user with a second factor gets a challenge, which no PIN answers.
        let logged_in = Login::of(answer.tokens)?;
        if must_change {
            let _: Answer<LogoutResponse> = self.remote.call("Logout", &LogoutRequest::default(), Some(&logged_in.access));
            return refuse(CKR_PIN_EXPIRED);
        }
        *login = Some(logged_in);
        Ok(())
    }

    /// Ends the session at the server too; that it cannot be reached changes nothing here.
    pub fn log_out(&self) -> Answer<()> {
        let login = self.login.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(login) = login else { return refuse(CKR_USER_NOT_LOGGED_IN) };
        let _: Answer<LogoutResponse> = self.remote.call("Logout", &LogoutRequest::default(), Some(&login.access));
        Ok(())
    }
}
