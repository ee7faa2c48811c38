//! A session: at most one active operation of each kind (PKCS#11 3.2 §5.1), each by itself.

use std::collections::VecDeque;

use cryptoki_sys::*;
use sha2::digest::DynDigest;

use crate::crypto::cipher::Ciphering;
use crate::crypto::digests::Hash;
use crate::crypto::mechanisms::{self, Asked};
use crate::crypto::message_signatures::{MessageSigning, MessageVerifying};
use crate::crypto::messages::Messages;
use crate::crypto::sign::Signing;
use crate::crypto::verify::Verifying;
use crate::crypto::verify_signature::VerifyingSignature;
use crate::error::{Answer, Refusal, refuse};
use crate::output::{Output, Room};
use crate::remote::Token;
use crate::token::slot::Who;

pub struct Session {
    pub slot: usize,
    pub read_write: bool,
    /// What `C_Login` with `CKU_CONTEXT_SPECIFIC` proved, until a key is used.
    pub once: Option<Token>,
    pub found: Option<VecDeque<CK_OBJECT_HANDLE>>,
    pub digesting: Option<Digesting>,
    pub signing: Option<Signing>,
    pub verifying: Option<Verifying>,
    pub verifying_signature: Option<VerifyingSignature>,
    pub encrypting: Option<Ciphering>,
    pub decrypting: Option<Ciphering>,
    pub message_encrypting: Option<Messages>,
    pub message_decrypting: Option<Messages>,
    pub message_signing: Option<MessageSigning>,
    pub message_verifying: Option<MessageVerifying>,
}

/// Of `Session::cancel` alone: the operation that C_VerifySignatureInit begins, for which there is no flag.
pub const VERIFY_SIGNATURE: CK_FLAGS = 1 << (CK_FLAGS::BITS - 1);

pub struct Digesting {
    hash: Hash,
    hasher: Box<dyn DynDigest + Send>,
    in_pieces: bool,
}

impl Session {
    pub fn new(slot: usize, read_write: bool) -> Session {
        Session {
            slot,
            read_write,
            once: None,
            found: None,
            digesting: None,
            signing: None,
            verifying: None,
            verifying_signature: None,
            encrypting: None,
            decrypting: None,
            message_encrypting: None,
            message_decrypting: None,
            message_signing: None,
            message_verifying: None,
        }
    }

    /// State by PKCS#11 3.2 §5.6.5, of a session of a token where this one is logged in. An officer's session may write.
    pub fn state(&self, who: Option<Who>) -> CK_STATE {
        match (self.read_write, who) {
            (false, None) => CKS_RO_PUBLIC_SESSION,
            (false, Some(_)) => CKS_RO_USER_FUNCTIONS,
            (true, None) => CKS_RW_PUBLIC_SESSION,
            (true, Some(Who::User)) => CKS_RW_USER_FUNCTIONS,
            (true, Some(Who::Officer)) => CKS_RW_SO_FUNCTIONS,
        }
    }

    /// Whether an operation is active that a key may want its user's PIN for.
    pub fn uses_private_key(&self) -> bool {
        self.signing.is_some() || self.decrypting.is_some()
    }

    /// Ends what the flags name.
    pub fn cancel(&mut self, flags: CK_FLAGS) {
        if flags & CKF_FIND_OBJECTS != 0 {
            self.found = None;
        }
        if flags & CKF_DIGEST != 0 {
            self.digesting = None;
        }
        if flags & CKF_SIGN != 0 {
            self.signing = None;
        }
        if flags & CKF_VERIFY != 0 {
            self.verifying = None;
        }
        if flags & (CKF_VERIFY | VERIFY_SIGNATURE) != 0 {
            self.verifying_signature = None;
        }
        if flags & CKF_ENCRYPT != 0 {
            self.encrypting = None;
        }
        if flags & CKF_DECRYPT != 0 {
            self.decrypting = None;
        }
        if flags & CKF_MESSAGE_ENCRYPT != 0 {
            self.message_encrypting = None;
        }
        if flags & CKF_MESSAGE_DECRYPT != 0 {
            self.message_decrypting = None;
        }
        if flags & CKF_MESSAGE_SIGN != 0 {
            self.message_signing = None;
        }
        if flags & CKF_MESSAGE_VERIFY != 0 {
            self.message_verifying = None;
        }
    }

