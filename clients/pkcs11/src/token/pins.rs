//! PINs: who logs in with them, and how they are set (PKCS#11 3.2 §5.5.7 to §5.5.9, §5.6.8).
//!
//! The vault judges every PIN and answers all failed ones alike; why it may have been is read from what it tells of the
//! token, where the client may see that. No PIN is kept.

use cryptoki_sys::*;
use zeroize::{Zeroize, Zeroizing};

use crate::error::{Answer, Refusal, refuse};
use crate::proto::{
    CreateTokenRequest, CreateTokenResponse, InitTokenPinRequest, InitTokenPinResponse, InitTokenRequest, InitTokenResponse,
    ListTokensRequest, ListTokensResponse, LoginRequest, LoginResponse, LoginTokenRequest, LoginTokenResponse, LogoutRequest,
    LogoutResponse, ReauthenticateRequest, ReauthenticateResponse, SetPasswordRequest, SetPasswordResponse, SetTokenPinRequest,
    SetTokenPinResponse, Token as VaultToken, TokenPin, TokenPinState,
};
use crate::remote::Token;
use crate::token::slot::{LONGEST_PIN, Login, Slot, Who};

/// A login that was accepted.
pub struct Entered {
    pub login: Login,
    /// It can do nothing but set another password.
    must_change: bool,
}

/// A new PIN that the vault does not take is too short or too long: it asks for nothing else of PINs.
fn pin_refusal(refusal: Refusal) -> Refusal {
    if refusal.0 == CKR_ARGUMENTS_BAD { Refusal(CKR_PIN_LEN_RANGE) } else { refusal }
}

fn new_pin(pin: &[u8]) -> Answer<Vec<u8>> {
    if pin.is_empty() || pin.len() > LONGEST_PIN { refuse(CKR_PIN_LEN_RANGE) } else { Ok(pin.to_vec()) }
}

impl Slot {
    /// What the vault tells of the slot's token; `None` when there is no such token, or it may not be seen.
    ///
    /// @errors `CKR_USER_NOT_LOGGED_IN` when nobody is known to ask; `CKR_DEVICE_ERROR`.
    pub fn token_now(&self) -> Answer<Option<VaultToken>> {
        let Some(name) = &self.config.token else { return Ok(None) };
        let answer: ListTokensResponse = self.call("ListTokens", &ListTokensRequest::default())?;
        Ok(answer.tokens.into_iter().find(|token| token.name == *name))
    }

    pub fn log_in(&self, who: Who, pin: &[u8], name: Option<&str>) -> Answer<()> {
        let mut login = self.lock_login();
        match &*login {
            Some(other) if other.who == who => return refuse(CKR_USER_ALREADY_LOGGED_IN),
            Some(_) => return refuse(CKR_USER_ANOTHER_ALREADY_LOGGED_IN),
            None => {}
        }
        let entered = self.enter(who, pin, name)?;
        // A first password opens a session that can only change it.
        if entered.must_change {
            self.end(&entered.login);
            return refuse(CKR_PIN_EXPIRED);
        }
        *login = Some(entered.login);
        Ok(())
    }

    fn end(&self, login: &Login) {
        let _: Answer<LogoutResponse> = self.remote.call("Logout", &LogoutRequest::default(), Some(&login.access));
    }

    /// @errors `CKR_PIN_INCORRECT` for every login that fails, whatever the reason, where the vault does not let us see why.
    fn enter(&self, who: Who, pin: &[u8], name: Option<&str>) -> Answer<Entered> {
        if pin.is_empty() || pin.len() > LONGEST_PIN {
            return refuse(CKR_PIN_INCORRECT);
        }
        match (&self.config.token, who) {
            (Some(token), _) => self.enter_token(token, who, pin),
            (None, Who::User) => self.enter_user(pin, name),
            (None, Who::Officer) => refuse(CKR_USER_TYPE_INVALID),
        }
    }

    fn enter_token(&self, token: &str, who: Who, pin: &[u8]) -> Answer<Entered> {
        let role = if who == Who::Officer { TokenPin::So } else { TokenPin::User };
        let mut request = LoginTokenRequest { name: token.to_owned(), role: role.into(), pin: pin.to_vec(), ..Default::default() };
        let answer: Answer<LoginTokenResponse> = self.remote.call("LoginToken", &request, None);
        request.pin.zeroize();
        let LoginTokenResponse { tokens, token: record } = answer.map_err(|refusal| self.why(refusal, who))?;
        self.learn(record.as_ref());
        Ok(Entered { login: Login::of(tokens, who)?, must_change: false })
    }

