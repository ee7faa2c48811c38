//! RSA (PKCS#11 3.2 §6.1). Sizes are bits of the modulus.

use cryptoki_sys::*;

use super::{Mechanism, SIGNS, Shape, Way};
use crate::crypto::digests::Hash;

const fn row(kind: CK_MECHANISM_TYPE, flags: CK_FLAGS, shape: Shape, way: Way, hash: Option<Hash>) -> Mechanism {
    Mechanism { kind, flags, keys: &[CKK_RSA], sizes: (2048, 4096), shape, way, hash }
}

const fn pkcs1(kind: CK_MECHANISM_TYPE, hash: Option<Hash>) -> Mechanism {
    row(kind, SIGNS, Shape::None, Way::Pkcs1, hash)
}

const fn pss(kind: CK_MECHANISM_TYPE, hash: Option<Hash>) -> Mechanism {
    row(kind, SIGNS, Shape::Pss, Way::Pss, hash)
}

pub static ROWS: &[Mechanism] = &[
    row(CKM_RSA_PKCS, SIGNS | CKF_ENCRYPT | CKF_DECRYPT, Shape::None, Way::Pkcs1, None),
    row(CKM_RSA_X_509, SIGNS, Shape::None, Way::Raw, None),
    row(CKM_RSA_PKCS_OAEP, CKF_ENCRYPT | CKF_DECRYPT | CKF_WRAP | CKF_UNWRAP, Shape::Oaep, Way::Oaep, None),
    pkcs1(CKM_SHA256_RSA_PKCS, Some(Hash::Sha256)),
    pkcs1(CKM_SHA384_RSA_PKCS, Some(Hash::Sha384)),
    pkcs1(CKM_SHA512_RSA_PKCS, Some(Hash::Sha512)),
    pkcs1(CKM_SHA3_256_RSA_PKCS, Some(Hash::Sha3_256)),
    pkcs1(CKM_SHA3_384_RSA_PKCS, Some(Hash::Sha3_384)),
    pkcs1(CKM_SHA3_512_RSA_PKCS, Some(Hash::Sha3_512)),
    pss(CKM_RSA_PKCS_PSS, None),
    pss(CKM_SHA256_RSA_PKCS_PSS, Some(Hash::Sha256)),
    pss(CKM_SHA384_RSA_PKCS_PSS, Some(Hash::Sha384)),
    pss(CKM_SHA512_RSA_PKCS_PSS, Some(Hash::Sha512)),
    pss(CKM_SHA3_256_RSA_PKCS_PSS, Some(Hash::Sha3_256)),
    pss(CKM_SHA3_384_RSA_PKCS_PSS, Some(Hash::Sha3_384)),
    pss(CKM_SHA3_512_RSA_PKCS_PSS, Some(Hash::Sha3_512)),
];
