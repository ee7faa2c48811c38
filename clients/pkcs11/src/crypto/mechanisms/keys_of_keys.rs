//! Mechanisms that move keys and make keys of others: wrapping, derivation, encapsulation.

use cryptoki_sys::*;

use super::{KdfMode, Mechanism, Shape, Way};

const WRAPS: CK_FLAGS = CKF_WRAP | CKF_UNWRAP;

const fn row(
    kind: CK_MECHANISM_TYPE,
    flags: CK_FLAGS,
    keys: &'static [CK_KEY_TYPE],
    sizes: (CK_ULONG, CK_ULONG),
    shape: Shape,
    way: Way,
) -> Mechanism {
    Mechanism { kind, flags, keys, sizes, shape, way, hash: None }
}

const fn sp800(kind: CK_MECHANISM_TYPE, mode: KdfMode) -> Mechanism {
    row(kind, CKF_DERIVE, &[CKK_GENERIC_SECRET], (14, 512), Shape::Sp800(mode), Way::Sp800)
}

pub static ROWS: &[Mechanism] = &[
    row(CKM_RSA_AES_KEY_WRAP, WRAPS, &[CKK_RSA], (2048, 4096), Shape::RsaAes, Way::RsaAesKwp),
    row(CKM_AES_KEY_WRAP, WRAPS, &[CKK_AES], (16, 32), Shape::None, Way::AesKw),
    row(CKM_AES_KEY_WRAP_KWP, WRAPS, &[CKK_AES], (16, 32), Shape::None, Way::AesKwp),
    row(
        CKM_ECDH1_DERIVE,
        CKF_DERIVE | CKF_EC_F_P | CKF_EC_OID | CKF_EC_UNCOMPRESS,
        &[CKK_EC, CKK_EC_MONTGOMERY],
        (255, 521),
        Shape::Ecdh,
        Way::Agree,
    ),
    row(CKM_HKDF_DERIVE, CKF_DERIVE, &[CKK_GENERIC_SECRET], (14, 512), Shape::Hkdf, Way::Hkdf),
    sp800(CKM_SP800_108_COUNTER_KDF, KdfMode::Counter),
    sp800(CKM_SP800_108_FEEDBACK_KDF, KdfMode::Feedback),
    sp800(CKM_SP800_108_DOUBLE_PIPELINE_KDF, KdfMode::Pipeline),
    row(CKM_ML_KEM, CKF_ENCAPSULATE | CKF_DECAPSULATE, &[CKK_ML_KEM], (CKP_ML_KEM_512, CKP_ML_KEM_1024), Shape::None, Way::Encapsulate),
];
