//! Key material that may be read: of keys that are not sensitive and extractable, by an export in plain, which the service
//! permits, refuses and records as any other. Nothing is kept here, and everything is wiped.

use cryptoki_sys::*;
use zeroize::Zeroizing;

use crate::crypto::der;
use crate::error::{Answer, Refusal, refuse};
use crate::objects::object::{Half, Object};
use crate::proto::{ExportKeyRequest, ExportKeyResponse};
use crate::token::slot::Slot;

const RSA: [CK_ATTRIBUTE_TYPE; 6] = [CKA_PRIVATE_EXPONENT, CKA_PRIME_1, CKA_PRIME_2, CKA_EXPONENT_1, CKA_EXPONENT_2, CKA_COEFFICIENT];

/// Whether the attribute is what the key consists of, of an object of that kind.
pub fn is_material(object: &Object, attribute: CK_ATTRIBUTE_TYPE) -> bool {
    match object.half {
        Half::Public => false,
        Half::Private if object.key_type == CKK_RSA => RSA.contains(&attribute),
        Half::Private | Half::Secret => attribute == CKA_VALUE,
    }
}

/// @errors `CKR_ATTRIBUTE_SENSITIVE` for keys that are sensitive or not extractable, and for whoever may not export in plain
pub fn value(object: &Object, slot: &Slot, attribute: CK_ATTRIBUTE_TYPE) -> Answer<Zeroizing<Vec<u8>>> {
    let sensitive = Refusal(CKR_ATTRIBUTE_SENSITIVE);
    let attributes = object.key.attributes.as_ref().ok_or(sensitive)?;
    if attributes.sensitive() || !attributes.extractable() {
        return Err(sensitive);
    }
    let request = ExportKeyRequest {
        namespace: object.key.namespace.clone(),
        key_id: object.key.key_id.clone(),
        version: object.key.version,
        plain: true,
        ..Default::default()
    };
    let answer: ExportKeyResponse = slot.call("ExportKey", &request).map_err(|refusal| match refusal.0 {
        CKR_ACTION_PROHIBITED | CKR_KEY_UNEXTRACTABLE | CKR_KEY_FUNCTION_NOT_PERMITTED => sensitive,
        _ => refusal,
    })?;
    let material = Zeroizing::new(answer.key_material);
    if object.half == Half::Secret {
        return Ok(material);
    }
    let numbers = der::private_numbers(&material).ok_or(sensitive)?;
    let number = match RSA.iter().position(|known| *known == attribute) {
        // Behind modulus and public exponent.
        Some(place) if numbers.len() == 8 => numbers[2 + place],
        None if numbers.len() == 1 => numbers[0],
        _ => return refuse(CKR_ATTRIBUTE_SENSITIVE),
    };
    Ok(Zeroizing::new(number.to_vec()))
}
