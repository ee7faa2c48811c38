//! Verification of a signature that is given first (PKCS#11 3.2 §5.16).

use cryptoki_sys::*;

use crate::ffi::memory::elements;
use crate::ffi::parameters::asked;
use crate::ffi::{current, guard};
use crate::token::session::VERIFY_SIGNATURE;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_VerifySignatureInit(
    hSession: CK_SESSION_HANDLE,
    pMechanism: *mut CK_MECHANISM,
    hKey: CK_OBJECT_HANDLE,
    pSignature: *mut CK_BYTE,
    ulSignatureLen: CK_ULONG,
) -> CK_RV {
    guard(|| {
        let module = current::module()?;
        let (asked, signature) = unsafe { (asked(pMechanism)?, elements(pSignature, ulSignatureLen)?) };
        module.verify_signature_init(hSession, asked.as_ref(), hKey, signature)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_VerifySignature(hSession: CK_SESSION_HANDLE, pData: *mut CK_BYTE, ulDataLen: CK_ULONG) -> CK_RV {
    guard(|| {
        let module = current::module()?;
        let data = unsafe { elements(pData, ulDataLen) }.or_else(|refusal| module.abandon(hSession, VERIFY_SIGNATURE, refusal))?;
        module.verify_signature_end(hSession, Some(data))
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_VerifySignatureUpdate(hSession: CK_SESSION_HANDLE, pPart: *mut CK_BYTE, ulPartLen: CK_ULONG) -> CK_RV {
    guard(|| {
        let module = current::module()?;
        let piece = unsafe { elements(pPart, ulPartLen) }.or_else(|refusal| module.abandon(hSession, VERIFY_SIGNATURE, refusal))?;
        module.verify_signature_update(hSession, piece)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_VerifySignatureFinal(hSession: CK_SESSION_HANDLE) -> CK_RV {
    guard(|| current::module()?.verify_signature_end(hSession, None))
}
