//! Which algorithm of the service a key type with its parameters is, and what keys of it can be for.
//!
//! PKCS#11 names a key by its type and leaves open what is done with it; the service names what is done. So an elliptic key
//! that is to sign is an ECDSA key, and one that is only to derive is an ECDH key: keys there do the one or the other.

use std::ops::RangeInclusive;

use cryptoki_sys::*;

use crate::error::{Answer, Refusal, refuse};
use crate::proto::{Algorithm, Usage};

/// An algorithm, and the uses of it that PKCS#11 has names for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Makes {
    pub algorithm: Algorithm,
    pub usages: &'static [Usage],
}

const SIGNS: &[Usage] = &[Usage::Sign, Usage::Verify];
const RSA: &[Usage] = &[Usage::Sign, Usage::Verify, Usage::Encrypt, Usage::Decrypt, Usage::Wrap, Usage::Unwrap];
const ENCAPSULATES: &[Usage] = &[Usage::Encapsulate, Usage::Decapsulate];
const CIPHER: &[Usage] = &[Usage::Encrypt, Usage::Decrypt];
const AES: &[Usage] = &[Usage::Encrypt, Usage::Decrypt, Usage::Mac, Usage::VerifyMac, Usage::Wrap, Usage::Unwrap];
const MACS: &[Usage] = &[Usage::Mac, Usage::VerifyMac];
const DERIVES: &[Usage] = &[Usage::Derive];
const GENERIC: &[Usage] = &[Usage::Derive, Usage::Mac, Usage::VerifyMac];

fn makes(name: &str, usages: &'static [Usage]) -> Answer<Makes> {
    let algorithm = Algorithm::from_str_name(name).ok_or(Refusal(CKR_GENERAL_ERROR))?;
    Ok(Makes { algorithm, usages })
}

/// What a key on a curve is wanted for.
#[derive(Clone, Copy, Debug, Default)]
pub struct For {
    pub sign: bool,
    pub derive: bool,
}

/// @errors `CKR_ATTRIBUTE_VALUE_INVALID`
pub fn rsa(modulus_bits: CK_ULONG) -> Answer<Makes> {
    match modulus_bits {
        2048 => makes("Rsa2048", RSA),
        3072 => makes("Rsa3072", RSA),
        4096 => makes("Rsa4096", RSA),
        _ => refuse(CKR_ATTRIBUTE_VALUE_INVALID),
    }
}

struct Curve {
    key_type: CK_KEY_TYPE,
    /// DER of the object identifier, and the name that may stand in its place as a PrintableString (§6.3.3).
    oid: &'static [u8],
    names: &'static [&'static str],
    signs: Option<&'static str>,
    derives: Option<&'static str>,
}

