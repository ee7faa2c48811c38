//! C_WrapKey and C_UnwrapKey: keys under keys. What may leave, and under what, says the vault; and it remembers what left, so
//! that nothing comes back weaker.
//!
//! A public key that only this process knows wraps as well: the vault exports the key for its holder.

use cryptoki_sys::*;

use super::algorithms::{self, Makes};
use super::generate::of_making;
use super::new_key::{NewKey, Templates};
use super::wanted::Wanted;
use crate::crypto::digests::Hash;
use crate::crypto::mechanisms::{self, Asked, Mechanism, Parameter, Way};
use crate::crypto::modes::wrap_mode;
use crate::error::{Answer, Refusal, refuse};
use crate::module::{Made, Module};
use crate::objects::object::{Half, Object};
use crate::objects::template::Template;
use crate::output::{Output, Room};
use crate::proto::{
    ExportKeyRequest, ExportKeyResponse, UnwrapKeyRequest, UnwrapKeyResponse, Usage, WrapKeyRequest, WrapKeyResponse, WrappingMechanism,
};
use crate::token::slot::Slot;

/// How the service is told to wrap.
#[derive(Default)]
pub(super) struct How {
    pub mechanism: WrappingMechanism,
    pub digest: i32,
    /// AES-GCM.
    pub associated_data: Vec<u8>,
}

/// A wrapped key as the service takes it.
pub(super) struct Wrapped<'a> {
    pub bytes: &'a [u8],
    /// What is left for the material, up to the bytes that fill a block; none where that does not show.
    pub material: Option<usize>,
}

/// @errors `CKR_MECHANISM_PARAM_INVALID` for a label, which the service does not have
fn how(mechanism: &Mechanism, parameter: &Parameter) -> Answer<How> {
    let digest = |hash: &CK_MECHANISM_TYPE| Hash::of_mechanism(*hash).map_or(0, Hash::number);
    match (mechanism.way, parameter) {
        (Way::Oaep, Parameter::Oaep { hash, label, .. }) if label.is_empty() => {
            Ok(How { mechanism: WrappingMechanism::RsaOaep, digest: digest(hash), ..How::default() })
        }
        (Way::RsaAesKwp, Parameter::RsaAes { hash, .. }) => {
            Ok(How { mechanism: WrappingMechanism::RsaAesKwp, digest: digest(hash), ..How::default() })
        }
        (Way::AesKw | Way::AesKwp, _) => Ok(How::default()),
        _ => refuse(CKR_MECHANISM_PARAM_INVALID),
    }
}

/// The most that wrapping makes of the key, for whoever asks before.
fn longest(mechanism: &Mechanism, wrapping: &Object, target: &Object, slot: &Slot) -> Answer<usize> {
    let bits = target.key.attributes.as_ref().map_or(0, |attributes| attributes.size_bits()) as usize;
    let material = match (target.half, target.key_type) {
        // The service does not know how long one is that came in when it did not ask.
        (Half::Secret, CKK_GENERIC_SECRET) => 512,
        (Half::Secret, _) => bits / 8,
        // PKCS#8 with the numbers of PKCS#1: the modulus, a number as long, five half as long, and what stands around.
        (_, CKK_RSA) => bits / 8 * 9 / 2 + 80,
        (_, CKK_EC | CKK_EC_EDWARDS | CKK_EC_MONTGOMERY) => bits.div_ceil(8) * 4 + 64,
        _ => 8192,
    };
    let under_aes = material.next_multiple_of(8) + 8;
    Ok(match mechanism.way {
        Way::AesKw | Way::AesKwp => under_aes,
        Way::AesGcm => material,
        Way::Oaep => wrapping.public_key(slot)?.signature_bytes().unwrap_or(0),
        _ => wrapping.public_key(slot)?.signature_bytes().unwrap_or(0) + under_aes,
    })
}

/// Whether a key may begin to wrap or unwrap. The service decides again.
fn check(mechanism: &Mechanism, object: &Object, half: Half, usage: Usage, wrong: CK_RV) -> Answer<()> {
    let secret = object.half == Half::Secret;
    if !mechanism.fits(object.key_type) || (object.half != half && !secret) {
        return refuse(wrong);
    }
    let permitted = object.key.attributes.as_ref().is_some_and(|attributes| attributes.usage.contains(&(usage as i32)));
    if permitted { Ok(()) } else { refuse(CKR_KEY_FUNCTION_NOT_PERMITTED) }
}

