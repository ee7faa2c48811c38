//! What is known of a session's operations beside their results (PKCS#11 3.2 §5.6.6, §5.6.7, §5.6.13).

use cryptoki_sys::*;

use crate::error::refuse;
use crate::ffi::memory::{elements, place, put};
use crate::ffi::{current, guard};

/// No state leaves: signatures and ciphers are the vault's, and the hash functions here have no state that could be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetOperationState(
    hSession: CK_SESSION_HANDLE,
    _pOperationState: *mut CK_BYTE,
    pulOperationStateLen: *mut CK_ULONG,
) -> CK_RV {
    guard(|| {
        current::module()?.with(hSession, |session, _| {
            place(pulOperationStateLen)?;
            refuse(if session.is_active() { CKR_STATE_UNSAVEABLE } else { CKR_OPERATION_NOT_INITIALIZED })
        })
    })
}

/// So none is one that was saved here.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_SetOperationState(
    hSession: CK_SESSION_HANDLE,
    pOperationState: *mut CK_BYTE,
    ulOperationStateLen: CK_ULONG,
    _hEncryptionKey: CK_OBJECT_HANDLE,
    _hAuthenticationKey: CK_OBJECT_HANDLE,
) -> CK_RV {
    guard(|| {
        current::module()?.with(hSession, |_, _| {
            unsafe { elements(pOperationState, ulOperationStateLen)? };
            refuse(CKR_SAVED_STATE_INVALID)
        })
    })
}

/// No operation is validated by anybody's programme.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetSessionValidationFlags(
    hSession: CK_SESSION_HANDLE,
    kind: CK_SESSION_VALIDATION_FLAGS_TYPE,
    pFlags: *mut CK_FLAGS,
) -> CK_RV {
    guard(|| {
        current::module()?.with(hSession, |_, _| {
            place(pFlags)?;
            if kind != CKS_LAST_VALIDATION_OK {
                return refuse(CKR_ARGUMENTS_BAD);
            }
            unsafe { put(pFlags, 0) }
        })
    })
}
