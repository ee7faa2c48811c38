//! Keys moved under keys, and made of others (PKCS#11 3.2 §5.18).

use cryptoki_sys::*;

use crate::error::Refusal;
use crate::ffi::memory::{deliver, elements, place, put, room, template};
use crate::ffi::message_parameters::message_parameter;
use crate::ffi::parameters::asked;
use crate::ffi::{current, guard};
use crate::output::Room;
use crate::trace;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_WrapKey(
    hSession: CK_SESSION_HANDLE,
    pMechanism: *mut CK_MECHANISM,
    hWrappingKey: CK_OBJECT_HANDLE,
    hKey: CK_OBJECT_HANDLE,
    pWrappedKey: *mut CK_BYTE,
    pulWrappedKeyLen: *mut CK_ULONG,
) -> CK_RV {
    guard(|| {
        let module = current::module()?;
        let room = unsafe { room(pWrappedKey, pulWrappedKeyLen)? };
        let asked = unsafe { asked(pMechanism)? }.ok_or(Refusal(CKR_ARGUMENTS_BAD))?;
        let output = module.wrap(hSession, &asked, hWrappingKey, hKey, room)?;
        unsafe { deliver(output, pWrappedKey, pulWrappedKeyLen) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_UnwrapKey(
    hSession: CK_SESSION_HANDLE,
    pMechanism: *mut CK_MECHANISM,
    hUnwrappingKey: CK_OBJECT_HANDLE,
    pWrappedKey: *mut CK_BYTE,
    ulWrappedKeyLen: CK_ULONG,
    pTemplate: *mut CK_ATTRIBUTE,
    ulAttributeCount: CK_ULONG,
    phKey: *mut CK_OBJECT_HANDLE,
) -> CK_RV {
    guard(|| {
        let module = current::module()?;
        place(phKey)?;
        let asked = unsafe { asked(pMechanism)? }.ok_or(Refusal(CKR_ARGUMENTS_BAD))?;
        let wrapped = unsafe { elements(pWrappedKey, ulWrappedKeyLen)? };
        let template = unsafe { template(pTemplate, ulAttributeCount)? };
        unsafe { put(phKey, module.unwrap(hSession, &asked, hUnwrappingKey, wrapped, &template)?) }
    })
}

/// The nonce and the tag are written where the parameter has room for them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_WrapKeyAuthenticated(
    hSession: CK_SESSION_HANDLE,
    pMechanism: *mut CK_MECHANISM,
    hWrappingKey: CK_OBJECT_HANDLE,
    hKey: CK_OBJECT_HANDLE,
    pAssociatedData: *mut CK_BYTE,
    ulAssociatedDataLen: CK_ULONG,
    pWrappedKey: *mut CK_BYTE,
    pulWrappedKeyLen: *mut CK_ULONG,
) -> CK_RV {
    guard(|| {
        let module = current::module()?;
        let room = unsafe { room(pWrappedKey, pulWrappedKeyLen)? };
        let mechanism = unsafe { pMechanism.as_ref() }.ok_or(Refusal(CKR_ARGUMENTS_BAD))?;
        trace::mechanism(mechanism.mechanism);
        let (parameter, places) = unsafe { message_parameter(mechanism.pParameter, mechanism.ulParameterLen, false)? };
        if !matches!(room, Room::AsksLength) {
            places.has_room_for_tag()?;
        }
        let data = unsafe { elements(pAssociatedData, ulAssociatedDataLen)? };
        let (output, made) = module.wrap_authenticated(hSession, mechanism.mechanism, &parameter, hWrappingKey, hKey, data, room)?;
        unsafe {
            if let Some(made) = &made {
                places.fill(made);
            }
            deliver(output, pWrappedKey, pulWrappedKeyLen)
        }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_UnwrapKeyAuthenticated(
    hSession: CK_SESSION_HANDLE,
    pMechanism: *mut CK_MECHANISM,
    hUnwrappingKey: CK_OBJECT_HANDLE,
    pWrappedKey: *mut CK_BYTE,
    ulWrappedKeyLen: CK_ULONG,
    pTemplate: *mut CK_ATTRIBUTE,
    ulAttributeCount: CK_ULONG,
    pAssociatedData: *mut CK_BYTE,
    ulAssociatedDataLen: CK_ULONG,
    phKey: *mut CK_OBJECT_HANDLE,
) -> CK_RV {
    guard(|| {
        let module = current::module()?;
        place(phKey)?;
        let mechanism = unsafe { pMechanism.as_ref() }.ok_or(Refusal(CKR_ARGUMENTS_BAD))?;
        trace::mechanism(mechanism.mechanism);
        let (parameter, _) = unsafe { message_parameter(mechanism.pParameter, mechanism.ulParameterLen, true)? };
        let wrapped = unsafe { elements(pWrappedKey, ulWrappedKeyLen)? };
        let template = unsafe { template(pTemplate, ulAttributeCount)? };
        let data = unsafe { elements(pAssociatedData, ulAssociatedDataLen)? };
        let kind = mechanism.mechanism;
        let key = module.unwrap_authenticated(hSession, kind, &parameter, hUnwrappingKey, wrapped, &template, data)?;
        unsafe { put(phKey, key) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_DeriveKey(
    hSession: CK_SESSION_HANDLE,
    pMechanism: *mut CK_MECHANISM,
    hBaseKey: CK_OBJECT_HANDLE,
    pTemplate: *mut CK_ATTRIBUTE,
    ulAttributeCount: CK_ULONG,
    phKey: *mut CK_OBJECT_HANDLE,
) -> CK_RV {
    guard(|| {
        let module = current::module()?;
        place(phKey)?;
        let asked = unsafe { asked(pMechanism)? }.ok_or(Refusal(CKR_ARGUMENTS_BAD))?;
        let template = unsafe { template(pTemplate, ulAttributeCount)? };
        unsafe { put(phKey, module.derive(hSession, &asked, hBaseKey, &template)?) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_EncapsulateKey(
    hSession: CK_SESSION_HANDLE,
    pMechanism: *mut CK_MECHANISM,
    hPublicKey: CK_OBJECT_HANDLE,
    pTemplate: *mut CK_ATTRIBUTE,
    ulAttributeCount: CK_ULONG,
    pCiphertext: *mut CK_BYTE,
    pulCiphertextLen: *mut CK_ULONG,
    phKey: *mut CK_OBJECT_HANDLE,
) -> CK_RV {
    guard(|| {
        let module = current::module()?;
        let room = unsafe { room(pCiphertext, pulCiphertextLen)? };
        if !pCiphertext.is_null() {
            place(phKey)?;
        }
        let asked = unsafe { asked(pMechanism)? }.ok_or(Refusal(CKR_ARGUMENTS_BAD))?;
        let template = unsafe { template(pTemplate, ulAttributeCount)? };
        let (output, key) = module.encapsulate(hSession, &asked, hPublicKey, &template, room)?;
        unsafe {
            if let Some(key) = key {
                put(phKey, key)?;
            }
            deliver(output, pCiphertext, pulCiphertextLen)
        }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_DecapsulateKey(
    hSession: CK_SESSION_HANDLE,
    pMechanism: *mut CK_MECHANISM,
    hPrivateKey: CK_OBJECT_HANDLE,
    pTemplate: *mut CK_ATTRIBUTE,
    ulAttributeCount: CK_ULONG,
    pCiphertext: *mut CK_BYTE,
    ulCiphertextLen: CK_ULONG,
    phKey: *mut CK_OBJECT_HANDLE,
) -> CK_RV {
    guard(|| {
        let module = current::module()?;
        place(phKey)?;
        let asked = unsafe { asked(pMechanism)? }.ok_or(Refusal(CKR_ARGUMENTS_BAD))?;
        let ciphertext = unsafe { elements(pCiphertext, ulCiphertextLen)? };
        let template = unsafe { template(pTemplate, ulAttributeCount)? };
        unsafe { put(phKey, module.decapsulate(hSession, &asked, hPrivateKey, &template, ciphertext)?) }
    })
}