    fn enter_user(&self, pin: &[u8], name: Option<&str>) -> Answer<Entered> {
        let Some(user) = name.or(self.config.user.as_deref()) else { return refuse(CKR_USER_PIN_NOT_INITIALIZED) };
        let mut request = LoginRequest { name: user.to_owned(), password: pin.to_vec(), ..Default::default() };
        let answer: Answer<LoginResponse> = self.remote.call("Login", &request, None);
        request.password.zeroize();
        // A user with a second factor gets a challenge, which no PIN answers.
        let tokens = answer.map_err(|refusal| self.why(refusal, Who::User))?.tokens;
        let must_change = tokens.as_ref().is_some_and(|tokens| tokens.must_change_password);
        Ok(Entered { login: Login::of(tokens, Who::User)?, must_change })
    }

    /// What became of a PIN that was not taken.
    fn why(&self, refusal: Refusal, who: Who) -> Refusal {
        if refusal.0 != CKR_USER_NOT_LOGGED_IN {
            return refusal;
        }
        // As the client's certificate: whoever is logged in here may be the one whose PIN it is.
        let answer: Answer<ListTokensResponse> = match &self.config.token {
            Some(_) => self.remote.call_as_process("ListTokens", &ListTokensRequest::default()),
            None => return Refusal(CKR_PIN_INCORRECT),
        };
        let token = answer.ok().and_then(|answer| answer.tokens.into_iter().find(|token| Some(&token.name) == self.config.token.as_ref()));
        let state = token.and_then(|token| if who == Who::Officer { token.so_pin } else { token.user_pin });
        Refusal(match state {
            Some(TokenPinState { initialized: false, .. }) => CKR_USER_PIN_NOT_INITIALIZED,
            Some(TokenPinState { locked: true, .. }) => CKR_PIN_LOCKED,
            _ => CKR_PIN_INCORRECT,
        })
    }

    /// C_InitToken: makes the token, or initialises it again by its officer's PIN.
    pub fn init_token(&self, pin: &[u8], label: &str, free: bool) -> Answer<()> {
        let name = match (&self.config.token, free) {
            (Some(name), _) => name.clone(),
            // The slot of the client itself is where an application makes tokens that no configuration names.
            (None, true) => String::new(),
            (None, false) => return refuse(CKR_TOKEN_WRITE_PROTECTED),
        };
        let known = match self.token_now() {
            Err(Refusal(CKR_USER_NOT_LOGGED_IN)) => true,
            answer => answer?.is_some(),
        };
        if known && !name.is_empty() { self.init_again(pin, label) } else { self.create(name, pin, label) }
    }

    fn create(&self, name: String, pin: &[u8], label: &str) -> Answer<()> {
        let view = self.view();
        let mut request = CreateTokenRequest {
            name,
            label: label.to_owned(),
            namespace: view.namespace.clone(),
            tags: view.tags.clone(),
            algorithms: view.algorithms(),
            so_pin: new_pin(pin)?,
            ..Default::default()
        };
        let answer: Answer<CreateTokenResponse> = self.remote.call_as_process("CreateToken", &request);
        request.so_pin.zeroize();
        answer
            .map(|answer| {
                if self.config.token.is_some() {
                    self.learn(answer.token.as_ref())
                }
            })
            .map_err(|refusal| match refusal.0 {
                // A token of this name is there already, and is not this slot's.
                CKR_TEMPLATE_INCONSISTENT => Refusal(CKR_TOKEN_WRITE_PROTECTED),
                _ => pin_refusal(refusal),
            })
    }

    fn init_again(&self, pin: &[u8], label: &str) -> Answer<()> {
        let officer = self.enter(Who::Officer, pin, None)?.login;
        let request = InitTokenRequest { label: label.to_owned() };
        let answer: Answer<InitTokenResponse> = self.remote.call("InitToken", &request, Some(&officer.access));
        self.end(&officer);
        answer.map(|_| ()).map_err(|refusal| match refusal.0 {
            // It still has keys, which never go with it.
            CKR_KEY_FUNCTION_NOT_PERMITTED => Refusal(CKR_TOKEN_WRITE_PROTECTED),
            _ => refusal,
        })
    }

