//! ML-DSA and SLH-DSA (PKCS#11 3.2 §6.67, §6.68). Sizes are parameter sets. The forms over a digest are refused: the service
//! does not make them.

use cryptoki_sys::*;

use super::{Mechanism, SIGNS, Shape, Way};

const fn row(kind: CK_MECHANISM_TYPE, keys: &'static [CK_KEY_TYPE], sizes: (CK_ULONG, CK_ULONG)) -> Mechanism {
    Mechanism { kind, flags: SIGNS, keys, sizes, shape: Shape::Context, way: Way::PostQuantum, hash: None }
}

pub static ROWS: &[Mechanism] = &[
    row(CKM_ML_DSA, &[CKK_ML_DSA], (CKP_ML_DSA_44, CKP_ML_DSA_87)),
    row(CKM_SLH_DSA, &[CKK_SLH_DSA], (CKP_SLH_DSA_SHA2_128S, CKP_SLH_DSA_SHAKE_256F)),
];
