//! Encryption (PKCS#11 3.2 §5.8).

use cryptoki_sys::*;

use super::cipher::{last, part, whole};
use crate::crypto::cipher::Direction;
use crate::ffi::parameters::asked;
use crate::ffi::{current, guard};

const DIRECTION: Direction = Direction::Encrypt;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_EncryptInit(hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM, hKey: CK_OBJECT_HANDLE) -> CK_RV {
    guard(|| current::module()?.cipher_init(hSession, DIRECTION, unsafe { asked(pMechanism)? }.as_ref(), hKey))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_Encrypt(
    hSession: CK_SESSION_HANDLE,
    pInput: *mut CK_BYTE,
    ulInputLen: CK_ULONG,
    pOutput: *mut CK_BYTE,
    pulOutputLen: *mut CK_ULONG,
) -> CK_RV {
    guard(|| unsafe { whole(hSession, DIRECTION, (pInput, ulInputLen), (pOutput, pulOutputLen)) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_EncryptUpdate(
    hSession: CK_SESSION_HANDLE,
    pPart: *mut CK_BYTE,
    ulPartLen: CK_ULONG,
    pOutput: *mut CK_BYTE,
    pulOutputLen: *mut CK_ULONG,
) -> CK_RV {
    guard(|| unsafe { part(hSession, DIRECTION, (pPart, ulPartLen), (pOutput, pulOutputLen)) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_EncryptFinal(hSession: CK_SESSION_HANDLE, pOutput: *mut CK_BYTE, pulOutputLen: *mut CK_ULONG) -> CK_RV {
    guard(|| unsafe { last(hSession, DIRECTION, (pOutput, pulOutputLen)) })
}
