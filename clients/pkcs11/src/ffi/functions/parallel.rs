//! What is left of the parallel functions of version 1 (PKCS#11 3.2 §5.22).

use cryptoki_sys::*;

use crate::error::refuse;
use crate::ffi::{current, guard};

/// Of the parallel functions of version 1, which there are no more (§5.20).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetFunctionStatus(hSession: CK_SESSION_HANDLE) -> CK_RV {
    guard(|| current::module()?.with(hSession, |_, _| refuse(CKR_FUNCTION_NOT_PARALLEL)))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_CancelFunction(hSession: CK_SESSION_HANDLE) -> CK_RV {
    guard(|| current::module()?.with(hSession, |_, _| refuse(CKR_FUNCTION_NOT_PARALLEL)))
}
