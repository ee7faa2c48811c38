//! C_CreateObject for keys: private and secret ones are imported into the vault, public ones stay in this process with
//! their session, because work with public keys needs nothing of the vault.
//!
//! A public key alone is no object of a token: the service keeps keys, and a public half comes with its private one.

use cryptoki_sys::*;
use zeroize::Zeroizing;

use super::algorithms::{self, Makes};
use super::generate::of_making;
use super::new_key::{NewKey, Templates};
use super::public::public_key;
use super::wanted::Wanted;
use crate::crypto::der::{self, Der};
use crate::error::{Answer, Refusal, refuse};
use crate::module::{Made, Module};
use crate::objects::object::{Half, key_type_name};
use crate::objects::template::Template;
use crate::proto::{ImportKeyRequest, ImportKeyResponse, Key, KeyAttributes, KeyMaterialFormat};
use crate::token::session::Session;
use crate::token::slot::Slot;

/// Key material as the service takes it.
struct Material {
    makes: Makes,
    bytes: Der,
    format: KeyMaterialFormat,
}

/// Numbers of an RSA key, in the order of its PKCS#1 form (RFC 8017 appendix A.1.2).
const RSA_NUMBERS: [CK_ATTRIBUTE_TYPE; 8] =
    [CKA_MODULUS, CKA_PUBLIC_EXPONENT, CKA_PRIVATE_EXPONENT, CKA_PRIME_1, CKA_PRIME_2, CKA_EXPONENT_1, CKA_EXPONENT_2, CKA_COEFFICIENT];

/// Attributes that such a private key consists of.
fn parts(key_type: CK_KEY_TYPE) -> Answer<&'static [CK_ATTRIBUTE_TYPE]> {
    match key_type {
        CKK_RSA => Ok(&RSA_NUMBERS),
        CKK_EC | CKK_EC_EDWARDS | CKK_EC_MONTGOMERY => Ok(&[CKA_EC_PARAMS, CKA_VALUE]),
        CKK_ML_DSA | CKK_ML_KEM => Ok(&[CKA_PARAMETER_SET, CKA_SEED, CKA_VALUE]),
        CKK_SLH_DSA => Ok(&[CKA_PARAMETER_SET, CKA_VALUE]),
        _ => refuse(CKR_ATTRIBUTE_VALUE_INVALID),
    }
}

fn private_material(key_type: CK_KEY_TYPE, templates: &Templates) -> Answer<Material> {
    let wanted = &templates.hidden;
    match key_type {
        CKK_RSA => {
            let mut numbers: [&[u8]; 8] = [&[]; 8];
            for (place, attribute) in numbers.iter_mut().zip(RSA_NUMBERS) {
                *place = wanted.needed(attribute)?;
            }
            let modulus = wanted.unsigned(CKA_MODULUS).unwrap_or_default();
            let makes = algorithms::rsa(8 * modulus.len() as CK_ULONG)?;
            Ok(Material { makes, bytes: der::rsa_private(numbers), format: KeyMaterialFormat::Pkcs8 })
        }
        CKK_EC | CKK_EC_EDWARDS | CKK_EC_MONTGOMERY => {
            let makes = algorithms::on_curve(key_type, wanted.needed(CKA_EC_PARAMS)?, templates.purpose())?;
            let value = wanted.needed(CKA_VALUE)?;
            // A scalar is a number (§6.3.4): it may come without its zeros.
            let scalar = wanted.unsigned(CKA_VALUE).unwrap_or_default();
            let bytes = match algorithms::scalar_bytes(makes.algorithm) {
                Some(bytes) if scalar.len() <= bytes => Zeroizing::new([&vec![0; bytes - scalar.len()][..], &scalar].concat()),
                _ => Zeroizing::new(value.to_vec()),
            };
            Ok(Material { makes, bytes, format: KeyMaterialFormat::Raw })
        }
        _ => {
            let makes = algorithms::of_set(key_type, wanted.needed_number(CKA_PARAMETER_SET)?)?;
            // The seed says the key; the long form alone does not say its seed.
            let value = wanted.needed(if key_type == CKK_SLH_DSA { CKA_VALUE } else { CKA_SEED })?;
            Ok(Material { makes, bytes: Zeroizing::new(value.to_vec()), format: KeyMaterialFormat::Raw })
        }
    }
}

