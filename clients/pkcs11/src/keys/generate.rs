//! C_GenerateKeyPair and C_GenerateKey: the vault makes the key; its objects are known here when it answers.

use cryptoki_sys::*;

use super::algorithms::{self, Makes};
use super::new_key::{NewKey, Templates};
use super::wanted::Wanted;
use crate::crypto::mechanisms::{self, Asked, Mechanism};
use crate::error::{Answer, Refusal, refuse};
use crate::module::{Made, Module};
use crate::objects::object::Half;
use crate::objects::template::Template;
use crate::proto::{GenerateKeyRequest, GenerateKeyResponse};
use crate::token::slot::Slot;

/// The exponent that keys of the service have, 65537.
const EXPONENT: [u8; 3] = [1, 0, 1];

fn pair_makes(mechanism: &Mechanism, templates: &Templates) -> Answer<Makes> {
    let Some(public) = &templates.public else { return refuse(CKR_GENERAL_ERROR) };
    let key_type = mechanism.keys[0];
    match key_type {
        CKK_RSA => {
            if public.unsigned(CKA_PUBLIC_EXPONENT).is_some_and(|exponent| **exponent != EXPONENT) {
                return refuse(CKR_ATTRIBUTE_VALUE_INVALID);
            }
            algorithms::rsa(public.needed_number(CKA_MODULUS_BITS)?)
        }
        CKK_EC | CKK_EC_EDWARDS | CKK_EC_MONTGOMERY => algorithms::on_curve(key_type, public.needed(CKA_EC_PARAMS)?, templates.purpose()),
        _ => algorithms::of_set(key_type, public.needed_number(CKA_PARAMETER_SET)?),
    }
}

/// What the public template says of how the pair is to be.
fn ways(key_type: CK_KEY_TYPE) -> &'static [CK_ATTRIBUTE_TYPE] {
    match key_type {
        CKK_RSA => &[CKA_MODULUS_BITS, CKA_PUBLIC_EXPONENT],
        CKK_EC | CKK_EC_EDWARDS | CKK_EC_MONTGOMERY => &[CKA_EC_PARAMS],
        _ => &[CKA_PARAMETER_SET],
    }
}

/// With its bytes, where the service leaves them to whoever asks.
fn secret_makes(mechanism: &Mechanism, templates: &Templates) -> Answer<(Makes, u32)> {
    let key_type = mechanism.keys[0];
    let hidden = &templates.hidden;
    let told = hidden.number(CKA_VALUE_LEN).map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    let bytes = told.or(algorithms::usual_bytes(key_type)).ok_or(Refusal(CKR_TEMPLATE_INCOMPLETE))?;
    let makes = algorithms::secret(key_type, bytes);
    let makes = makes.map_err(|refusal| if refusal.0 == CKR_KEY_SIZE_RANGE { Refusal(CKR_ATTRIBUTE_VALUE_INVALID) } else { refusal })?;
    Ok((makes, if algorithms::is_sized(makes.algorithm) { bytes as u32 } else { 0 }))
}

fn made(new: NewKey, size_bytes: u32, slot: &Slot) -> Answer<Made> {
    let request = GenerateKeyRequest {
        namespace: slot.view().namespace.clone(),
        algorithm: new.makes.algorithm as i32,
        usage: new.usage,
        tags: new.tags,
        exportable: new.exportable as i32,
        attributes: Some(new.attributes),
        session_key: !new.token,
        size_bytes,
        ..Default::default()
    };
    let answer: GenerateKeyResponse = slot.call("GenerateKey", &request).map_err(of_making)?;
    Made::of(answer.key, answer.public_key)
}

/// What the service refuses of a new key is in its template.
pub fn of_making(refusal: Refusal) -> Refusal {
    match refusal.0 {
        CKR_ARGUMENTS_BAD => Refusal(CKR_TEMPLATE_INCONSISTENT),
        // An id that another key has.
        CKR_TEMPLATE_INCONSISTENT => Refusal(CKR_ATTRIBUTE_VALUE_INVALID),
        _ => refusal,
    }
}

impl Module {
    /// @returns handles of the public and the private object
    pub fn generate_pair(
        &self,
        handle: CK_SESSION_HANDLE,
        asked: &Asked,
        public: &Template,
        private: &Template,
    ) -> Answer<(CK_OBJECT_HANDLE, CK_OBJECT_HANDLE)> {
        self.with(handle, |session, slot| {
            let mechanism = mechanisms::find(asked, CKF_GENERATE_KEY_PAIR)?;
            let key_type = mechanism.keys[0];
            let public = Wanted::read(public, Half::Public, ways(key_type))?;
            let templates = Templates { hidden: Wanted::read(private, Half::Private, &[])?, public: Some(public) };
            templates.of_type(key_type)?;
            let new = NewKey::of(&templates, pair_makes(mechanism, &templates)?, session, slot)?;
            let owner = new.owner(handle);
            let key = made(new, 0, slot)?;
            let of = |half| self.register_key(session.slot, &key, owner, half).ok_or(Refusal(CKR_DEVICE_ERROR));
            Ok((of(Half::Public)?, of(Half::Private)?))
        })
    }

    /// @returns the handle of the secret object
    pub fn generate_secret(&self, handle: CK_SESSION_HANDLE, asked: &Asked, template: &Template) -> Answer<CK_OBJECT_HANDLE> {
        self.with(handle, |session, slot| {
            let mechanism = mechanisms::find(asked, CKF_GENERATE)?;
            let templates = Templates { hidden: Wanted::read(template, Half::Secret, &[CKA_VALUE_LEN])?, public: None };
            templates.of_type(mechanism.keys[0])?;
            let (makes, size_bytes) = secret_makes(mechanism, &templates)?;
            let new = NewKey::of(&templates, makes, session, slot)?;
            let owner = new.owner(handle);
            let key = made(new, size_bytes, slot)?;
            self.register_key(session.slot, &key, owner, Half::Secret).ok_or(Refusal(CKR_DEVICE_ERROR))
        })
    }
}
