//! Digests (PKCS#11 3.2 §6.18 and following), which have no key.

use cryptoki_sys::*;

use super::{Mechanism, Shape, Way};
use crate::crypto::digests::Hash;

const fn digest(kind: CK_MECHANISM_TYPE, hash: Hash) -> Mechanism {
    Mechanism { kind, flags: CKF_DIGEST, keys: &[], sizes: (0, 0), shape: Shape::None, way: Way::Digest, hash: Some(hash) }
}

pub static ROWS: &[Mechanism] = &[
    digest(CKM_SHA_1, Hash::Sha1),
    digest(CKM_SHA224, Hash::Sha224),
    digest(CKM_SHA256, Hash::Sha256),
    digest(CKM_SHA384, Hash::Sha384),
    digest(CKM_SHA512, Hash::Sha512),
    digest(CKM_SHA3_256, Hash::Sha3_256),
    digest(CKM_SHA3_384, Hash::Sha3_384),
    digest(CKM_SHA3_512, Hash::Sha3_512),
];
