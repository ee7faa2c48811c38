//! Mechanisms that make keys. Sizes are bits of RSA moduli and of fields, bytes of most secret keys, as each section
//! counts.

use cryptoki_sys::*;

use super::{Mechanism, Shape, Way};

const fn row(kind: CK_MECHANISM_TYPE, flags: CK_FLAGS, keys: &'static [CK_KEY_TYPE], sizes: (CK_ULONG, CK_ULONG)) -> Mechanism {
    Mechanism { kind, flags, keys, sizes, shape: Shape::None, way: Way::Generate, hash: None }
}

const fn pair(kind: CK_MECHANISM_TYPE, keys: &'static [CK_KEY_TYPE], sizes: (CK_ULONG, CK_ULONG)) -> Mechanism {
    row(kind, CKF_GENERATE_KEY_PAIR, keys, sizes)
}

const fn on_curves(kind: CK_MECHANISM_TYPE, keys: &'static [CK_KEY_TYPE], sizes: (CK_ULONG, CK_ULONG), more: CK_FLAGS) -> Mechanism {
    row(kind, CKF_GENERATE_KEY_PAIR | CKF_EC_OID | CKF_EC_CURVENAME | more, keys, sizes)
}

const fn secret(kind: CK_MECHANISM_TYPE, keys: &'static [CK_KEY_TYPE], sizes: (CK_ULONG, CK_ULONG)) -> Mechanism {
    row(kind, CKF_GENERATE, keys, sizes)
}

/// Bytes.
const HMAC: (CK_ULONG, CK_ULONG) = (14, 512);

pub static ROWS: &[Mechanism] = &[
    pair(CKM_RSA_PKCS_KEY_PAIR_GEN, &[CKK_RSA], (2048, 4096)),
    on_curves(CKM_EC_KEY_PAIR_GEN, &[CKK_EC], (256, 521), CKF_EC_F_P | CKF_EC_UNCOMPRESS),
    on_curves(CKM_EC_EDWARDS_KEY_PAIR_GEN, &[CKK_EC_EDWARDS], (255, 448), 0),
    on_curves(CKM_EC_MONTGOMERY_KEY_PAIR_GEN, &[CKK_EC_MONTGOMERY], (255, 448), 0),
    pair(CKM_ML_DSA_KEY_PAIR_GEN, &[CKK_ML_DSA], (CKP_ML_DSA_44, CKP_ML_DSA_87)),
    pair(CKM_SLH_DSA_KEY_PAIR_GEN, &[CKK_SLH_DSA], (CKP_SLH_DSA_SHA2_128S, CKP_SLH_DSA_SHAKE_256F)),
    pair(CKM_ML_KEM_KEY_PAIR_GEN, &[CKK_ML_KEM], (CKP_ML_KEM_512, CKP_ML_KEM_1024)),
    secret(CKM_AES_KEY_GEN, &[CKK_AES], (16, 32)),
    secret(CKM_AES_XTS_KEY_GEN, &[CKK_AES_XTS], (32, 64)),
    secret(CKM_CHACHA20_KEY_GEN, &[CKK_CHACHA20], (32, 32)),
    // In bits (§6.4.4). Shorter ones are made for whoever asks; but Java makes HMAC keys of the least size that is told here.
    secret(CKM_GENERIC_SECRET_KEY_GEN, &[CKK_GENERIC_SECRET], (256, 4096)),
    secret(CKM_SHA256_KEY_GEN, &[CKK_SHA256_HMAC], HMAC),
    secret(CKM_SHA384_KEY_GEN, &[CKK_SHA384_HMAC], HMAC),
    secret(CKM_SHA512_KEY_GEN, &[CKK_SHA512_HMAC], HMAC),
    secret(CKM_SHA3_256_KEY_GEN, &[CKK_SHA3_256_HMAC], HMAC),
    secret(CKM_SHA3_384_KEY_GEN, &[CKK_SHA3_384_HMAC], HMAC),
    secret(CKM_SHA3_512_KEY_GEN, &[CKK_SHA3_512_HMAC], HMAC),
];