fn wrapped(mechanism: &Mechanism, how: &How, wrapping: &Object, target: &Object, slot: &Slot) -> Answer<Vec<u8>> {
    if wrapping.local.is_some() {
        let request = ExportKeyRequest {
            namespace: target.key.namespace.clone(),
            key_id: target.key.key_id.clone(),
            recipient_public_key: wrapping.public_key(slot)?.pem(),
            mechanism: how.mechanism as i32,
            digest: how.digest,
            ..Default::default()
        };
        let answer: ExportKeyResponse = slot.call("ExportKey", &request)?;
        return Ok(answer.wrapped_key);
    }
    let request = WrapKeyRequest {
        namespace: wrapping.key.namespace.clone(),
        key_id: wrapping.key.key_id.clone(),
        target_key_id: target.key.key_id.clone(),
        mechanism: how.mechanism as i32,
        digest: how.digest,
        mode: wrap_mode(mechanism.way, &wrapping.key)? as i32,
        associated_data: how.associated_data.clone(),
        ..Default::default()
    };
    let answer: WrapKeyResponse = slot.call("WrapKey", &request)?;
    Ok(answer.wrapped_key)
}

/// Algorithms that the wrapped key may be of, the likeliest first: a template says its type, and not always its size.
fn candidates(key_type: CK_KEY_TYPE, material: Option<usize>, templates: &Templates) -> Answer<Vec<Makes>> {
    let wanted = &templates.hidden;
    let all: Vec<Makes> = match key_type {
        _ if key_type == CKK_GENERIC_SECRET || algorithms::hmac_of(key_type).is_some() => {
            let told = wanted.number(CKA_VALUE_LEN).map_or(32, |bytes| bytes as usize);
            vec![algorithms::secret(key_type, told)?]
        }
        CKK_AES | CKK_AES_XTS | CKK_CHACHA20 => {
            let told = wanted.number(CKA_VALUE_LEN).map(|bytes| bytes as usize).or(material);
            let sizes = told.map_or(vec![32, 16, 24, 64], |bytes| vec![bytes]);
            sizes.into_iter().filter_map(|bytes| algorithms::secret(key_type, bytes).ok()).collect()
        }
        CKK_RSA => {
            let likeliest = match material {
                Some(..1500) => 2048,
                Some(..2100) => 3072,
                _ => 4096,
            };
            let sizes = [likeliest, 2048, 3072, 4096].into_iter();
            sizes
                .enumerate()
                .filter(|(at, bits)| *at == 0 || *bits != likeliest)
                .filter_map(|(_, bits)| algorithms::rsa(bits).ok())
                .collect()
        }
        CKK_EC | CKK_EC_EDWARDS | CKK_EC_MONTGOMERY => match wanted.bytes(CKA_EC_PARAMS) {
            Some(params) => vec![algorithms::on_curve(key_type, params, templates.purpose())?],
            None => algorithms::every_curve(key_type, templates.purpose()),
        },
        _ => vec![algorithms::of_set(key_type, wanted.needed_number(CKA_PARAMETER_SET)?)?],
    };
    if all.is_empty() { refuse(CKR_WRAPPED_KEY_LEN_RANGE) } else { Ok(all) }
}

fn unwrapped(mechanism: &Mechanism, how: &How, unwrapping: &Object, bytes: &[u8], new: NewKey, slot: &Slot) -> Answer<Made> {
    let attributes = Some(new.attributes.clone());
    let request = UnwrapKeyRequest {
        namespace: unwrapping.key.namespace.clone(),
        key_id: unwrapping.key.key_id.clone(),
        wrapped_key: bytes.to_vec(),
        as_key: Some(new.into_template(0)),
        mechanism: how.mechanism as i32,
        digest: how.digest,
        mode: wrap_mode(mechanism.way, &unwrapping.key)? as i32,
        attributes,
        associated_data: how.associated_data.clone(),
        ..Default::default()
    };
    let answer: UnwrapKeyResponse = slot.call("UnwrapKey", &request)?;
    Made::of(answer.key, answer.public_key)
}

pub(super) enum Wrapping {
    Longest(usize),
    Done(Vec<u8>),
}

impl Module {
    pub fn wrap(
        &self,
        handle: CK_SESSION_HANDLE,
        asked: &Asked,
        wrapping: CK_OBJECT_HANDLE,
        target: CK_OBJECT_HANDLE,
        room: Room,
    ) -> Answer<Output> {
        let mechanism = mechanisms::find(asked, CKF_WRAP)?;
        // Inside a key that the service wraps by RSA there is always one of 256 bits.
        if matches!(asked.parameter, Parameter::RsaAes { aes_bits, .. } if aes_bits != 256) {
            return refuse(CKR_MECHANISM_PARAM_INVALID);
        }
        let how = how(mechanism, &asked.parameter)?;
        let bytes = match self.wrapped(handle, mechanism, &how, wrapping, target, matches!(room, Room::AsksLength))? {
            Wrapping::Longest(bytes) => return Ok(Output::Length(bytes)),
            Wrapping::Done(bytes) => bytes,
        };
        Ok(room.without(bytes.len()).unwrap_or(Output::Bytes(bytes)))
    }

