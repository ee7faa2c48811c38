//! Elliptic curves (PKCS#11 3.2 §6.3). Sizes are bits of the field.

use cryptoki_sys::*;

use super::{Mechanism, SIGNS, Shape, Way};
use crate::crypto::digests::Hash;

const fn ecdsa(kind: CK_MECHANISM_TYPE, hash: Option<Hash>) -> Mechanism {
    let flags = SIGNS | CKF_EC_F_P | CKF_EC_OID | CKF_EC_UNCOMPRESS;
    Mechanism { kind, flags, keys: &[CKK_EC], sizes: (256, 521), shape: Shape::None, way: Way::Ecdsa, hash }
}

pub static ROWS: &[Mechanism] = &[
    ecdsa(CKM_ECDSA, None),
    ecdsa(CKM_ECDSA_SHA256, Some(Hash::Sha256)),
    ecdsa(CKM_ECDSA_SHA384, Some(Hash::Sha384)),
    ecdsa(CKM_ECDSA_SHA512, Some(Hash::Sha512)),
    ecdsa(CKM_ECDSA_SHA3_256, Some(Hash::Sha3_256)),
    ecdsa(CKM_ECDSA_SHA3_384, Some(Hash::Sha3_384)),
    ecdsa(CKM_ECDSA_SHA3_512, Some(Hash::Sha3_512)),
    Mechanism {
        kind: CKM_EDDSA,
        flags: SIGNS | CKF_EC_OID,
        keys: &[CKK_EC_EDWARDS],
        sizes: (255, 448),
        shape: Shape::Eddsa,
        way: Way::Eddsa,
        hash: None,
    },
];
