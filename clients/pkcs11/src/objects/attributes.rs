//! The value of an attribute of an object, as bytes of PKCS#11 (3.2 §4.4 to §4.11).

use cryptoki_sys::*;

use crate::crypto::mechanisms;
use crate::crypto::public_key::{Numbers, octet_string};
use crate::error::{Answer, Refusal, refuse};
use crate::keys::{mechanism_names, set_of};
use crate::objects::object::{Half, Object};
use crate::proto::{KeyAttributes, Usage};
use crate::token::slot::Slot;

/// @errors `CKR_ATTRIBUTE_SENSITIVE` for key material; `CKR_ATTRIBUTE_TYPE_INVALID` for what the object does not have.
pub fn value(object: &Object, slot: &Slot, kind: CK_ATTRIBUTE_TYPE) -> Answer<Vec<u8>> {
    let none = KeyAttributes::default();
    let attributes = object.key.attributes.as_ref().unwrap_or(&none);
    let key_id = || object.key.key_id.as_bytes().to_vec();
    let is_public = object.half == Half::Public;
    Ok(match kind {
        CKA_CLASS => number(object.half.class()),
        CKA_KEY_TYPE => number(object.key_type),
        CKA_TOKEN => truth(object.owner.is_none()),
        CKA_PRIVATE => truth(!is_public && slot.needs_login()),
        CKA_MODIFIABLE => truth(attributes.modifiable.unwrap_or(true)),
        CKA_COPYABLE => truth(attributes.copyable.unwrap_or(true)),
        // The public half of a stored pair goes with the private one, and not before.
        CKA_DESTROYABLE => truth(attributes.destroyable.unwrap_or(true) && (!is_public || object.owner.is_some())),
        CKA_LABEL => attributes.label.as_ref().filter(|label| !label.is_empty()).map_or_else(key_id, |label| label.as_bytes().to_vec()),
        CKA_ID => attributes.id.as_ref().filter(|id| !id.is_empty()).cloned().unwrap_or_else(key_id),
        CKA_UNIQUE_ID => [object.name().as_bytes(), if is_public { b"/public" } else { b"" }].concat(),
        CKA_START_DATE => date(attributes.start_date.as_ref()),
        CKA_END_DATE => date(attributes.end_date.as_ref()),
        CKA_LOCAL => truth(attributes.local()),
        CKA_KEY_GEN_MECHANISM => number(generated_by(object, attributes)),
        CKA_ALLOWED_MECHANISMS => mechanism_names::kinds(&attributes.allowed_mechanisms, object.key.algorithm)
            .into_iter()
            .flat_map(CK_MECHANISM_TYPE::to_ne_bytes)
            .collect(),
        CKA_DERIVE => truth(may(attributes, Usage::Derive)),
        CKA_PARAMETER_SET if object.half != Half::Secret => {
            number(set_of(object.key_type, object.key.algorithm).ok_or(Refusal(CKR_ATTRIBUTE_TYPE_INVALID))?)
        }
        CKA_SUBJECT if object.half != Half::Secret => attributes.subject.clone().unwrap_or_default(),
        CKA_VALUE if is_public && [CKK_ML_DSA, CKK_ML_KEM, CKK_SLH_DSA].contains(&object.key_type) => {
            object.public_key(slot)?.bits().ok_or(Refusal(CKR_DEVICE_ERROR))?.to_vec()
        }
        CKA_PUBLIC_KEY_INFO if object.half != Half::Secret => object.public_key(slot)?.spki.clone(),
        CKA_MODULUS | CKA_PUBLIC_EXPONENT | CKA_MODULUS_BITS | CKA_EC_PARAMS | CKA_EC_POINT => return numbers(object, slot, kind),
        _ => return of_half(object, attributes, kind),
    })
}

/// Attributes that are the same for as long as there is the object: nobody needs to be asked.
pub fn is_constant(attribute: CK_ATTRIBUTE_TYPE) -> bool {
    matches!(attribute, CKA_CLASS | CKA_KEY_TYPE | CKA_TOKEN | CKA_PRIVATE | CKA_UNIQUE_ID)
}