    /// Whether any operation is active that has a state.
    pub fn is_active(&self) -> bool {
        self.digesting.is_some()
            || self.signing.is_some()
            || self.verifying.is_some()
            || self.verifying_signature.is_some()
            || self.encrypting.is_some()
            || self.decrypting.is_some()
            || self.message_encrypting.is_some()
            || self.message_decrypting.is_some()
            || self.message_signing.is_some()
            || self.message_verifying.is_some()
    }

    /// The vault hands out no key to be hashed. @errors all; they end the digest as every error does
    pub fn digest_key(&mut self) -> Answer<()> {
        self.digesting.take().ok_or(Refusal(CKR_OPERATION_NOT_INITIALIZED))?;
        refuse(CKR_KEY_INDIGESTIBLE)
    }

    pub fn digest_init(&mut self, asked: Option<&Asked>) -> Answer<()> {
        let Some(asked) = asked else {
            self.digesting = None;
            return Ok(());
        };
        if self.digesting.is_some() {
            return refuse(CKR_OPERATION_ACTIVE);
        }
        let hash = mechanisms::find(asked, CKF_DIGEST)?.hash.ok_or(Refusal(CKR_MECHANISM_INVALID))?;
        self.digesting = Some(Digesting { hash, hasher: hash.hasher(), in_pieces: false });
        Ok(())
    }

    pub fn digest_update(&mut self, piece: &[u8]) -> Answer<()> {
        let active = self.digesting.as_mut().ok_or(Refusal(CKR_OPERATION_NOT_INITIALIZED))?;
        active.in_pieces = true;
        active.hasher.update(piece);
        Ok(())
    }

    /// C_Digest with data, C_DigestFinal without.
    pub fn digest_end(&mut self, data: Option<&[u8]>, room: Room) -> Answer<Output> {
        let active = self.digesting.as_ref().ok_or(Refusal(CKR_OPERATION_NOT_INITIALIZED))?;
        if data.is_some() && active.in_pieces {
            self.digesting = None;
            return refuse(CKR_OPERATION_ACTIVE);
        }
        if let Some(early) = room.without(active.hash.bytes()) {
            return Ok(early);
        }
        let mut active = self.digesting.take().ok_or(Refusal(CKR_OPERATION_NOT_INITIALIZED))?;
        active.hasher.update(data.unwrap_or_default());
        Ok(Output::Bytes(active.hasher.finalize().into_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::mechanisms::Parameter;

    #[test]
    fn a_length_query_and_too_little_room_keep_the_digest_active_and_the_digest_ends_it() {
        let mut session = Session::new(0, false);
        let sha256 = Asked { kind: CKM_SHA256, parameter: Parameter::None };
        session.digest_init(Some(&sha256)).unwrap();
        assert_eq!(session.digest_init(Some(&sha256)), refuse(CKR_OPERATION_ACTIVE));
        assert_eq!(session.digest_end(Some(b"abc"), Room::AsksLength), Ok(Output::Length(32)));
        assert_eq!(session.digest_end(Some(b"abc"), Room::Bytes(31)), Ok(Output::TooSmall(32)));
        let Ok(Output::Bytes(digest)) = session.digest_end(Some(b"abc"), Room::Bytes(32)) else { panic!("no digest") };
        // FIPS 180-4's own example.
        assert_eq!(digest[..4], [0xba, 0x78, 0x16, 0xbf]);
        assert_eq!(session.digest_end(Some(b"abc"), Room::Bytes(32)), refuse(CKR_OPERATION_NOT_INITIALIZED));
    }

    #[test]
    fn one_call_does_not_end_what_came_in_pieces() {
        let mut session = Session::new(0, false);
        session.digest_init(Some(&Asked { kind: CKM_SHA256, parameter: Parameter::None })).unwrap();
        session.digest_update(b"a").unwrap();
        assert_eq!(session.digest_end(Some(b"bc"), Room::Bytes(64)), refuse(CKR_OPERATION_ACTIVE));
        assert_eq!(session.digest_update(b"a"), refuse(CKR_OPERATION_NOT_INITIALIZED));
    }

    #[test]
    fn an_init_without_mechanism_cancels() {
        let mut session = Session::new(0, false);
        session.digest_init(Some(&Asked { kind: CKM_SHA256, parameter: Parameter::None })).unwrap();
        session.digest_init(None).unwrap();
        assert_eq!(session.digest_update(b""), refuse(CKR_OPERATION_NOT_INITIALIZED));
    }
}
