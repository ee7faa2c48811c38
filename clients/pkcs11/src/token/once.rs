//! What a session has just proven by `C_Login` with `CKU_CONTEXT_SPECIFIC`: a token for one request, lent to the calls that
//! are made under the session until one of them uses a key.
//!
//! A call runs on one thread from `Module::with` to the answer of the service, so what is lent is the thread's.

use std::cell::RefCell;

use crate::remote::Token;

thread_local! {
    static LENT: RefCell<Option<Token>> = const { RefCell::new(None) };
}

/// Operations that use a key, for which alone it is taken.
const USES: &[&str] = &[
    "Sign",
    "SignDigest",
    "SignRaw",
    "Encrypt",
    "Decrypt",
    "GenerateMac",
    "VerifyMac",
    "WrapKey",
    "UnwrapKey",
    "DeriveKey",
    "AgreeKey",
    "Decapsulate",
];

/// @returns what `work` answers, and the token again when nothing took it
pub fn lend<T>(token: Option<Token>, work: impl FnOnce() -> T) -> (T, Option<Token>) {
    LENT.set(token);
    let answer = work();
    (answer, LENT.take())
}

pub fn take(operation: &str) -> Option<Token> {
    if USES.contains(&operation) { LENT.take() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_taken_once_by_what_uses_a_key() {
        let lent = Some(Token::new("t".to_owned()));
        let (taken, left) = lend(lent, || [take("GetKey"), take("Sign"), take("Sign")].map(|token| token.is_some()));
        assert_eq!((taken, left), ([false, true, false], None));
        assert!(take("Sign").is_none());
    }

    #[test]
    fn what_nobody_took_comes_back() {
        assert!(lend(Some(Token::new("t".to_owned())), || ()).1.is_some());
    }
}
