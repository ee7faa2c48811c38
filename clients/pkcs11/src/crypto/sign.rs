//! C_SignInit to C_SignFinal: the vault signs.
//!
//! Where the mechanism hashes, the data itself is sent and the vault hashes it, so that it knows what it signs
//! (permission crypto:sign). Only a digest that the caller made goes to SignDigest, and what is none to SignRaw (permission
//! crypto:sign_digest).

use std::sync::Arc;

use cryptoki_sys::*;
use zeroize::Zeroizing;

use crate::crypto::cipher::append;
use crate::crypto::codes;
use crate::crypto::digests::Hash;
use crate::crypto::mechanisms::{self, Asked, Mechanism, Parameter, Way};
use crate::crypto::modes::mac_mode;
use crate::crypto::raw;
use crate::error::{Answer, Refusal, refuse};
use crate::module::Module;
use crate::objects::object::{Half, Object};
use crate::output::{Output, Room};
use crate::proto::{
    Algorithm, RawPadding, SignDigestRequest, SignDigestResponse, SignRequest, SignResponse, SignatureFormat, SignatureScheme, Usage,
};
use crate::token::slot::Slot;

/// The most data one signature may cover: no request of the service is longer.
const LONGEST_DATA: usize = 15 * 1024 * 1024;

pub struct Signing {
    mechanism: &'static Mechanism,
    parameter: Parameter,
    object: Arc<Object>,
    signature_bytes: usize,
    collected: Zeroizing<Vec<u8>>,
    in_pieces: bool,
}

/// Whether a key may begin an operation of a mechanism. The service decides again when it is asked.
pub fn check_key(mechanism: &Mechanism, object: &Object, half: Half, usage: Usage) -> Answer<()> {
    if object.half != half || !mechanism.fits(object.key_type) {
        return refuse(CKR_KEY_TYPE_INCONSISTENT);
    }
    let permitted = object.key.attributes.as_ref().is_some_and(|attributes| attributes.usage.contains(&(usage as i32)));
    if permitted { Ok(()) } else { refuse(CKR_KEY_FUNCTION_NOT_PERMITTED) }
}

/// How a parameter says it to the service.
pub fn salt_of(parameter: &Parameter) -> (Option<Hash>, Option<u32>) {
    match parameter {
        Parameter::Pss { hash, salt_bytes, .. } => (Hash::of_mechanism(*hash), u32::try_from(*salt_bytes).ok()),
        _ => (None, None),
    }
}

/// What a signature is for, where it says so.
pub fn context_of(parameter: &Parameter) -> Vec<u8> {
    match parameter {
        Parameter::Eddsa { context, .. } | Parameter::Context { context, .. } => context.clone(),
        _ => vec![],
    }
}

/// How long every signature of a key is.
pub fn signature_bytes(object: &Object, slot: &Slot) -> Answer<usize> {
    use Algorithm::*;
    let known = match object.key.algorithm() {
        MlDsa44 => Some(2420),
        MlDsa65 => Some(3309),
        MlDsa87 => Some(4627),
        SlhDsaSha2128s | SlhDsaShake128s => Some(7856),
        SlhDsaSha2128f | SlhDsaShake128f => Some(17_088),
        SlhDsaSha2192s | SlhDsaShake192s => Some(16_224),
        SlhDsaSha2192f | SlhDsaShake192f => Some(35_664),
        SlhDsaSha2256s | SlhDsaShake256s => Some(29_792),
        SlhDsaSha2256f | SlhDsaShake256f => Some(49_856),
        _ => object.public_key(slot)?.signature_bytes(),
    };
    known.ok_or(Refusal(CKR_KEY_TYPE_INCONSISTENT))
}

pub fn scheme_of(way: Way, parameter: &Parameter) -> SignatureScheme {
    match way {
        Way::Pkcs1 => SignatureScheme::Pkcs1,
        Way::Pss => SignatureScheme::Pss,
        Way::Eddsa if matches!(parameter, Parameter::Eddsa { prehashed: true, .. }) => SignatureScheme::Prehash,
        _ => SignatureScheme::Unspecified,
    }
}

pub fn format_of(way: Way) -> SignatureFormat {
    if way == Way::Ecdsa { SignatureFormat::Raw } else { SignatureFormat::Unspecified }
}

impl Signing {
    pub fn begin(asked: &Asked, object: Arc<Object>, slot: &Slot) -> Answer<Signing> {
        let mechanism = mechanisms::find(asked, CKF_SIGN)?;
        let signature_bytes = if mechanism.is_mac() {
            check_key(mechanism, &object, Half::Secret, Usage::Mac)?;
            mac_mode(mechanism.way, mechanism.hash, &object.key)?;
            codes::bytes_of(mechanism, &asked.parameter)
        } else {
            check_key(mechanism, &object, Half::Private, Usage::Sign)?;
            signature_bytes(&object, slot)?
        };
        let parameter = asked.parameter.clone();
        Ok(Signing { mechanism, parameter, object, signature_bytes, collected: Zeroizing::default(), in_pieces: false })
    }

    /// @errors all of them end the operation, which is the caller's to do.
    pub fn update(&mut self, piece: &[u8]) -> Answer<()> {
        if !self.mechanism.in_pieces() {
            return refuse(CKR_OPERATION_NOT_INITIALIZED);
        }
        if piece.len() > LONGEST_DATA - self.collected.len() {
            return refuse(CKR_DATA_LEN_RANGE);
        }
        self.in_pieces = true;
        append(&mut self.collected, piece);
        Ok(())
    }

