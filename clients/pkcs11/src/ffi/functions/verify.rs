//! Verification of signatures and MACs (PKCS#11 3.2 §5.15).

use cryptoki_sys::*;

use crate::ffi::memory::elements;
use crate::ffi::parameters::asked;
use crate::ffi::{current, guard};

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_VerifyInit(hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM, hKey: CK_OBJECT_HANDLE) -> CK_RV {
    guard(|| current::module()?.verify_init(hSession, unsafe { asked(pMechanism)? }.as_ref(), hKey))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_Verify(
    hSession: CK_SESSION_HANDLE,
    pData: *mut CK_BYTE,
    ulDataLen: CK_ULONG,
    pSignature: *mut CK_BYTE,
    ulSignatureLen: CK_ULONG,
) -> CK_RV {
    guard(|| {
        let module = current::module()?;
        let arguments = unsafe { elements(pData, ulDataLen).and_then(|data| Ok((data, elements(pSignature, ulSignatureLen)?))) };
        let (data, signature) = arguments.or_else(|refusal| module.abandon(hSession, CKF_VERIFY, refusal))?;
        module.verify_end(hSession, Some(data), signature)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_VerifyUpdate(hSession: CK_SESSION_HANDLE, pPart: *mut CK_BYTE, ulPartLen: CK_ULONG) -> CK_RV {
    guard(|| {
        let module = current::module()?;
        let piece = unsafe { elements(pPart, ulPartLen) }.or_else(|refusal| module.abandon(hSession, CKF_VERIFY, refusal))?;
        module.verify_update(hSession, piece)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_VerifyFinal(hSession: CK_SESSION_HANDLE, pSignature: *mut CK_BYTE, ulSignatureLen: CK_ULONG) -> CK_RV {
    guard(|| {
        let module = current::module()?;
        let signature = unsafe { elements(pSignature, ulSignatureLen) }.or_else(|refusal| module.abandon(hSession, CKF_VERIFY, refusal))?;
        module.verify_end(hSession, None, signature)
    })
}
