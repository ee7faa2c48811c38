//! C_VerifyInit to C_VerifyFinal: done here with the public half, but for what only the service knows: codes, and signatures
//! of Ed448, ML-DSA and SLH-DSA, with contexts or pre-hashed.

use std::sync::Arc;

use cryptoki_sys::*;
use sha2::digest::DynDigest;
use zeroize::Zeroizing;

use crate::crypto::cipher::{LONGEST_DATA, append};
use crate::crypto::codes;
use crate::crypto::digests::Hash;
use crate::crypto::mechanisms::{self, Asked, Mechanism, Parameter, Way};
use crate::crypto::modes::mac_mode;
use crate::crypto::sign::{check_key, context_of, salt_of, scheme_of, signature_bytes};
use crate::error::{Answer, Refusal, refuse};
use crate::module::Module;
use crate::objects::object::{Half, Object};
use crate::proto::{Usage, VerifyRequest, VerifyResponse};
use crate::token::slot::Slot;

pub struct Verifying {
    mechanism: &'static Mechanism,
    parameter: Parameter,
    object: Arc<Object>,
    /// What hashes pieces, where the mechanism hashes and this is decided here.
    hasher: Option<Box<dyn DynDigest + Send>>,
    /// Pieces, where the vault decides.
    collected: Zeroizing<Vec<u8>>,
    in_pieces: bool,
}

impl Verifying {
    pub fn begin(asked: &Asked, object: Arc<Object>) -> Answer<Verifying> {
        let mechanism = mechanisms::find(asked, CKF_VERIFY)?;
        if mechanism.is_mac() {
            check_key(mechanism, &object, Half::Secret, Usage::VerifyMac)?;
            mac_mode(mechanism.way, mechanism.hash, &object.key)?;
        } else {
            check_key(mechanism, &object, Half::Public, Usage::Verify)?;
        }
        let hasher = mechanism.hash.filter(|_| !mechanism.is_mac()).map(Hash::hasher);
        let parameter = asked.parameter.clone();
        Ok(Verifying { mechanism, parameter, object, hasher, collected: Zeroizing::default(), in_pieces: false })
    }

    /// @errors all of them end the operation, which is the caller's to do.
    pub fn update(&mut self, piece: &[u8]) -> Answer<()> {
        if !self.mechanism.in_pieces() {
            return refuse(CKR_OPERATION_NOT_INITIALIZED);
        }
        self.in_pieces = true;
        match &mut self.hasher {
            Some(hasher) => hasher.update(piece),
            None if piece.len() > LONGEST_DATA - self.collected.len() => return refuse(CKR_DATA_LEN_RANGE),
            None => append(&mut self.collected, piece),
        }
        Ok(())
    }

    /// C_Verify with data, C_VerifyFinal without.
    pub fn end(mut self, data: Option<&[u8]>, signature: &[u8], slot: &Slot) -> Answer<()> {
        match data {
            Some(_) if self.in_pieces => return refuse(CKR_OPERATION_ACTIVE),
            None if !self.mechanism.in_pieces() => return refuse(CKR_OPERATION_NOT_INITIALIZED),
            _ => {}
        }
        let Some(mut hasher) = self.hasher.take() else {
            let collected = std::mem::take(&mut self.collected);
            return self.decide(data.unwrap_or(&collected), signature, slot);
        };
        hasher.update(data.unwrap_or_default());
        self.decide(&hasher.finalize(), signature, slot)
    }

    /// Of data, or of its digest where the mechanism hashes.
    fn decide(&self, data: &[u8], signature: &[u8], slot: &Slot) -> Answer<()> {
        if self.mechanism.is_mac() {
            return codes::verify(self.mechanism, &self.parameter, &self.object, data, signature, slot);
        }
        if signature_bytes(&self.object, slot)? != signature.len() {
            return refuse(CKR_SIGNATURE_LEN_RANGE);
        }
        let public = self.object.public_key(slot)?;
        let (named, salt_bytes) = salt_of(&self.parameter);
        match self.mechanism.way {
            Way::Ecdsa if data.is_empty() || data.len() > 64 => refuse(CKR_DATA_LEN_RANGE),
            Way::Ecdsa => public.verify_ecdsa(data, signature),
            Way::Pkcs1 => {
                let prefix = self.mechanism.hash.map(Hash::digest_info);
                let block = [prefix.as_ref().map_or(&[][..], |prefix| &prefix[..]), data].concat();
                public.verify_pkcs1(&block, signature)
            }
            Way::Raw => public.verify_raw(data, signature),
            Way::Pss => {
                let hash = named.filter(|hash| hash.bytes() == data.len()).ok_or(Refusal(CKR_DATA_LEN_RANGE))?;
                public.verify_pss(hash, salt_bytes.unwrap_or_default() as usize, data, signature)
            }
            Way::Eddsa if public.is_ed25519() && self.is_plain() => public.verify_ed25519(data, signature),
            _ => self.ask(data, signature, slot),
        }
    }

    /// Whether it is neither pre-hashed nor for something.
    fn is_plain(&self) -> bool {
        context_of(&self.parameter).is_empty() && !matches!(self.parameter, Parameter::Eddsa { prehashed: true, .. })
    }

    fn ask(&self, data: &[u8], signature: &[u8], slot: &Slot) -> Answer<()> {
        if data.len() > LONGEST_DATA {
            return refuse(CKR_DATA_LEN_RANGE);
        }
        // A public key of the application's own is not the vault's to verify with.
        if self.object.local.is_some() {
            return refuse(CKR_KEY_FUNCTION_NOT_PERMITTED);
        }
        let request = VerifyRequest {
            namespace: self.object.key.namespace.clone(),
            key_id: self.object.key.key_id.clone(),
            data: data.to_vec(),
            signature: signature.to_vec(),
            scheme: scheme_of(self.mechanism.way, &self.parameter) as i32,
            version: self.object.key.version,
            context: context_of(&self.parameter),
            ..Default::default()
        };
        let answer: VerifyResponse = slot.call("Verify", &request)?;
        if answer.valid { Ok(()) } else { refuse(CKR_SIGNATURE_INVALID) }
    }
}

impl Module {
    pub fn verify_init(&self, handle: CK_SESSION_HANDLE, asked: Option<&Asked>, key: CK_OBJECT_HANDLE) -> Answer<()> {
        self.with(handle, |session, slot| {
            let Some(asked) = asked else {
                session.verifying = None;
                return Ok(());
            };
            if session.verifying.is_some() {
                return refuse(CKR_OPERATION_ACTIVE);
            }
            session.verifying = Some(Verifying::begin(asked, self.key(session, slot, key)?)?);
            Ok(())
        })
    }

    pub fn verify_update(&self, handle: CK_SESSION_HANDLE, piece: &[u8]) -> Answer<()> {
        self.with(handle, |session, _| {
            let updated = session.verifying.as_mut().ok_or(Refusal(CKR_OPERATION_NOT_INITIALIZED))?.update(piece);
            updated.inspect_err(|_| session.verifying = None)
        })
    }

    pub fn verify_end(&self, handle: CK_SESSION_HANDLE, data: Option<&[u8]>, signature: &[u8]) -> Answer<()> {
        self.with(handle, |session, slot| {
            session.verifying.take().ok_or(Refusal(CKR_OPERATION_NOT_INITIALIZED))?.end(data, signature, slot)
        })
    }
}
