//! C_VerifyInit to C_VerifyFinal: done here with the public half, but for what only the service knows (Ed448, contexts).

use std::sync::Arc;

use cryptoki_sys::*;
use sha2::digest::DynDigest;

use crate::crypto::digests::Hash;
use crate::crypto::mechanisms::{self, Asked, Mechanism, Parameter, Way};
use crate::crypto::public_key::PublicKey;
use crate::crypto::sign::{check_key, salt_of};
use crate::error::{Answer, Refusal, refuse};
use crate::module::Module;
use crate::objects::object::{Half, Object};
use crate::proto::{Usage, VerifyRequest, VerifyResponse};
use crate::token::slot::Slot;

pub struct Verifying {
    mechanism: &'static Mechanism,
    parameter: Parameter,
    object: Arc<Object>,
    public: Arc<PublicKey>,
    hasher: Option<Box<dyn DynDigest + Send>>,
    in_pieces: bool,
}

impl Verifying {
    pub fn begin(asked: &Asked, object: Arc<Object>, slot: &Slot) -> Answer<Verifying> {
        let mechanism = mechanisms::find(asked, CKF_VERIFY)?;
        check_key(mechanism, &object, Half::Public, Usage::Verify)?;
        let public = object.public_key(slot)?;
        let hasher = mechanism.hash.map(Hash::hasher);
        Ok(Verifying { mechanism, parameter: asked.parameter.clone(), object, public, hasher, in_pieces: false })
    }

    /// @errors all of them end the operation, which is the caller's to do.
    pub fn update(&mut self, piece: &[u8]) -> Answer<()> {
        self.in_pieces = true;
        self.hasher.as_mut().ok_or(Refusal(CKR_OPERATION_NOT_INITIALIZED))?.update(piece);
        Ok(())
    }

    /// C_Verify with data, C_VerifyFinal without.
    pub fn end(mut self, data: Option<&[u8]>, signature: &[u8], slot: &Slot) -> Answer<()> {
        match (data, &mut self.hasher) {
            (Some(_), _) if self.in_pieces => return refuse(CKR_OPERATION_ACTIVE),
            (None, None) => return refuse(CKR_OPERATION_NOT_INITIALIZED),
            (Some(data), Some(hasher)) => hasher.update(data),
            _ => {}
        }
        let digest = self.hasher.take().map(|hasher| hasher.finalize());
        let data = digest.as_deref().or(data).unwrap_or_default();
        let (named, salt_bytes) = salt_of(&self.parameter);
        match self.mechanism.way {
            Way::Ecdsa if data.is_empty() || data.len() > 64 => refuse(CKR_DATA_LEN_RANGE),
            Way::Ecdsa => self.public.verify_ecdsa(data, signature),
            Way::Pkcs1 => {
                let prefix = self.mechanism.hash.map(Hash::digest_info);
                let block = [prefix.as_ref().map_or(&[][..], |prefix| &prefix[..]), data].concat();
                self.public.verify_pkcs1(&block, signature)
            }
            Way::Pss => {
                let hash = named.filter(|hash| hash.bytes() == data.len()).ok_or(Refusal(CKR_DATA_LEN_RANGE))?;
                self.public.verify_pss(hash, salt_bytes.unwrap_or_default() as usize, data, signature)
            }
            Way::Eddsa => self.verify_eddsa(data, signature, slot),
            _ => refuse(CKR_MECHANISM_INVALID),
        }
    }

    fn verify_eddsa(&self, data: &[u8], signature: &[u8], slot: &Slot) -> Answer<()> {
        if self.public.signature_bytes() != Some(signature.len()) {
            return refuse(CKR_SIGNATURE_LEN_RANGE);
        }
        let context = match &self.parameter {
            Parameter::Eddsa { context, .. } => context.clone(),
            _ => vec![],
        };
        if self.public.is_ed25519() && context.is_empty() {
            return self.public.verify_ed25519(data, signature);
        }
        let request = VerifyRequest {
            namespace: self.object.key.namespace.clone(),
            key_id: self.object.key.key_id.clone(),
            data: data.to_vec(),
            signature: signature.to_vec(),
            version: self.object.key.version,
            context,
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
            session.verifying = Some(Verifying::begin(asked, self.key(session, slot, key)?, slot)?);
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
