//! C_DeriveKey, C_EncapsulateKey and C_DecapsulateKey: a secret becomes a key of the vault, and nobody sees it on the way.
//!
//! Agreement with CKD_NULL makes the shared secret itself a generic secret, as long as it is.

use cryptoki_sys::*;

use super::algorithms::{self, Makes};
use super::generate::of_making;
use super::new_key::{NewKey, Templates};
use super::wanted::Wanted;
use crate::crypto::der;
use crate::crypto::digests::Hash;
use crate::crypto::mechanisms::{self, Asked, KdfMode, Mechanism, Parameter, Prf};
use crate::error::{Answer, Refusal, refuse};
use crate::module::{Made, Module};
use crate::objects::object::{Half, Object};
use crate::objects::template::Template;
use crate::output::{Output, Room};
use crate::proto::{
    AgreeKeyRequest, AgreeKeyResponse, DecapsulateRequest, DecapsulateResponse, DeriveKeyRequest, DeriveKeyResponse, EncapsulateRequest,
    EncapsulateResponse, Kdf, KeyDerivation, Usage,
};
use crate::token::session::Session;
use crate::token::slot::Slot;

/// Bytes of the secret that ML-KEM makes.
const ENCAPSULATED: usize = 32;

/// What a derived secret becomes, and how long it is.
struct Becomes {
    new: NewKey,
    bytes: usize,
}

/// @param own bytes of the secret when nothing says another length; none where a length must be said
/// @errors `CKR_TEMPLATE_INCOMPLETE`; `CKR_KEY_SIZE_RANGE`; as [`NewKey::of`]
fn becomes(template: &Template, own: Option<usize>, session: &Session, slot: &Slot) -> Answer<Becomes> {
    let templates = Templates { hidden: Wanted::read(template, Half::Secret, &[CKA_VALUE_LEN])?, public: None };
    let key_type = templates.hidden.number(CKA_KEY_TYPE).unwrap_or(CKK_GENERIC_SECRET);
    let told = templates.hidden.number(CKA_VALUE_LEN).map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    let bytes = told.or(algorithms::usual_bytes(key_type)).or(own).ok_or(Refusal(CKR_TEMPLATE_INCOMPLETE))?;
    let makes: Makes = algorithms::secret(key_type, bytes)?;
    Ok(Becomes { new: NewKey::of(&templates, makes, session, slot)?, bytes })
}

impl Becomes {
    fn template(self) -> crate::proto::KeyTemplate {
        let sized = algorithms::is_sized(self.new.makes.algorithm);
        let attributes = Some(self.new.attributes.clone());
        let size_bytes = if sized { self.bytes as u32 } else { 0 };
        crate::proto::KeyTemplate { attributes, ..self.new.into_template(size_bytes) }
    }
}

fn check(mechanism: &Mechanism, object: &Object, half: Half, usage: Usage) -> Answer<()> {
    if !mechanism.fits(object.key_type) || object.half != half {
        return refuse(CKR_KEY_TYPE_INCONSISTENT);
    }
    let permitted = object.key.attributes.as_ref().is_some_and(|attributes| attributes.usage.contains(&(usage as i32)));
    if permitted { Ok(()) } else { refuse(CKR_KEY_FUNCTION_NOT_PERMITTED) }
}

/// The function that a shared secret goes through, none where it is the key itself.
///
/// @errors `CKR_MECHANISM_PARAM_INVALID` for a function that the service does not have
fn agreement(kdf: CK_EC_KDF_TYPE, shared: &[u8]) -> Answer<Option<KeyDerivation>> {
    let (function, hash) = match kdf {
        CKD_NULL if shared.is_empty() => return Ok(None),
        CKD_SHA256_KDF => (Kdf::X963, Hash::Sha256),
        CKD_SHA384_KDF => (Kdf::X963, Hash::Sha384),
        CKD_SHA512_KDF => (Kdf::X963, Hash::Sha512),
        CKD_SHA3_256_KDF => (Kdf::X963, Hash::Sha3_256),
        CKD_SHA3_384_KDF => (Kdf::X963, Hash::Sha3_384),
        CKD_SHA3_512_KDF => (Kdf::X963, Hash::Sha3_512),
        CKD_SHA256_KDF_SP800 => (Kdf::OneStep, Hash::Sha256),
        CKD_SHA384_KDF_SP800 => (Kdf::OneStep, Hash::Sha384),
        CKD_SHA512_KDF_SP800 => (Kdf::OneStep, Hash::Sha512),
        CKD_SHA3_256_KDF_SP800 => (Kdf::OneStep, Hash::Sha3_256),
        CKD_SHA3_384_KDF_SP800 => (Kdf::OneStep, Hash::Sha3_384),
        CKD_SHA3_512_KDF_SP800 => (Kdf::OneStep, Hash::Sha3_512),
        _ => return refuse(CKR_MECHANISM_PARAM_INVALID),
    };
    Ok(Some(KeyDerivation { function: function as i32, digest: hash.number(), info: shared.to_vec(), ..Default::default() }))
}