const fn weierstrass(oid: &'static [u8], names: &'static [&'static str], signs: &'static str, derives: &'static str) -> Curve {
    Curve { key_type: CKK_EC, oid, names, signs: Some(signs), derives: Some(derives) }
}

const fn edwards(oid: &'static [u8], names: &'static [&'static str], signs: &'static str) -> Curve {
    Curve { key_type: CKK_EC_EDWARDS, oid, names, signs: Some(signs), derives: None }
}

const fn montgomery(oid: &'static [u8], names: &'static [&'static str], derives: &'static str) -> Curve {
    Curve { key_type: CKK_EC_MONTGOMERY, oid, names, signs: None, derives: Some(derives) }
}

static CURVES: &[Curve] = &[
    weierstrass(&[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7], &["secp256r1", "prime256v1", "P-256"], "EcdsaP256", "EcdhP256"),
    weierstrass(&[6, 5, 0x2b, 0x81, 4, 0, 34], &["secp384r1", "P-384"], "EcdsaP384", "EcdhP384"),
    weierstrass(&[6, 5, 0x2b, 0x81, 4, 0, 35], &["secp521r1", "P-521"], "EcdsaP521", "EcdhP521"),
    weierstrass(&[6, 5, 0x2b, 0x81, 4, 0, 10], &["secp256k1"], "EcdsaSecp256k1", "EcdhSecp256k1"),
    edwards(&[6, 3, 0x2b, 0x65, 112], &["edwards25519"], "Ed25519"),
    edwards(&[6, 3, 0x2b, 0x65, 113], &["edwards448"], "Ed448"),
    // RFC 8410's identifiers, and those that GnuPG and older applications give for the same curves.
    montgomery(&[6, 3, 0x2b, 0x65, 110], &["curve25519"], "X25519"),
    montgomery(&[6, 3, 0x2b, 0x65, 111], &["curve448"], "X448"),
    edwards(&[6, 9, 0x2b, 6, 1, 4, 1, 0xda, 0x47, 0x0f, 1], &[], "Ed25519"),
    montgomery(&[6, 10, 0x2b, 6, 1, 4, 1, 0x97, 0x55, 1, 5, 1], &[], "X25519"),
];

/// @errors `CKR_CURVE_NOT_SUPPORTED`; `CKR_TEMPLATE_INCONSISTENT` for a curve that such keys are not on
fn curve(key_type: CK_KEY_TYPE, params: &[u8]) -> Answer<&'static Curve> {
    let name = match params {
        // Whatever length it says: pkcs11-tool 0.23 says a wrong one of curve25519, and only known names count.
        [0x13, _, name @ ..] => std::str::from_utf8(name).ok(),
        _ => None,
    };
    let found = CURVES.iter().find(|curve| curve.oid == params || name.is_some_and(|name| curve.names.contains(&name)));
    let found = found.ok_or(Refusal(CKR_CURVE_NOT_SUPPORTED))?;
    if found.key_type == key_type { Ok(found) } else { refuse(CKR_TEMPLATE_INCONSISTENT) }
}

/// Keys on a curve sign where they can, unless they are to derive and not to sign.
///
/// @errors as [`curve`]
pub fn on_curve(key_type: CK_KEY_TYPE, params: &[u8], wanted: For) -> Answer<Makes> {
    let curve = curve(key_type, params)?;
    match (curve.signs, curve.derives) {
        (_, Some(derives)) if curve.signs.is_none() || (wanted.derive && !wanted.sign) => makes(derives, DERIVES),
        (Some(signs), _) => makes(signs, SIGNS),
        (None, _) => refuse(CKR_CURVE_NOT_SUPPORTED),
    }
}

/// The identifier by which the service knows the curve, whatever way it was named. @errors as [`curve`]
pub fn curve_oid(key_type: CK_KEY_TYPE, params: &[u8]) -> Answer<&'static [u8]> {
    let named = curve(key_type, params)?;
    let same = |other: &&Curve| (other.signs, other.derives) == (named.signs, named.derives);
    Ok(CURVES.iter().find(same).map_or(named.oid, |curve| curve.oid))
}

/// Keys of every curve that such keys are on.
pub fn every_curve(key_type: CK_KEY_TYPE, wanted: For) -> Vec<Makes> {
    let curves = CURVES.iter().filter(|curve| curve.key_type == key_type);
    let mut makes: Vec<Makes> = curves.filter_map(|curve| on_curve(key_type, curve.oid, wanted).ok()).collect();
    makes.dedup();
    makes
}

/// Bytes of a scalar, of keys whose private half is one.
pub fn scalar_bytes(algorithm: Algorithm) -> Option<usize> {
    match algorithm.as_str_name() {
        "EcdsaP256" | "EcdhP256" | "EcdsaSecp256k1" | "EcdhSecp256k1" => Some(32),
        "EcdsaP384" | "EcdhP384" => Some(48),
        "EcdsaP521" | "EcdhP521" => Some(66),
        _ => None,
    }
}

/// Bytes of a public key on a curve: a point that is not compressed, or the bare key of RFC 8032 and RFC 7748.
pub fn point_bytes(algorithm: Algorithm) -> Option<usize> {
    scalar_bytes(algorithm).map(|bytes| 1 + 2 * bytes).or(match algorithm.as_str_name() {
        "Ed25519" | "X25519" => Some(32),
        "X448" => Some(56),
        "Ed448" => Some(57),
        _ => None,
    })
}

/// Bytes of the secret that two keys of the algorithm share: a coordinate of the curve.
pub fn shared_bytes(algorithm: Algorithm) -> Option<usize> {
    match algorithm.as_str_name() {
        "X25519" => Some(32),
        "X448" => Some(56),
        _ => scalar_bytes(algorithm),
    }
}

/// Bytes that one encapsulation sends (FIPS 203 §8).
pub fn ciphertext_bytes(algorithm: Algorithm) -> Option<usize> {
    match algorithm {
        Algorithm::MlKem512 => Some(768),
        Algorithm::MlKem768 => Some(1088),
        Algorithm::MlKem1024 => Some(1568),
        _ => None,
    }
}

const ML_DSA: &[(CK_ULONG, &str)] = &[(CKP_ML_DSA_44, "MlDsa44"), (CKP_ML_DSA_65, "MlDsa65"), (CKP_ML_DSA_87, "MlDsa87")];
const ML_KEM: &[(CK_ULONG, &str)] = &[(CKP_ML_KEM_512, "MlKem512"), (CKP_ML_KEM_768, "MlKem768"), (CKP_ML_KEM_1024, "MlKem1024")];
const SLH_DSA: &[(CK_ULONG, &str)] = &[
    (CKP_SLH_DSA_SHA2_128S, "SlhDsaSha2_128s"),
    (CKP_SLH_DSA_SHAKE_128S, "SlhDsaShake_128s"),
    (CKP_SLH_DSA_SHA2_128F, "SlhDsaSha2_128f"),
    (CKP_SLH_DSA_SHAKE_128F, "SlhDsaShake_128f"),
    (CKP_SLH_DSA_SHA2_192S, "SlhDsaSha2_192s"),
    (CKP_SLH_DSA_SHAKE_192S, "SlhDsaShake_192s"),
    (CKP_SLH_DSA_SHA2_192F, "SlhDsaSha2_192f"),
    (CKP_SLH_DSA_SHAKE_192F, "SlhDsaShake_192f"),
    (CKP_SLH_DSA_SHA2_256S, "SlhDsaSha2_256s"),
    (CKP_SLH_DSA_SHAKE_256S, "SlhDsaShake_256s"),
    (CKP_SLH_DSA_SHA2_256F, "SlhDsaSha2_256f"),
    (CKP_SLH_DSA_SHAKE_256F, "SlhDsaShake_256f"),
];

fn sets(key_type: CK_KEY_TYPE) -> (&'static [(CK_ULONG, &'static str)], &'static [Usage]) {
    match key_type {
        CKK_ML_DSA => (ML_DSA, SIGNS),
        CKK_SLH_DSA => (SLH_DSA, SIGNS),
        CKK_ML_KEM => (ML_KEM, ENCAPSULATES),
        _ => (&[], &[]),
    }
}

