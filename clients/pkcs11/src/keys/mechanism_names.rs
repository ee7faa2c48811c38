//! CKA_ALLOWED_MECHANISMS, both ways: numbers of PKCS#11 and the names of the service.
//!
//! One number may be several names (CKM_RSA_PKCS_OAEP takes any digest). The service lists nothing when a key may be used
//! in every way it has, so nothing is never sent for a list: a list of which no way is left is refused.

use cryptoki_sys::*;

use crate::error::{Answer, refuse};
use crate::proto::Algorithm;

/// By key type: each number with what the service calls it.
type Rows = &'static [(CK_MECHANISM_TYPE, &'static [&'static str])];

const OAEP: &[&str] =
    &["RSA-OAEP-SHA-256", "RSA-OAEP-SHA-384", "RSA-OAEP-SHA-512", "RSA-OAEP-SHA3-256", "RSA-OAEP-SHA3-384", "RSA-OAEP-SHA3-512"];

/// PKCS#1 v1.5 around bytes that are no DigestInfo: a way that keys have only if they were made with its name.
pub const BARE: &str = "RSA-PKCS1-BARE";
/// The same around a DigestInfo.
pub const DIGEST_INFO: &str = "RSA-PKCS1-DIGEST";

const RSA: Rows = &[
    (CKM_RSA_PKCS, &["RSA-PKCS1-DIGEST", "RSA-PKCS1", BARE]),
    (CKM_RSA_X_509, &["RSA-RAW"]),
    (CKM_SHA256_RSA_PKCS, &["RSA-PKCS1-SHA-256"]),
    (CKM_SHA384_RSA_PKCS, &["RSA-PKCS1-SHA-384"]),
    (CKM_SHA512_RSA_PKCS, &["RSA-PKCS1-SHA-512"]),
    (CKM_SHA3_256_RSA_PKCS, &["RSA-PKCS1-SHA3-256"]),
    (CKM_SHA3_384_RSA_PKCS, &["RSA-PKCS1-SHA3-384"]),
    (CKM_SHA3_512_RSA_PKCS, &["RSA-PKCS1-SHA3-512"]),
    (CKM_RSA_PKCS_PSS, &["RSA-PSS-DIGEST"]),
    (CKM_SHA256_RSA_PKCS_PSS, &["RSA-PSS-SHA-256"]),
    (CKM_SHA384_RSA_PKCS_PSS, &["RSA-PSS-SHA-384"]),
    (CKM_SHA512_RSA_PKCS_PSS, &["RSA-PSS-SHA-512"]),
    (CKM_SHA3_256_RSA_PKCS_PSS, &["RSA-PSS-SHA3-256"]),
    (CKM_SHA3_384_RSA_PKCS_PSS, &["RSA-PSS-SHA3-384"]),
    (CKM_SHA3_512_RSA_PKCS_PSS, &["RSA-PSS-SHA3-512"]),
    (CKM_RSA_PKCS_OAEP, OAEP),
    (CKM_RSA_AES_KEY_WRAP, &["RSA-AES-KWP"]),
];

const ECDSA: Rows = &[
    (CKM_ECDSA, &["ECDSA-DIGEST"]),
    (CKM_ECDSA_SHA256, &["ECDSA-SHA-256"]),
    (CKM_ECDSA_SHA384, &["ECDSA-SHA-384"]),
    (CKM_ECDSA_SHA512, &["ECDSA-SHA-512"]),
    (CKM_ECDSA_SHA3_256, &["ECDSA-SHA3-256"]),
    (CKM_ECDSA_SHA3_384, &["ECDSA-SHA3-384"]),
    (CKM_ECDSA_SHA3_512, &["ECDSA-SHA3-512"]),
];

macro_rules! aes {
    ($name:literal) => {
        &[
            (CKM_AES_GCM, &[concat!($name, "-GCM")]),
            (CKM_AES_CBC_PAD, &[concat!($name, "-CBC")]),
            (CKM_AES_CBC, &[concat!($name, "-CBC-NO-PADDING")]),
            (CKM_AES_CTR, &[concat!($name, "-CTR")]),
            (CKM_AES_CCM, &[concat!($name, "-CCM")]),
            (CKM_AES_CMAC, &[concat!($name, "-CMAC")]),
            (CKM_AES_GMAC, &[concat!($name, "-GMAC")]),
            (CKM_AES_KEY_WRAP, &[concat!($name, "-KW")]),
            (CKM_AES_KEY_WRAP_KWP, &[concat!($name, "-KWP")]),
        ]
    };
}

/// Secret keys, and keys that are used in one way, which has the name of their algorithm.
fn only(algorithm: &str) -> Rows {
    match algorithm {
        "Ed25519" => &[(CKM_EDDSA, &["Ed25519"])],
        "Ed448" => &[(CKM_EDDSA, &["Ed448"])],
        "X25519" => &[(CKM_ECDH1_DERIVE, &["X25519"])],
        "X448" => &[(CKM_ECDH1_DERIVE, &["X448"])],
        "EcdhP256" => &[(CKM_ECDH1_DERIVE, &["ECDH-P256"])],
        "EcdhP384" => &[(CKM_ECDH1_DERIVE, &["ECDH-P384"])],
        "EcdhP521" => &[(CKM_ECDH1_DERIVE, &["ECDH-P521"])],
        "EcdhSecp256k1" => &[(CKM_ECDH1_DERIVE, &["ECDH-secp256k1"])],
        "GenericSecret" => &[
            (CKM_HKDF_DERIVE, &["hkdf"]),
            (CKM_SP800_108_COUNTER_KDF, &["counter_hmac", "counter_cmac"]),
            (CKM_SP800_108_FEEDBACK_KDF, &["feedback_hmac", "feedback_cmac"]),
            (CKM_SP800_108_DOUBLE_PIPELINE_KDF, &["pipeline_hmac", "pipeline_cmac"]),
            (CKM_SHA256_HMAC, &["HMAC-SHA-256"]),
            (CKM_SHA384_HMAC, &["HMAC-SHA-384"]),
            (CKM_SHA512_HMAC, &["HMAC-SHA-512"]),
            (CKM_SHA3_256_HMAC, &["HMAC-SHA3-256"]),
            (CKM_SHA3_384_HMAC, &["HMAC-SHA3-384"]),
            (CKM_SHA3_512_HMAC, &["HMAC-SHA3-512"]),
        ],
        "Aes128" => aes!("AES-128"),
        "Aes192" => aes!("AES-192"),
        "Aes256" => aes!("AES-256"),
        "HmacSha256" => &[(CKM_SHA256_HMAC, &["HMAC-SHA-256"])],
        "HmacSha384" => &[(CKM_SHA384_HMAC, &["HMAC-SHA-384"])],
        "HmacSha512" => &[(CKM_SHA512_HMAC, &["HMAC-SHA-512"])],
        "HmacSha3_256" => &[(CKM_SHA3_256_HMAC, &["HMAC-SHA3-256"])],
        "HmacSha3_384" => &[(CKM_SHA3_384_HMAC, &["HMAC-SHA3-384"])],
        "HmacSha3_512" => &[(CKM_SHA3_512_HMAC, &["HMAC-SHA3-512"])],
        _ => &[],
    }
}

fn rows(algorithm: Algorithm) -> Rows {
    match algorithm.as_str_name() {
        "Rsa2048" | "Rsa3072" | "Rsa4096" => RSA,
        "EcdsaP256" | "EcdsaP384" | "EcdsaP521" | "EcdsaSecp256k1" => ECDSA,
        name => only(name),
    }
}

/// Names for the numbers. @errors `CKR_ATTRIBUTE_VALUE_INVALID` for a mechanism that keys of the algorithm have not
pub fn names(kinds: &[CK_MECHANISM_TYPE], algorithm: Algorithm) -> Answer<Vec<String>> {
    let mut names = vec![];
    for kind in kinds {
        match rows(algorithm).iter().find(|(known, _)| known == kind) {
            Some((_, found)) => names.extend(found.iter().map(|name| (*name).to_owned())),
            None => return refuse(CKR_ATTRIBUTE_VALUE_INVALID),
        }
    }
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// The same for a change of a key, or a copy: of what a number means, what the key has not is not asked for where something else
/// of it remains.
pub fn names_within(kinds: &[CK_MECHANISM_TYPE], algorithm: Algorithm, held: &[String]) -> Answer<Vec<String>> {
    let mut names = names(kinds, algorithm)?;
    if !held.iter().any(|name| name == BARE) {
        names.retain(|name| name != BARE);
    }
    Ok(names)
}

/// Numbers of which a name is permitted; empty when the service lists none.
pub fn kinds(names: &[String], algorithm: i32) -> Vec<CK_MECHANISM_TYPE> {
    let Ok(algorithm) = Algorithm::try_from(algorithm) else { return vec![] };
    let permitted = |own: &&(CK_MECHANISM_TYPE, &'static [&'static str])| own.1.iter().any(|name| names.iter().any(|known| known == name));
    rows(algorithm).iter().filter(permitted).map(|(kind, _)| *kind).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_names_and_numbers_again() {
        let given = [CKM_SHA256_RSA_PKCS_PSS, CKM_RSA_PKCS_OAEP];
        let found = names(&given, Algorithm::Rsa2048).unwrap();
        assert_eq!(found.len(), 7);
        assert_eq!(kinds(&found, Algorithm::Rsa2048 as i32), given);
        let bare = |held: &[String]| names_within(&[CKM_RSA_PKCS], Algorithm::Rsa2048, held).unwrap().contains(&BARE.to_owned());
        assert!(bare(&[BARE.to_owned()]) && !bare(&[]) && !bare(&[DIGEST_INFO.to_owned()]));
        assert_eq!(names_within(&[CKM_RSA_X_509], Algorithm::Rsa2048, &[]), Ok(vec!["RSA-RAW".to_owned()]));
        assert_eq!(names(&[CKM_ECDSA], Algorithm::Rsa2048), refuse(CKR_ATTRIBUTE_VALUE_INVALID));
        assert_eq!(names(&[CKM_ECDSA_SHA1], Algorithm::EcdsaP256), refuse(CKR_ATTRIBUTE_VALUE_INVALID));
    }
}