fn agreed(object: &Object, kdf: CK_EC_KDF_TYPE, shared: &[u8], public: &[u8], wanted: Becomes, slot: &Slot) -> Answer<Made> {
    let derivation = agreement(kdf, shared)?;
    let field = algorithms::shared_bytes(object.key.algorithm());
    if derivation.is_none() && (Some(wanted.bytes) != field || wanted.new.makes != algorithms::secret(CKK_GENERIC_SECRET, wanted.bytes)?) {
        return refuse(CKR_TEMPLATE_INCONSISTENT);
    }
    let point = algorithms::point_bytes(object.key.algorithm());
    // As it is, or in an OCTET STRING (§6.3.17).
    let public = der::in_octet_string(public).filter(|inner| Some(inner.len()) == point).unwrap_or(public);
    let request = AgreeKeyRequest {
        namespace: object.key.namespace.clone(),
        key_id: object.key.key_id.clone(),
        peer_public_key: public.to_vec(),
        as_key: Some(wanted.template()),
        derivation,
        ..Default::default()
    };
    let answer: AgreeKeyResponse = slot.call("AgreeKey", &request).map_err(of_deriving)?;
    Made::of(answer.key, String::new())
}

/// What the service puts secrets through.
fn derivation(parameter: &Parameter, bytes: usize) -> Answer<KeyDerivation> {
    match parameter {
        Parameter::Hkdf { hash, salt, info, .. } => Ok(KeyDerivation {
            function: Kdf::Hkdf as i32,
            digest: Hash::of_mechanism(*hash).map_or(0, Hash::number),
            salt: salt.clone(),
            info: info.clone(),
            ..Default::default()
        }),
        Parameter::Sp800 { mode, prf, iv, counted, before_length, length_bits } => {
            let prf = Prf::of(*prf).ok_or(Refusal(CKR_MECHANISM_PARAM_INVALID))?;
            let (hmac, cmac) = match mode {
                KdfMode::Counter => (Kdf::CounterHmac, Kdf::CounterCmac),
                KdfMode::Feedback => (Kdf::FeedbackHmac, Kdf::FeedbackCmac),
                KdfMode::Pipeline => (Kdf::PipelineHmac, Kdf::PipelineCmac),
            };
            let (function, digest) = match prf {
                Prf::Hmac(hash) => (hmac, hash.number()),
                Prf::Cmac => (cmac, 0),
            };
            let length = (8 * bytes as u64).to_be_bytes();
            let info = [before_length, &length[8 - *length_bits as usize / 8..]].concat();
            // Nothing at all would mean another input to the service, that of no label and no context.
            if info.is_empty() {
                return refuse(CKR_MECHANISM_PARAM_INVALID);
            }
            let (salt, without_counter) = (iv.clone(), !counted);
            Ok(KeyDerivation { function: function as i32, digest, info, salt, without_counter, ..Default::default() })
        }
        _ => refuse(CKR_MECHANISM_PARAM_INVALID),
    }
}

/// What the service refuses of a derivation is in its parameters, what of the new key is in its template.
fn of_deriving(refusal: Refusal) -> Refusal {
    match refusal.0 {
        CKR_ARGUMENTS_BAD => Refusal(CKR_MECHANISM_PARAM_INVALID),
        _ => of_making(refusal),
    }
}