/// A post-quantum key by its parameter set. @errors `CKR_PARAMETER_SET_NOT_SUPPORTED`
pub fn of_set(key_type: CK_KEY_TYPE, set: CK_ULONG) -> Answer<Makes> {
    let (sets, usages) = sets(key_type);
    let (_, name) = sets.iter().find(|(number, _)| *number == set).ok_or(Refusal(CKR_PARAMETER_SET_NOT_SUPPORTED))?;
    makes(name, usages)
}

/// CKA_PARAMETER_SET of a key, by its type and algorithm.
pub fn set_of(key_type: CK_KEY_TYPE, algorithm: i32) -> Option<CK_ULONG> {
    let known = |name: &str| Algorithm::from_str_name(name).map(|found| found as i32) == Some(algorithm);
    sets(key_type).0.iter().find(|(_, name)| known(name)).map(|(number, _)| *number)
}

/// A secret key of so many bytes.
///
/// @errors `CKR_KEY_SIZE_RANGE`; `CKR_TEMPLATE_INCONSISTENT` for a type that no secret key has
pub fn secret(key_type: CK_KEY_TYPE, bytes: usize) -> Answer<Makes> {
    let sized = |names: &[(usize, &'static str)], usages| {
        let (_, name) = names.iter().find(|(size, _)| *size == bytes).ok_or(Refusal(CKR_KEY_SIZE_RANGE))?;
        makes(name, usages)
    };
    match key_type {
        CKK_AES => sized(&[(16, "Aes128"), (24, "Aes192"), (32, "Aes256")], AES),
        CKK_AES_XTS => sized(&[(32, "Aes128Xts"), (64, "Aes256Xts")], CIPHER),
        CKK_CHACHA20 => sized(&[(32, "ChaCha20Poly1305")], CIPHER),
        CKK_GENERIC_SECRET if HMAC_BYTES.contains(&bytes) => makes("GenericSecret", GENERIC),
        CKK_GENERIC_SECRET if SECRET_BYTES.contains(&bytes) => makes("GenericSecret", DERIVES),
        CKK_GENERIC_SECRET => refuse(CKR_KEY_SIZE_RANGE),
        _ => match HMACS.iter().find(|row| row.0 == key_type) {
            Some((_, algorithm, _)) if HMAC_BYTES.contains(&bytes) => Ok(Makes { algorithm: *algorithm, usages: MACS }),
            Some(_) => refuse(CKR_KEY_SIZE_RANGE),
            None => refuse(CKR_TEMPLATE_INCONSISTENT),
        },
    }
}

/// Lengths of secrets that the service has, and of keys that make codes alone.
const SECRET_BYTES: RangeInclusive<usize> = 1..=512;
const HMAC_BYTES: RangeInclusive<usize> = 14..=512;

/// Key types of the HMACs, and how long their keys are when nobody says.
const HMACS: &[(CK_KEY_TYPE, Algorithm, usize)] = &[
    (CKK_SHA256_HMAC, Algorithm::HmacSha256, 32),
    (CKK_SHA384_HMAC, Algorithm::HmacSha384, 48),
    (CKK_SHA512_HMAC, Algorithm::HmacSha512, 64),
    (CKK_SHA3_256_HMAC, Algorithm::HmacSha3256, 32),
    (CKK_SHA3_384_HMAC, Algorithm::HmacSha3384, 48),
    (CKK_SHA3_512_HMAC, Algorithm::HmacSha3512, 64),
];

/// The type of a key that makes codes by one HMAC. The service files it among generic secrets.
pub fn hmac_type(algorithm: Algorithm) -> Option<CK_KEY_TYPE> {
    HMACS.iter().find(|row| row.1 == algorithm).map(|row| row.0)
}

/// The algorithm behind such a type.
pub fn hmac_of(key_type: CK_KEY_TYPE) -> Option<Algorithm> {
    HMACS.iter().find(|row| row.0 == key_type).map(|row| row.1)
}

/// Bytes of a secret key when a template leaves them out; none where it must say them.
pub fn usual_bytes(key_type: CK_KEY_TYPE) -> Option<usize> {
    if key_type == CKK_CHACHA20 { Some(32) } else { HMACS.iter().find(|row| row.0 == key_type).map(|row| row.2) }
}

/// Whether keys of the algorithm have the length that somebody wants.
pub fn is_sized(algorithm: Algorithm) -> bool {
    algorithm == Algorithm::GenericSecret || hmac_type(algorithm).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    const P256: &[u8] = &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];

    fn named(name: &str) -> Vec<u8> {
        [&[0x13, name.len() as u8], name.as_bytes()].concat()
    }

    #[test]
    fn an_elliptic_key_signs_unless_it_is_only_to_derive() {
        let (sign, derive) = (For { sign: true, ..For::default() }, For { derive: true, ..For::default() });
        let both = For { sign: true, derive: true };
        let on = |params: &[u8], wanted| on_curve(CKK_EC, params, wanted).map(|made| made.algorithm);
        for wanted in [For::default(), sign, both] {
            assert_eq!(on(P256, wanted), Ok(Algorithm::EcdsaP256));
        }
        assert_eq!(on(P256, derive), Ok(Algorithm::EcdhP256));
        assert_eq!(on(&named("secp384r1"), derive), Ok(Algorithm::EcdhP384));
        assert_eq!(on(&named("brainpoolP256r1"), sign), refuse(CKR_CURVE_NOT_SUPPORTED));
        assert_eq!(on(&named("edwards25519"), sign), refuse(CKR_TEMPLATE_INCONSISTENT));
        assert_eq!(on(b"", sign), refuse(CKR_CURVE_NOT_SUPPORTED));
        assert_eq!(on_curve(CKK_EC_MONTGOMERY, &named("curve25519"), both).unwrap().algorithm, Algorithm::X25519);
    }

    #[test]
    fn every_name_in_the_tables_is_an_algorithm() {
        for curve in CURVES {
            for name in [curve.signs, curve.derives].into_iter().flatten() {
                assert!(Algorithm::from_str_name(name).is_some(), "{name}");
            }
        }
        for key_type in [CKK_ML_DSA, CKK_SLH_DSA, CKK_ML_KEM] {
            for (set, _) in sets(key_type).0 {
                let made = of_set(key_type, *set).unwrap();
                assert_eq!(set_of(key_type, made.algorithm as i32), Some(*set));
            }
        }
        for bytes in [16, 24, 32] {
            assert!(secret(CKK_AES, bytes).is_ok());
        }
        assert!([1, 48, 512].into_iter().all(|bytes| secret(CKK_GENERIC_SECRET, bytes).is_ok()));
        assert_eq!(secret(CKK_GENERIC_SECRET, 0), refuse(CKR_KEY_SIZE_RANGE));
        for (key_type, algorithm, usual) in HMACS {
            assert_eq!(secret(*key_type, *usual).map(|made| made.algorithm), Ok(*algorithm));
            assert_eq!(hmac_type(*algorithm), Some(*key_type));
            assert_eq!(secret(*key_type, 13), refuse(CKR_KEY_SIZE_RANGE));
        }
        assert_eq!(secret(CKK_AES, 17), refuse(CKR_KEY_SIZE_RANGE));
        assert_eq!(secret(CKK_DES3, 24), refuse(CKR_TEMPLATE_INCONSISTENT));
        assert!(rsa(2048).is_ok() && rsa(1024).is_err());
    }
}