/// What only some halves have.
fn of_half(object: &Object, attributes: &KeyAttributes, kind: CK_ATTRIBUTE_TYPE) -> Answer<Vec<u8>> {
    let rsa = object.key_type == CKK_RSA;
    Ok(match (object.half, kind) {
        (Half::Public, CKA_VERIFY) => truth(may(attributes, Usage::Verify)),
        (Half::Public, CKA_ENCRYPT) => truth(may(attributes, Usage::Encrypt)),
        (Half::Public, CKA_WRAP) => truth(may(attributes, Usage::Wrap)),
        (Half::Public, CKA_ENCAPSULATE) => truth(may(attributes, Usage::Encapsulate)),
        (Half::Private, CKA_DECAPSULATE) => truth(may(attributes, Usage::Decapsulate)),
        (Half::Public, CKA_VERIFY_RECOVER) => truth(false),
        (Half::Public | Half::Secret, CKA_TRUSTED) => truth(attributes.trusted()),
        (Half::Private, CKA_SIGN) => truth(may(attributes, Usage::Sign)),
        (Half::Private, CKA_DECRYPT) => truth(may(attributes, Usage::Decrypt)),
        (Half::Private, CKA_UNWRAP) => truth(may(attributes, Usage::Unwrap)),
        (Half::Private, CKA_SIGN_RECOVER) => truth(false),
        (Half::Private, CKA_ALWAYS_AUTHENTICATE) => truth(attributes.always_authenticate()),
        (Half::Secret, CKA_ENCRYPT) => truth(may(attributes, Usage::Encrypt)),
        (Half::Secret, CKA_DECRYPT) => truth(may(attributes, Usage::Decrypt)),
        (Half::Secret, CKA_SIGN) => truth(may(attributes, Usage::Mac)),
        (Half::Secret, CKA_VERIFY) => truth(may(attributes, Usage::VerifyMac)),
        (Half::Secret, CKA_WRAP) => truth(may(attributes, Usage::Wrap)),
        (Half::Secret, CKA_UNWRAP) => truth(may(attributes, Usage::Unwrap)),
        (Half::Secret, CKA_VALUE_LEN) => number(CK_ULONG::from(attributes.size_bits().div_ceil(8))),
        (Half::Private | Half::Secret, CKA_SENSITIVE) => truth(attributes.sensitive()),
        (Half::Private | Half::Secret, CKA_EXTRACTABLE) => truth(attributes.extractable()),
        (Half::Private | Half::Secret, CKA_ALWAYS_SENSITIVE) => truth(attributes.always_sensitive()),
        (Half::Private | Half::Secret, CKA_NEVER_EXTRACTABLE) => truth(attributes.never_extractable()),
        (Half::Private | Half::Secret, CKA_WRAP_WITH_TRUSTED) => truth(attributes.wrap_with_trusted()),
        // Read by `material` where it may be; nothing is found by it.
        (Half::Private | Half::Secret, CKA_VALUE) => return refuse(CKR_ATTRIBUTE_SENSITIVE),
        (Half::Private, CKA_PRIVATE_EXPONENT | CKA_PRIME_1 | CKA_PRIME_2 | CKA_EXPONENT_1 | CKA_EXPONENT_2 | CKA_COEFFICIENT) if rsa => {
            return refuse(CKR_ATTRIBUTE_SENSITIVE);
        }
        _ => return refuse(CKR_ATTRIBUTE_TYPE_INVALID),
    })
}

/// The mechanism that makes keys of its type, when the vault says that it made the key.
fn generated_by(object: &Object, attributes: &KeyAttributes) -> CK_MECHANISM_TYPE {
    if attributes.key_gen_mechanism().is_empty() {
        return CK_UNAVAILABLE_INFORMATION;
    }
    mechanisms::generating(object.key_type).map_or(CK_UNAVAILABLE_INFORMATION, |row| row.kind)
}

fn numbers(object: &Object, slot: &Slot, kind: CK_ATTRIBUTE_TYPE) -> Answer<Vec<u8>> {
    let invalid = Refusal(CKR_ATTRIBUTE_TYPE_INVALID);
    if object.half == Half::Secret || (object.half == Half::Private && matches!(kind, CKA_EC_POINT | CKA_MODULUS_BITS)) {
        return Err(invalid);
    }
    let rsa = matches!(kind, CKA_MODULUS | CKA_PUBLIC_EXPONENT | CKA_MODULUS_BITS);
    if rsa != (object.key_type == CKK_RSA) || !(rsa || [CKK_EC, CKK_EC_EDWARDS, CKK_EC_MONTGOMERY].contains(&object.key_type)) {
        return Err(invalid);
    }
    match (&object.public_key(slot)?.numbers, kind) {
        (Numbers::Rsa { modulus, .. }, CKA_MODULUS) => Ok(modulus.clone()),
        (Numbers::Rsa { exponent, .. }, CKA_PUBLIC_EXPONENT) => Ok(exponent.clone()),
        (Numbers::Rsa { modulus, .. }, CKA_MODULUS_BITS) => Ok(number(modulus.len() as CK_ULONG * 8)),
        (Numbers::Curve { oid, .. }, CKA_EC_PARAMS) => Ok(oid.clone()),
        (Numbers::Curve { point, .. }, CKA_EC_POINT) => Ok(octet_string(point)),
        _ => Err(invalid),
    }
}

fn may(attributes: &KeyAttributes, usage: Usage) -> bool {
    attributes.usage.contains(&(usage as i32))
}

fn truth(value: bool) -> Vec<u8> {
    vec![if value { CK_TRUE } else { CK_FALSE }]
}

fn number(value: CK_ULONG) -> Vec<u8> {
    value.to_ne_bytes().to_vec()
}

/// A CK_DATE: eight digits, year, month, day, in UTC; empty when there is none.
fn date(time: Option<&prost_types::Timestamp>) -> Vec<u8> {
    let Some(time) = time else { return vec![] };
    // Civil date of a day count: years begin in March here, so that a leap day is a year's last.
    let days = time.seconds.div_euclid(86_400) + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}{month:02}{day:02}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_days_of_the_calendar() {
        // Seconds from `date -u -d DATE +%s`.
        for (seconds, text) in [(0, "19700101"), (951_782_400, "20000229"), (951_868_800, "20000301"), (4_107_542_399, "21000228")] {
            assert_eq!(date(Some(&prost_types::Timestamp { seconds, nanos: 0 })), text.as_bytes());
        }
        assert_eq!(date(None), b"");
    }
}