impl Module {
    pub fn derive(
        &self,
        handle: CK_SESSION_HANDLE,
        asked: &Asked,
        base: CK_OBJECT_HANDLE,
        template: &Template,
    ) -> Answer<CK_OBJECT_HANDLE> {
        self.with(handle, |session, slot| {
            let mechanism = mechanisms::find(asked, CKF_DERIVE)?;
            let object = self.key(session, slot, base)?;
            let half = if object.half == Half::Secret { Half::Secret } else { Half::Private };
            check(mechanism, &object, half, Usage::Derive)?;
            let own = match &asked.parameter {
                Parameter::Ecdh { kdf: CKD_NULL, .. } => algorithms::shared_bytes(object.key.algorithm()),
                _ => None,
            };
            let wanted = becomes(template, own, session, slot)?;
            let owner = wanted.new.owner(handle);
            let made = match &asked.parameter {
                Parameter::Ecdh { kdf, shared, public } => agreed(&object, *kdf, shared, public, wanted, slot)?,
                parameter => {
                    let request = DeriveKeyRequest {
                        namespace: object.key.namespace.clone(),
                        key_id: object.key.key_id.clone(),
                        derivation: Some(derivation(parameter, wanted.bytes)?),
                        as_key: Some(wanted.template()),
                        ..Default::default()
                    };
                    let answer: DeriveKeyResponse = slot.call("DeriveKey", &request).map_err(of_deriving)?;
                    Made::of(answer.key, String::new())?
                }
            };
            self.register_key(session.slot, &made, owner, Half::Secret).ok_or(Refusal(CKR_DEVICE_ERROR))
        })
    }

    /// @returns the ciphertext with the new key's handle; or its length, and nothing was made
    pub fn encapsulate(
        &self,
        handle: CK_SESSION_HANDLE,
        asked: &Asked,
        public: CK_OBJECT_HANDLE,
        template: &Template,
        room: Room,
    ) -> Answer<(Output, Option<CK_OBJECT_HANDLE>)> {
        self.with(handle, |session, slot| {
            let mechanism = mechanisms::find(asked, CKF_ENCAPSULATE)?;
            let object = self.key(session, slot, public)?;
            check(mechanism, &object, Half::Public, Usage::Encapsulate)?;
            // The service makes secrets with keys that it has.
            if object.local.is_some() {
                return refuse(CKR_KEY_FUNCTION_NOT_PERMITTED);
            }
            let wanted = becomes(template, Some(ENCAPSULATED), session, slot)?;
            let length = algorithms::ciphertext_bytes(object.key.algorithm()).ok_or(Refusal(CKR_KEY_TYPE_INCONSISTENT))?;
            if let Some(early) = room.without(length) {
                return Ok((early, None));
            }
            let owner = wanted.new.owner(handle);
            let request = EncapsulateRequest {
                namespace: object.key.namespace.clone(),
                key_id: object.key.key_id.clone(),
                as_key: Some(wanted.template()),
                ..Default::default()
            };
            let answer: EncapsulateResponse = slot.call("Encapsulate", &request).map_err(of_making)?;
            let made = Made::of(answer.key, String::new())?;
            let key = self.register_key(session.slot, &made, owner, Half::Secret).ok_or(Refusal(CKR_DEVICE_ERROR))?;
            match answer.ciphertext.len() == length {
                true => Ok((Output::Bytes(answer.ciphertext), Some(key))),
                false => refuse(CKR_DEVICE_ERROR),
            }
        })
    }

    pub fn decapsulate(
        &self,
        handle: CK_SESSION_HANDLE,
        asked: &Asked,
        private: CK_OBJECT_HANDLE,
        template: &Template,
        ciphertext: &[u8],
    ) -> Answer<CK_OBJECT_HANDLE> {
        self.with(handle, |session, slot| {
            let mechanism = mechanisms::find(asked, CKF_DECAPSULATE)?;
            let object = self.key(session, slot, private)?;
            check(mechanism, &object, Half::Private, Usage::Decapsulate)?;
            let wanted = becomes(template, Some(ENCAPSULATED), session, slot)?;
            if Some(ciphertext.len()) != algorithms::ciphertext_bytes(object.key.algorithm()) {
                return refuse(CKR_WRAPPED_KEY_LEN_RANGE);
            }
            let owner = wanted.new.owner(handle);
            let request = DecapsulateRequest {
                namespace: object.key.namespace.clone(),
                key_id: object.key.key_id.clone(),
                ciphertext: ciphertext.to_vec(),
                as_key: Some(wanted.template()),
                ..Default::default()
            };
            let answer: DecapsulateResponse = slot.call("Decapsulate", &request).map_err(of_making)?;
            let made = Made::of(answer.key, String::new())?;
            self.register_key(session.slot, &made, owner, Half::Secret).ok_or(Refusal(CKR_DEVICE_ERROR))
        })
    }
}
