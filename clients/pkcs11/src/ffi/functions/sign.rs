//! Signatures and MACs (PKCS#11 3.2 §5.13).

use cryptoki_sys::*;

use crate::ffi::memory::{deliver, elements, room};
use crate::ffi::parameters::asked;
use crate::ffi::{current, guard};

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_SignInit(hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM, hKey: CK_OBJECT_HANDLE) -> CK_RV {
    guard(|| current::module()?.sign_init(hSession, unsafe { asked(pMechanism)? }.as_ref(), hKey))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_Sign(
    hSession: CK_SESSION_HANDLE,
    pData: *mut CK_BYTE,
    ulDataLen: CK_ULONG,
    pSignature: *mut CK_BYTE,
    pulSignatureLen: *mut CK_ULONG,
) -> CK_RV {
    guard(|| {
        let module = current::module()?;
        let arguments = unsafe { elements(pData, ulDataLen).and_then(|data| Ok((data, room(pSignature, pulSignatureLen)?))) };
        let (data, room) = arguments.or_else(|refusal| module.abandon(hSession, CKF_SIGN, refusal))?;
        let output = module.sign_end(hSession, Some(data), room)?;
        unsafe { deliver(output, pSignature, pulSignatureLen) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_SignUpdate(hSession: CK_SESSION_HANDLE, pPart: *mut CK_BYTE, ulPartLen: CK_ULONG) -> CK_RV {
    guard(|| {
        let module = current::module()?;
        let piece = unsafe { elements(pPart, ulPartLen) }.or_else(|refusal| module.abandon(hSession, CKF_SIGN, refusal))?;
        module.sign_update(hSession, piece)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_SignFinal(hSession: CK_SESSION_HANDLE, pSignature: *mut CK_BYTE, pulSignatureLen: *mut CK_ULONG) -> CK_RV {
    guard(|| {
        let module = current::module()?;
        let room = unsafe { room(pSignature, pulSignatureLen) }.or_else(|refusal| module.abandon(hSession, CKF_SIGN, refusal))?;
        let output = module.sign_end(hSession, None, room)?;
        unsafe { deliver(output, pSignature, pulSignatureLen) }
    })
}
