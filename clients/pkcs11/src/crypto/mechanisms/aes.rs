//! Ciphers with secret keys (PKCS#11 3.2 §6.13, §6.62). Sizes are bytes of the key.

use cryptoki_sys::*;

use super::{Mechanism, Shape, Way};

const BOTH: CK_FLAGS = CKF_ENCRYPT | CKF_DECRYPT;
const MESSAGES: CK_FLAGS = CKF_MESSAGE_ENCRYPT | CKF_MESSAGE_DECRYPT | CKF_MULTI_MESSAGE;

const fn aes(kind: CK_MECHANISM_TYPE, flags: CK_FLAGS, shape: Shape, way: Way) -> Mechanism {
    Mechanism { kind, flags, keys: &[CKK_AES], sizes: (16, 32), shape, way, hash: None }
}

pub static ROWS: &[Mechanism] = &[
    // Wraps where the vault may draw the nonce: by the authenticated functions, whose parameter has a place for it.
    aes(CKM_AES_GCM, BOTH | MESSAGES | CKF_WRAP | CKF_UNWRAP, Shape::Gcm, Way::AesGcm),
    aes(CKM_AES_CCM, BOTH | MESSAGES, Shape::Ccm, Way::AesCcm),
    aes(CKM_AES_CBC, BOTH, Shape::Block, Way::AesCbc),
    aes(CKM_AES_CBC_PAD, BOTH, Shape::Block, Way::AesCbcPad),
    aes(CKM_AES_CTR, BOTH, Shape::Ctr, Way::AesCtr),
    Mechanism { kind: CKM_AES_XTS, flags: BOTH, keys: &[CKK_AES_XTS], sizes: (32, 64), shape: Shape::Block, way: Way::AesXts, hash: None },
    Mechanism {
        kind: CKM_CHACHA20_POLY1305,
        flags: BOTH | MESSAGES,
        keys: &[CKK_CHACHA20],
        sizes: (32, 32),
        shape: Shape::ChaCha,
        way: Way::ChaCha20Poly1305,
        hash: None,
    },
];