fn secret_material(key_type: CK_KEY_TYPE, templates: &Templates) -> Answer<Material> {
    let value = templates.hidden.needed(CKA_VALUE)?;
    let makes = algorithms::secret(key_type, value.len()).map_err(|refusal| match refusal.0 {
        CKR_KEY_SIZE_RANGE => Refusal(CKR_ATTRIBUTE_VALUE_INVALID),
        _ => refusal,
    })?;
    Ok(Material { makes, bytes: Zeroizing::new(value.to_vec()), format: KeyMaterialFormat::Raw })
}

fn imported(new: NewKey, material: Material, slot: &Slot) -> Answer<Made> {
    let mut request = ImportKeyRequest {
        namespace: slot.view().namespace.clone(),
        algorithm: new.makes.algorithm as i32,
        key_material: material.bytes.to_vec(),
        format: material.format as i32,
        usage: new.usage,
        tags: new.tags,
        exportable: new.exportable as i32,
        attributes: Some(new.attributes),
        session_key: !new.token,
        ..Default::default()
    };
    let answer: Answer<ImportKeyResponse> = slot.call("ImportKey", &request);
    zeroize::Zeroize::zeroize(&mut request.key_material);
    let answer = answer.map_err(of_making)?;
    Made::of(answer.key, answer.public_key)
}

impl Module {
    /// Makes an object of a template. Certificates and data are not made here.
    ///
    /// @errors `CKR_TEMPLATE_INCOMPLETE` without a class or a type; `CKR_ATTRIBUTE_VALUE_INVALID` for a class that is none of
    ///   keys
    pub fn create_key(&self, handle: CK_SESSION_HANDLE, template: &Template) -> Answer<CK_OBJECT_HANDLE> {
        self.with(handle, |session, slot| {
            let half = match template.number(CKA_CLASS).ok_or(Refusal(CKR_TEMPLATE_INCOMPLETE))? {
                CKO_PUBLIC_KEY => Half::Public,
                CKO_PRIVATE_KEY => Half::Private,
                CKO_SECRET_KEY => Half::Secret,
                _ => return refuse(CKR_ATTRIBUTE_VALUE_INVALID),
            };
            let key_type = template.number(CKA_KEY_TYPE).ok_or(Refusal(CKR_TEMPLATE_INCOMPLETE))?;
            if half == Half::Public {
                return self.create_public(handle, session, key_type, template);
            }
            let ways = if half == Half::Secret { &[CKA_VALUE][..] } else { parts(key_type)? };
            let templates = Templates { hidden: Wanted::read(template, half, ways)?, public: None };
            let material = match half {
                Half::Secret => secret_material(key_type, &templates)?,
                _ => private_material(key_type, &templates)?,
            };
            let new = NewKey::of(&templates, material.makes, session, slot)?;
            let owner = new.owner(handle);
            let made = imported(new, material, slot)?;
            self.register_key(session.slot, &made, owner, half).ok_or(Refusal(CKR_DEVICE_ERROR))
        })
    }

    fn create_public(
        &self,
        handle: CK_SESSION_HANDLE,
        session: &Session,
        key_type: CK_KEY_TYPE,
        template: &Template,
    ) -> Answer<CK_OBJECT_HANDLE> {
        let (wanted, makes, public) = public_key(key_type, template)?;
        if wanted.truth(CKA_TOKEN) == Some(true) || wanted.truth(CKA_PRIVATE) == Some(true) || wanted.truth(CKA_TRUSTED) == Some(true) {
            return refuse(CKR_ATTRIBUTE_VALUE_INVALID);
        }
        let usage = wanted.public_usage(makes.usages)?;
        let attributes = KeyAttributes {
            label: wanted.bytes(CKA_LABEL).map(|label| String::from_utf8_lossy(label).into_owned()),
            id: wanted.bytes(CKA_ID).map(<[u8]>::to_vec),
            subject: wanted.bytes(CKA_SUBJECT).map(<[u8]>::to_vec),
            object_class: Some("private".to_owned()),
            key_type: key_type_name(key_type).map(str::to_owned),
            usage: usage.clone(),
            modifiable: Some(wanted.truth(CKA_MODIFIABLE).unwrap_or(true)),
            ..Default::default()
        };
        let key = Key { algorithm: makes.algorithm as i32, version: 1, usage, attributes: Some(attributes), ..Default::default() };
        Ok(self.register_public(session.slot, key_type, key, handle, public))
    }
}
