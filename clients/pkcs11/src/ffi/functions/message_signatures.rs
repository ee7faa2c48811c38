//! Signatures and codes message by message (PKCS#11 3.2 §5.14, §5.17).

use std::ffi::c_void;

use cryptoki_sys::*;

use crate::error::{Answer, refuse};
use crate::ffi::memory::{deliver, elements, room};
use crate::ffi::parameters::asked;
use crate::ffi::{current, guard};

/// No mechanism has a parameter for each message that it signs.
fn no_parameter(parameter: *mut c_void, length: CK_ULONG) -> Answer<()> {
    if parameter.is_null() && length == 0 { Ok(()) } else { refuse(CKR_MECHANISM_PARAM_INVALID) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_MessageSignInit(hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM, hKey: CK_OBJECT_HANDLE) -> CK_RV {
    guard(|| current::module()?.message_sign_init(hSession, unsafe { asked(pMechanism)? }.as_ref(), hKey))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_SignMessage(
    hSession: CK_SESSION_HANDLE,
    pParameter: *mut c_void,
    ulParameterLen: CK_ULONG,
    pData: *mut CK_BYTE,
    ulDataLen: CK_ULONG,
    pSignature: *mut CK_BYTE,
    pulSignatureLen: *mut CK_ULONG,
) -> CK_RV {
    guard(|| {
        let module = current::module()?;
        no_parameter(pParameter, ulParameterLen)?;
        let (data, room) = unsafe { (elements(pData, ulDataLen)?, room(pSignature, pulSignatureLen)?) };
        let output = module.sign_message(hSession, data, room)?;
        unsafe { deliver(output, pSignature, pulSignatureLen) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_SignMessageBegin(hSession: CK_SESSION_HANDLE, pParameter: *mut c_void, ulParameterLen: CK_ULONG) -> CK_RV {
    guard(|| {
        let module = current::module()?;
        no_parameter(pParameter, ulParameterLen)?;
        module.sign_message_begin(hSession)
    })
}

/// The last part is the one that comes with a place for the signature's length.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_SignMessageNext(
    hSession: CK_SESSION_HANDLE,
    pParameter: *mut c_void,
    ulParameterLen: CK_ULONG,
    pDataPart: *mut CK_BYTE,
    ulDataPartLen: CK_ULONG,
    pSignature: *mut CK_BYTE,
    pulSignatureLen: *mut CK_ULONG,
) -> CK_RV {
    guard(|| {
        let module = current::module()?;
        no_parameter(pParameter, ulParameterLen)?;
        let piece = unsafe { elements(pDataPart, ulDataPartLen)? };
        let room = if pulSignatureLen.is_null() { None } else { Some(unsafe { room(pSignature, pulSignatureLen)? }) };
        match module.sign_message_next(hSession, piece, room)? {
            Some(output) => unsafe { deliver(output, pSignature, pulSignatureLen) },
            None => Ok(()),
        }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_MessageSignFinal(hSession: CK_SESSION_HANDLE) -> CK_RV {
    guard(|| current::module()?.message_sign_final(hSession))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_MessageVerifyInit(hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM, hKey: CK_OBJECT_HANDLE) -> CK_RV {
    guard(|| current::module()?.message_verify_init(hSession, unsafe { asked(pMechanism)? }.as_ref(), hKey))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_VerifyMessage(
    hSession: CK_SESSION_HANDLE,
    pParameter: *mut c_void,
    ulParameterLen: CK_ULONG,
    pData: *mut CK_BYTE,
    ulDataLen: CK_ULONG,
    pSignature: *mut CK_BYTE,
    ulSignatureLen: CK_ULONG,
) -> CK_RV {
    guard(|| {
        let module = current::module()?;
        no_parameter(pParameter, ulParameterLen)?;
        let (data, signature) = unsafe { (elements(pData, ulDataLen)?, elements(pSignature, ulSignatureLen)?) };
        module.verify_message(hSession, data, signature)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_VerifyMessageBegin(hSession: CK_SESSION_HANDLE, pParameter: *mut c_void, ulParameterLen: CK_ULONG) -> CK_RV {
    guard(|| {
        let module = current::module()?;
        no_parameter(pParameter, ulParameterLen)?;
        module.verify_message_begin(hSession)
    })
}

/// The last part is the one that comes with a signature.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_VerifyMessageNext(
    hSession: CK_SESSION_HANDLE,
    pParameter: *mut c_void,
    ulParameterLen: CK_ULONG,
    pDataPart: *mut CK_BYTE,
    ulDataPartLen: CK_ULONG,
    pSignature: *mut CK_BYTE,
    ulSignatureLen: CK_ULONG,
) -> CK_RV {
    guard(|| {
        let module = current::module()?;
        no_parameter(pParameter, ulParameterLen)?;
        let piece = unsafe { elements(pDataPart, ulDataPartLen)? };
        let signature =
            if pSignature.is_null() && ulSignatureLen == 0 { None } else { Some(unsafe { elements(pSignature, ulSignatureLen)? }) };
        module.verify_message_next(hSession, piece, signature)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_MessageVerifyFinal(hSession: CK_SESSION_HANDLE) -> CK_RV {
    guard(|| current::module()?.message_verify_final(hSession))
}