    /// C_InitPIN, in a session of the officer.
    pub fn init_pin(&self, pin: &[u8]) -> Answer<()> {
        if self.who() != Some(Who::Officer) {
            return refuse(CKR_USER_NOT_LOGGED_IN);
        }
        let mut request = InitTokenPinRequest { pin: new_pin(pin)? };
        let answer: Answer<InitTokenPinResponse> = self.call("InitTokenPin", &request);
        request.pin.zeroize();
        answer.map(|_| ()).map_err(pin_refusal)
    }

    /// C_SetPIN: the PIN of whoever is logged in, else the user's. Whoever was logged in stays so.
    ///
    /// Without a login, a user PIN that is locked is set by its officer's PIN in place of the old one: so smart cards take the
    /// code that unlocks them, and so pkcs11-tool --unlock-pin asks.
    pub fn set_pin(&self, old: &[u8], new: &[u8]) -> Answer<()> {
        if !self.needs_login() {
            return refuse(CKR_TOKEN_WRITE_PROTECTED);
        }
        let fresh = new_pin(new)?;
        if old.is_empty() || old.len() > LONGEST_PIN {
            return refuse(CKR_PIN_INCORRECT);
        }
        let before = self.login_now();
        let who = before.as_ref().map_or(Who::User, |login| login.who);
        // A new access token, so that a refusal is about the PIN and not about a session of minutes that has ended.
        let login = match &before {
            Some(login) => self.renew(login)?,
            None => match self.enter(who, old, None) {
                Err(Refusal(CKR_PIN_LOCKED)) => return self.unlock(old, new),
                entered => entered?.login,
            },
        };
        let answer = self.ask_for_pin(&login, old, fresh);
        if answer.is_err() && before.is_none() {
            self.end(&login);
        }
        answer.map_err(|refusal| self.why(pin_refusal(refusal), who))?;
        if before.is_some() {
            // Every session that the old PIN opened has ended.
            let again = self.enter(who, new, None);
            *self.lock_login() = again.as_ref().ok().map(|entered| entered.login.clone());
            again?;
        }
        Ok(())
    }

    fn unlock(&self, so_pin: &[u8], new: &[u8]) -> Answer<()> {
        let officer = self.enter(Who::Officer, so_pin, None)?.login;
        let mut request = InitTokenPinRequest { pin: new_pin(new)? };
        let answer: Answer<InitTokenPinResponse> = self.remote.call("InitTokenPin", &request, Some(&officer.access));
        request.pin.zeroize();
        self.end(&officer);
        answer.map(|_| ()).map_err(pin_refusal)
    }

    fn ask_for_pin(&self, login: &Login, old: &[u8], new: Vec<u8>) -> Answer<()> {
        if self.config.token.is_some() {
            let mut request = SetTokenPinRequest { old_pin: old.to_vec(), new_pin: new };
            let answer: Answer<SetTokenPinResponse> = self.remote.call("SetTokenPin", &request, Some(&login.access));
            request.old_pin.zeroize();
            request.new_pin.zeroize();
            return answer.map(|_| ());
        }
        let mut request = SetPasswordRequest { current_password: old.to_vec(), password: new, ..Default::default() };
        let answer: Answer<SetPasswordResponse> = self.remote.call("SetPassword", &request, Some(&login.access));
        request.current_password.zeroize();
        request.password.zeroize();
        answer.map(|_| ())
    }

    /// The PIN once more, for one use of a key that demands it.
    pub fn confirm(&self, pin: &[u8]) -> Answer<Token> {
        let before = self.login_now().filter(|login| login.who == Who::User).ok_or(Refusal(CKR_USER_NOT_LOGGED_IN))?;
        if pin.is_empty() || pin.len() > LONGEST_PIN {
            return refuse(CKR_PIN_INCORRECT);
        }
        let login = self.renew(&before)?;
        let mut request = ReauthenticateRequest { secret: pin.to_vec() };
        let answer: Answer<ReauthenticateResponse> = self.remote.call("Reauthenticate", &request, Some(&login.access));
        request.secret.zeroize();
        Ok(Zeroizing::new(answer.map_err(|refusal| self.why(refusal, Who::User))?.access_token))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_of_no_length_and_one_that_is_too_long_are_out_of_range() {
        assert_eq!(new_pin(b""), refuse(CKR_PIN_LEN_RANGE));
        assert_eq!(new_pin(&[b'1'; LONGEST_PIN + 1]), refuse(CKR_PIN_LEN_RANGE));
        assert_eq!(new_pin(b"12345678"), Ok(b"12345678".to_vec()));
    }
}
