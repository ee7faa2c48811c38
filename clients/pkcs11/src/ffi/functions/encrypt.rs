//! Encryption (PKCS#11 3.2 §5.8).

use cryptoki_sys::*;

use crate::crypto::cipher::Direction;
use crate::ffi::memory::{deliver, elements, room};
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
    guard(|| {
        let module = current::module()?;
        let arguments = unsafe { elements(pInput, ulInputLen).and_then(|data| Ok((data, room(pOutput, pulOutputLen)?))) };
        let (data, room) = arguments.or_else(|refusal| module.abandon(hSession, CKF_ENCRYPT, refusal))?;
        let output = module.cipher_end(hSession, DIRECTION, Some(data), room)?;
        unsafe { deliver(output, pOutput, pulOutputLen) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_EncryptUpdate(
    hSession: CK_SESSION_HANDLE,
    pPart: *mut CK_BYTE,
    ulPartLen: CK_ULONG,
    pOutput: *mut CK_BYTE,
    pulOutputLen: *mut CK_ULONG,
) -> CK_RV {
    guard(|| {
        let module = current::module()?;
        let arguments = unsafe { elements(pPart, ulPartLen).and_then(|piece| Ok((piece, room(pOutput, pulOutputLen)?))) };
        let (piece, room) = arguments.or_else(|refusal| module.abandon(hSession, CKF_ENCRYPT, refusal))?;
        let output = module.cipher_update(hSession, DIRECTION, piece, room)?;
        unsafe { deliver(output, pOutput, pulOutputLen) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_EncryptFinal(hSession: CK_SESSION_HANDLE, pOutput: *mut CK_BYTE, pulOutputLen: *mut CK_ULONG) -> CK_RV {
    guard(|| {
        let module = current::module()?;
        let room = unsafe { room(pOutput, pulOutputLen) }.or_else(|refusal| module.abandon(hSession, CKF_ENCRYPT, refusal))?;
        let output = module.cipher_end(hSession, DIRECTION, None, room)?;
        unsafe { deliver(output, pOutput, pulOutputLen) }
    })
}
