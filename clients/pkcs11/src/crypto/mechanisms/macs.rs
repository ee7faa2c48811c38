//! Message authentication codes (PKCS#11 3.2 §6.13.7, §6.14.6, §6.19 and following). Sizes are bytes of the key.

use cryptoki_sys::*;

use super::{Mechanism, SIGNS, Shape, Way};
use crate::crypto::digests::Hash;

const fn hmac(kind: CK_MECHANISM_TYPE, shape: Shape, hash: Hash, keys: &'static [CK_KEY_TYPE]) -> Mechanism {
    Mechanism { kind, flags: SIGNS, keys, sizes: (14, 512), shape, way: Way::Hmac, hash: Some(hash) }
}

const fn aes(kind: CK_MECHANISM_TYPE, flags: CK_FLAGS, shape: Shape, way: Way) -> Mechanism {
    Mechanism { kind, flags, keys: &[CKK_AES], sizes: (16, 32), shape, way, hash: None }
}

pub static ROWS: &[Mechanism] = &[
    hmac(CKM_SHA256_HMAC, Shape::None, Hash::Sha256, &[CKK_GENERIC_SECRET, CKK_SHA256_HMAC]),
    hmac(CKM_SHA256_HMAC_GENERAL, Shape::MacLength, Hash::Sha256, &[CKK_GENERIC_SECRET, CKK_SHA256_HMAC]),
    hmac(CKM_SHA384_HMAC, Shape::None, Hash::Sha384, &[CKK_GENERIC_SECRET, CKK_SHA384_HMAC]),
    hmac(CKM_SHA384_HMAC_GENERAL, Shape::MacLength, Hash::Sha384, &[CKK_GENERIC_SECRET, CKK_SHA384_HMAC]),
    hmac(CKM_SHA512_HMAC, Shape::None, Hash::Sha512, &[CKK_GENERIC_SECRET, CKK_SHA512_HMAC]),
    hmac(CKM_SHA512_HMAC_GENERAL, Shape::MacLength, Hash::Sha512, &[CKK_GENERIC_SECRET, CKK_SHA512_HMAC]),
    hmac(CKM_SHA3_256_HMAC, Shape::None, Hash::Sha3_256, &[CKK_GENERIC_SECRET, CKK_SHA3_256_HMAC]),
    hmac(CKM_SHA3_256_HMAC_GENERAL, Shape::MacLength, Hash::Sha3_256, &[CKK_GENERIC_SECRET, CKK_SHA3_256_HMAC]),
    hmac(CKM_SHA3_384_HMAC, Shape::None, Hash::Sha3_384, &[CKK_GENERIC_SECRET, CKK_SHA3_384_HMAC]),
    hmac(CKM_SHA3_384_HMAC_GENERAL, Shape::MacLength, Hash::Sha3_384, &[CKK_GENERIC_SECRET, CKK_SHA3_384_HMAC]),
    hmac(CKM_SHA3_512_HMAC, Shape::None, Hash::Sha3_512, &[CKK_GENERIC_SECRET, CKK_SHA3_512_HMAC]),
    hmac(CKM_SHA3_512_HMAC_GENERAL, Shape::MacLength, Hash::Sha3_512, &[CKK_GENERIC_SECRET, CKK_SHA3_512_HMAC]),
    aes(CKM_AES_CMAC, SIGNS, Shape::None, Way::Cmac),
    aes(CKM_AES_CMAC_GENERAL, SIGNS, Shape::MacLength, Way::Cmac),
    // Not by messages: its nonce is the mechanism's parameter, and would be that of all of them.
    aes(CKM_AES_GMAC, CKF_SIGN | CKF_VERIFY, Shape::GmacNonce, Way::Gmac),
];