    /// The key as the service wraps it, or how long that can be.
    pub(super) fn wrapped(
        &self,
        handle: CK_SESSION_HANDLE,
        mechanism: &Mechanism,
        how: &How,
        wrapping: CK_OBJECT_HANDLE,
        target: CK_OBJECT_HANDLE,
        asks_length: bool,
    ) -> Answer<Wrapping> {
        self.with(handle, |session, slot| {
            let wrapping = self.object(session, slot, wrapping).map_err(|_| Refusal(CKR_WRAPPING_KEY_HANDLE_INVALID))?;
            let target = self.key(session, slot, target)?;
            check(mechanism, &wrapping, Half::Public, Usage::Wrap, CKR_WRAPPING_KEY_TYPE_INCONSISTENT)?;
            if target.half == Half::Public {
                return refuse(CKR_KEY_NOT_WRAPPABLE);
            }
            if asks_length {
                if !target.key.attributes.as_ref().is_some_and(|attributes| attributes.extractable()) {
                    return refuse(CKR_KEY_UNEXTRACTABLE);
                }
                return Ok(Wrapping::Longest(longest(mechanism, &wrapping, &target, slot)?));
            }
            let bytes = wrapped(mechanism, how, &wrapping, &target, slot).map_err(|refusal| match refusal.0 {
                CKR_ARGUMENTS_BAD => Refusal(CKR_KEY_NOT_WRAPPABLE),
                CKR_MECHANISM_PARAM_INVALID => Refusal(CKR_KEY_SIZE_RANGE),
                _ => refusal,
            })?;
            Ok(Wrapping::Done(bytes))
        })
    }

    pub fn unwrap(
        &self,
        handle: CK_SESSION_HANDLE,
        asked: &Asked,
        unwrapping: CK_OBJECT_HANDLE,
        bytes: &[u8],
        template: &Template,
    ) -> Answer<CK_OBJECT_HANDLE> {
        let mechanism = mechanisms::find(asked, CKF_UNWRAP)?;
        let how = how(mechanism, &asked.parameter)?;
        self.unwrapped(handle, mechanism, &how, unwrapping, template, |modulus| {
            let material = match mechanism.way {
                Way::Oaep => None,
                Way::RsaAesKwp => bytes.len().checked_sub(modulus + 8),
                _ => bytes.len().checked_sub(8),
            };
            Wrapped { bytes, material }
        })
    }

    /// A new key of a wrapped one. @param wrapped   what there is to unwrap, by the length of an RSA modulus
    pub(super) fn unwrapped<'a>(
        &self,
        handle: CK_SESSION_HANDLE,
        mechanism: &Mechanism,
        how: &How,
        unwrapping: CK_OBJECT_HANDLE,
        template: &Template,
        wrapped: impl FnOnce(usize) -> Wrapped<'a>,
    ) -> Answer<CK_OBJECT_HANDLE> {
        self.with(handle, |session, slot| {
            let unwrapping = self.object(session, slot, unwrapping).map_err(|_| Refusal(CKR_UNWRAPPING_KEY_HANDLE_INVALID))?;
            check(mechanism, &unwrapping, Half::Private, Usage::Unwrap, CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT)?;
            let half = match template.number(CKA_CLASS).ok_or(Refusal(CKR_TEMPLATE_INCOMPLETE))? {
                CKO_PRIVATE_KEY => Half::Private,
                CKO_SECRET_KEY => Half::Secret,
                _ => return refuse(CKR_TEMPLATE_INCONSISTENT),
            };
            let key_type = template.number(CKA_KEY_TYPE).ok_or(Refusal(CKR_TEMPLATE_INCOMPLETE))?;
            let ways: &[CK_ATTRIBUTE_TYPE] = if half == Half::Secret { &[CKA_VALUE_LEN] } else { &[CKA_EC_PARAMS, CKA_PARAMETER_SET] };
            let templates = Templates { hidden: Wanted::read(template, half, ways)?, public: None };
            let modulus = if unwrapping.half == Half::Secret { 0 } else { unwrapping.public_key(slot)?.signature_bytes().unwrap_or(0) };
            let Wrapped { bytes, material } = wrapped(modulus);
            if bytes.is_empty() || bytes.len() > 32_768 {
                return refuse(CKR_WRAPPED_KEY_LEN_RANGE);
            }
            for makes in candidates(key_type, material, &templates)? {
                let new = NewKey::of(&templates, makes, session, slot)?;
                let owner = new.owner(handle);
                match unwrapped(mechanism, how, &unwrapping, bytes, new, slot) {
                    // Of a wrong size, or not a key at all: the service does not say which.
                    Err(Refusal(CKR_ENCRYPTED_DATA_INVALID)) => {}
                    Err(refusal) => return Err(of_making(refusal)),
                    Ok(made) => return self.register_key(session.slot, &made, owner, half).ok_or(Refusal(CKR_DEVICE_ERROR)),
                }
            }
            refuse(CKR_WRAPPED_KEY_INVALID)
        })
    }
}