    /// C_Sign with data, C_SignFinal without. Output other than bytes keeps the operation active, everything else ends it.
    pub fn end(&self, data: Option<&[u8]>, room: Room, slot: &Slot) -> Answer<Output> {
        match data {
            Some(_) if self.in_pieces => return refuse(CKR_OPERATION_ACTIVE),
            None if !self.mechanism.in_pieces() => return refuse(CKR_OPERATION_NOT_INITIALIZED),
            _ => {}
        }
        if let Some(early) = room.without(self.signature_bytes) {
            return Ok(early);
        }
        let data = data.unwrap_or(&self.collected);
        if data.len() > LONGEST_DATA {
            return refuse(CKR_DATA_LEN_RANGE);
        }
        let signature = self.signature(data, slot)?;
        // After a change of the key's version the length may be another one only for a key that changed altogether.
        if signature.len() == self.signature_bytes { Ok(Output::Bytes(signature)) } else { refuse(CKR_DEVICE_ERROR) }
    }

    fn signature(&self, data: &[u8], slot: &Slot) -> Answer<Vec<u8>> {
        if self.mechanism.is_mac() {
            return codes::make(self.mechanism, &self.parameter, &self.object, data, slot);
        }
        let (named, salt_bytes) = salt_of(&self.parameter);
        let way = self.mechanism.way;
        match (way, self.mechanism.hash) {
            (Way::Ecdsa, None) => {
                let hash = Hash::of_length(data.len()).ok_or(Refusal(CKR_DATA_LEN_RANGE))?;
                self.sign_digest(hash, data, None, slot)
            }
            (Way::Pkcs1, None) => match Hash::in_digest_info(data).filter(|_| !raw::bare_alone(&self.object)) {
                Some((hash, digest)) => self.sign_digest(hash, digest, None, slot),
                None => raw::sign(&self.object, data, RawPadding::Pkcs1, slot),
            },
            (Way::Raw, _) => raw::sign(&self.object, data, RawPadding::None, slot),
            (Way::Pss, None) => {
                let hash = named.filter(|hash| hash.bytes() == data.len()).ok_or(Refusal(CKR_DATA_LEN_RANGE))?;
                self.sign_digest(hash, data, salt_bytes, slot)
            }
            (_, hash) => {
                let request = SignRequest {
                    namespace: self.object.key.namespace.clone(),
                    key_id: self.object.key.key_id.clone(),
                    data: data.to_vec(),
                    digest: hash.map_or(0, Hash::number),
                    scheme: scheme_of(way, &self.parameter) as i32,
                    format: format_of(way) as i32,
                    context: context_of(&self.parameter),
                    salt_bytes,
                    ..Default::default()
                };
                let answer: SignResponse = slot.call("Sign", &request)?;
                self.object.saw_version(answer.version);
                Ok(answer.signature)
            }
        }
    }

    fn sign_digest(&self, hash: Hash, digest: &[u8], salt_bytes: Option<u32>, slot: &Slot) -> Answer<Vec<u8>> {
        let request = SignDigestRequest {
            namespace: self.object.key.namespace.clone(),
            key_id: self.object.key.key_id.clone(),
            digest_value: digest.to_vec(),
            digest: hash.number(),
            scheme: scheme_of(self.mechanism.way, &self.parameter) as i32,
            format: format_of(self.mechanism.way) as i32,
            salt_bytes,
            ..Default::default()
        };
        let answer: SignDigestResponse = slot.call("SignDigest", &request)?;
        self.object.saw_version(answer.version);
        Ok(answer.signature)
    }
}

impl Module {
    pub fn sign_init(&self, handle: CK_SESSION_HANDLE, asked: Option<&Asked>, key: CK_OBJECT_HANDLE) -> Answer<()> {
        self.with(handle, |session, slot| {
            let Some(asked) = asked else {
                session.signing = None;
                return Ok(());
            };
            if session.signing.is_some() {
                return refuse(CKR_OPERATION_ACTIVE);
            }
            let object = self.key(session, slot, key)?;
            session.signing = Some(match Signing::begin(asked, object.clone(), slot) {
                // The version that the object shows is gone.
                Err(Refusal(CKR_OBJECT_HANDLE_INVALID)) => Signing::begin(asked, self.read_again(slot, &object)?, slot)?,
                begun => begun?,
            });
            Ok(())
        })
    }

    pub fn sign_update(&self, handle: CK_SESSION_HANDLE, piece: &[u8]) -> Answer<()> {
        self.with(handle, |session, _| {
            let updated = session.signing.as_mut().ok_or(Refusal(CKR_OPERATION_NOT_INITIALIZED))?.update(piece);
            updated.inspect_err(|_| session.signing = None)
        })
    }

    pub fn sign_end(&self, handle: CK_SESSION_HANDLE, data: Option<&[u8]>, room: Room) -> Answer<Output> {
        self.with(handle, |session, slot| {
            let ended = session.signing.as_ref().ok_or(Refusal(CKR_OPERATION_NOT_INITIALIZED))?.end(data, room, slot);
            if !matches!(ended, Ok(Output::Length(_) | Output::TooSmall(_))) {
                let signed = session.signing.take().filter(|signing| ended.is_ok() && signing.object.is_outdated());
                // Whoever looks at the public half now must see the one that fits. That it cannot be read spoils no signature.
                let _ = signed.map(|signing| self.read_again(slot, &signing.object));
            }
            ended
        })
    }
}
