//! A public key out of the attributes that it consists of.

use cryptoki_sys::*;

use super::algorithms::{self, For, Makes};
use super::wanted::Wanted;
use crate::crypto::der;
use crate::crypto::public_key::PublicKey;
use crate::error::{Answer, Refusal, refuse};
use crate::objects::object::Half;
use crate::objects::template::Template;
use crate::proto::Algorithm;

/// First bytes of ML-DSA's, SLH-DSA's and ML-KEM's identifiers: the arcs behind 2.16.840.1.101.3.4 of a parameter set.
fn arcs(algorithm: Algorithm) -> Option<[u8; 2]> {
    const SETS: &[(&str, [u8; 2])] = &[
        ("MlKem512", [4, 1]),
        ("MlKem768", [4, 2]),
        ("MlKem1024", [4, 3]),
        ("MlDsa44", [3, 17]),
        ("MlDsa65", [3, 18]),
        ("MlDsa87", [3, 19]),
        ("SlhDsaSha2_128s", [3, 20]),
        ("SlhDsaSha2_128f", [3, 21]),
        ("SlhDsaSha2_192s", [3, 22]),
        ("SlhDsaSha2_192f", [3, 23]),
        ("SlhDsaSha2_256s", [3, 24]),
        ("SlhDsaSha2_256f", [3, 25]),
        ("SlhDsaShake_128s", [3, 26]),
        ("SlhDsaShake_128f", [3, 27]),
        ("SlhDsaShake_192s", [3, 28]),
        ("SlhDsaShake_192f", [3, 29]),
        ("SlhDsaShake_256s", [3, 30]),
        ("SlhDsaShake_256f", [3, 31]),
    ];
    SETS.iter().find(|(name, _)| *name == algorithm.as_str_name()).map(|(_, arcs)| *arcs)
}

/// The key that a template of C_CreateObject is. Of an elliptic point, also one that is not in an OCTET STRING is taken.
///
/// @errors `CKR_TEMPLATE_INCOMPLETE`; `CKR_ATTRIBUTE_VALUE_INVALID`; as [`Wanted::read`]
pub fn public_key(key_type: CK_KEY_TYPE, template: &Template) -> Answer<(Wanted<'_>, Makes, PublicKey)> {
    let ways: &[CK_ATTRIBUTE_TYPE] = match key_type {
        CKK_RSA => &[CKA_MODULUS, CKA_PUBLIC_EXPONENT],
        CKK_EC | CKK_EC_EDWARDS | CKK_EC_MONTGOMERY => &[CKA_EC_PARAMS, CKA_EC_POINT],
        CKK_ML_DSA | CKK_ML_KEM | CKK_SLH_DSA => &[CKA_PARAMETER_SET, CKA_VALUE],
        _ => return refuse(CKR_ATTRIBUTE_VALUE_INVALID),
    };
    let wanted = Wanted::read(template, Half::Public, ways)?;
    let (makes, spki) = match key_type {
        CKK_RSA => {
            let modulus = wanted.needed(CKA_MODULUS)?;
            let exponent = wanted.needed(CKA_PUBLIC_EXPONENT)?;
            let bits = 8 * wanted.unsigned(CKA_MODULUS).map_or(0, |modulus| modulus.len());
            (algorithms::rsa(bits as CK_ULONG)?, der::rsa_public(modulus, exponent))
        }
        CKK_EC | CKK_EC_EDWARDS | CKK_EC_MONTGOMERY => {
            let params = wanted.needed(CKA_EC_PARAMS)?;
            let derives = For { sign: wanted.truth(CKA_VERIFY) == Some(true), derive: wanted.truth(CKA_DERIVE) == Some(true) };
            let makes = algorithms::on_curve(key_type, params, derives)?;
            let point = wanted.needed(CKA_EC_POINT)?;
            let length = algorithms::point_bytes(makes.algorithm);
            let point = der::in_octet_string(point).filter(|inner| Some(inner.len()) == length).unwrap_or(point);
            let uncompressed = key_type != CKK_EC || point.first() == Some(&4);
            if Some(point.len()) != length || !uncompressed {
                return refuse(CKR_ATTRIBUTE_VALUE_INVALID);
            }
            let oid = algorithms::curve_oid(key_type, params)?;
            (makes, if key_type == CKK_EC { der::ec_public(oid, point) } else { der::bare_public(oid, point) })
        }
        _ => {
            let makes = algorithms::of_set(key_type, wanted.needed_number(CKA_PARAMETER_SET)?)?;
            let arcs = arcs(makes.algorithm).ok_or(Refusal(CKR_GENERAL_ERROR))?;
            (makes, der::bare_public(&der::nist(arcs), wanted.needed(CKA_VALUE)?))
        }
    };
    let public = PublicKey::of_spki(spki).map_err(|_| Refusal(CKR_ATTRIBUTE_VALUE_INVALID))?;
    if !public.is_sound() {
        return refuse(CKR_ATTRIBUTE_VALUE_INVALID);
    }
    Ok((wanted, makes, public))
}
