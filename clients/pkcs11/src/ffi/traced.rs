//! The same functions, traced: what is handed out while HSM_PKCS11_TRACE says so.
//!
//! Each calls the function of its name and writes one line about it. An application that finds functions by name and not
//! by C_GetFunctionList or C_GetInterface is not traced.

#![allow(unused_unsafe)]

use std::ffi::c_void;
use std::time::Instant;

use cryptoki_sys::*;

use super::exported;
use super::lists::{Lists, functions, interface, lists, version};
use super::trace::{Argument, line};

macro_rules! traced {
    ($($name:ident($($argument:ident: $type:ty),*);)*) => {
        $(
            #[allow(non_snake_case)]
            unsafe extern "C" fn $name($($argument: $type),*) -> CK_RV {
                let started = Instant::now();
                // SAFETY: the caller's promises are those of the function of this name.
                let rv = unsafe { exported::$name($($argument),*) };
                line(stringify!($name), &[$((stringify!($argument), Argument::from($argument))),*], rv, started.elapsed());
                rv
            }
        )*
    };
}

#[rustfmt::skip]
traced! {
    C_Initialize(reserved: *mut c_void);
    C_Finalize(reserved: *mut c_void);
    C_GetInfo(info: *mut CK_INFO);
    C_GetFunctionList(info: *mut *mut CK_FUNCTION_LIST);
    C_GetSlotList(present: CK_BBOOL, slots: *mut CK_SLOT_ID, count: *mut CK_ULONG);
    C_GetSlotInfo(slot: CK_SLOT_ID, info: *mut CK_SLOT_INFO);
    C_GetTokenInfo(slot: CK_SLOT_ID, info: *mut CK_TOKEN_INFO);
    C_GetMechanismList(slot: CK_SLOT_ID, kinds: *mut CK_MECHANISM_TYPE, count: *mut CK_ULONG);
    C_GetMechanismInfo(slot: CK_SLOT_ID, kind: CK_MECHANISM_TYPE, info: *mut CK_MECHANISM_INFO);
    C_InitToken(slot: CK_SLOT_ID, pin: *mut CK_UTF8CHAR, pin_len: CK_ULONG, label: *mut CK_UTF8CHAR);
    C_InitPIN(session: CK_SESSION_HANDLE, pin: *mut CK_UTF8CHAR, pin_len: CK_ULONG);
    C_SetPIN(session: CK_SESSION_HANDLE, pin: *mut CK_UTF8CHAR, pin_len: CK_ULONG, pin2: *mut CK_UTF8CHAR, pin2_len: CK_ULONG);
    C_OpenSession(slot: CK_SLOT_ID, flags: CK_FLAGS, reserved: *mut c_void, notify: CK_NOTIFY, handle: *mut CK_SESSION_HANDLE);
    C_CloseSession(session: CK_SESSION_HANDLE);
    C_CloseAllSessions(slot: CK_SLOT_ID);
    C_GetSessionInfo(session: CK_SESSION_HANDLE, info: *mut CK_SESSION_INFO);
    C_GetOperationState(session: CK_SESSION_HANDLE, output: *mut CK_BYTE, output_len: *mut CK_ULONG);
    C_SetOperationState(session: CK_SESSION_HANDLE, data: *mut CK_BYTE, data_len: CK_ULONG, object: CK_OBJECT_HANDLE, object2: CK_OBJECT_HANDLE);
    C_Login(session: CK_SESSION_HANDLE, user: CK_USER_TYPE, pin: *mut CK_UTF8CHAR, pin_len: CK_ULONG);
    C_Logout(session: CK_SESSION_HANDLE);
    C_CreateObject(session: CK_SESSION_HANDLE, template: *mut CK_ATTRIBUTE, template_count: CK_ULONG, handle: *mut CK_OBJECT_HANDLE);
    C_CopyObject(session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE, template: *mut CK_ATTRIBUTE, template_count: CK_ULONG, handle: *mut CK_OBJECT_HANDLE);
    C_DestroyObject(session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE);
    C_GetObjectSize(session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE, count: *mut CK_ULONG);
    C_GetAttributeValue(session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE, template: *mut CK_ATTRIBUTE, template_count: CK_ULONG);
    C_SetAttributeValue(session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE, template: *mut CK_ATTRIBUTE, template_count: CK_ULONG);
    C_FindObjectsInit(session: CK_SESSION_HANDLE, template: *mut CK_ATTRIBUTE, template_count: CK_ULONG);
    C_FindObjects(session: CK_SESSION_HANDLE, handles: *mut CK_OBJECT_HANDLE, most: CK_ULONG, count: *mut CK_ULONG);
    C_FindObjectsFinal(session: CK_SESSION_HANDLE);
    C_EncryptInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, object: CK_OBJECT_HANDLE);
    C_Encrypt(session: CK_SESSION_HANDLE, data: *mut CK_BYTE, data_len: CK_ULONG, output: *mut CK_BYTE, output_len: *mut CK_ULONG);
    C_EncryptUpdate(session: CK_SESSION_HANDLE, data: *mut CK_BYTE, data_len: CK_ULONG, output: *mut CK_BYTE, output_len: *mut CK_ULONG);
    C_EncryptFinal(session: CK_SESSION_HANDLE, output: *mut CK_BYTE, output_len: *mut CK_ULONG);
    C_DecryptInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, object: CK_OBJECT_HANDLE);
    C_Decrypt(session: CK_SESSION_HANDLE, data: *mut CK_BYTE, data_len: CK_ULONG, output: *mut CK_BYTE, output_len: *mut CK_ULONG);
    C_DecryptUpdate(session: CK_SESSION_HANDLE, data: *mut CK_BYTE, data_len: CK_ULONG, output: *mut CK_BYTE, output_len: *mut CK_ULONG);
    C_DecryptFinal(session: CK_SESSION_HANDLE, output: *mut CK_BYTE, output_len: *mut CK_ULONG);
    C_DigestInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM);
    C_Digest(session: CK_SESSION_HANDLE, data: *mut CK_BYTE, data_len: CK_ULONG, output: *mut CK_BYTE, output_len: *mut CK_ULONG);
    C_DigestUpdate(session: CK_SESSION_HANDLE, data: *mut CK_BYTE, data_len: CK_ULONG);
    C_DigestKey(session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE);
    C_DigestFinal(session: CK_SESSION_HANDLE, output: *mut CK_BYTE, output_len: *mut CK_ULONG);
    C_SignInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, object: CK_OBJECT_HANDLE);
    C_Sign(session: CK_SESSION_HANDLE, data: *mut CK_BYTE, data_len: CK_ULONG, output: *mut CK_BYTE, output_len: *mut CK_ULONG);
    C_SignUpdate(session: CK_SESSION_HANDLE, data: *mut CK_BYTE, data_len: CK_ULONG);
    C_SignFinal(session: CK_SESSION_HANDLE, output: *mut CK_BYTE, output_len: *mut CK_ULONG);
    C_SignRecoverInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, object: CK_OBJECT_HANDLE);
    C_SignRecover(session: CK_SESSION_HANDLE, data: *mut CK_BYTE, data_len: CK_ULONG, output: *mut CK_BYTE, output_len: *mut CK_ULONG);
    C_VerifyInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, object: CK_OBJECT_HANDLE);
    C_Verify(session: CK_SESSION_HANDLE, data: *mut CK_BYTE, data_len: CK_ULONG, data2: *mut CK_BYTE, data2_len: CK_ULONG);
    C_VerifyUpdate(session: CK_SESSION_HANDLE, data: *mut CK_BYTE, data_len: CK_ULONG);
    C_VerifyFinal(session: CK_SESSION_HANDLE, data: *mut CK_BYTE, data_len: CK_ULONG);
    C_VerifyRecoverInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, object: CK_OBJECT_HANDLE);
    C_VerifyRecover(session: CK_SESSION_HANDLE, data: *mut CK_BYTE, data_len: CK_ULONG, output: *mut CK_BYTE, output_len: *mut CK_ULONG);
    C_DigestEncryptUpdate(session: CK_SESSION_HANDLE, data: *mut CK_BYTE, data_len: CK_ULONG, output: *mut CK_BYTE, output_len: *mut CK_ULONG);
    C_DecryptDigestUpdate(session: CK_SESSION_HANDLE, data: *mut CK_BYTE, data_len: CK_ULONG, output: *mut CK_BYTE, output_len: *mut CK_ULONG);
    C_SignEncryptUpdate(session: CK_SESSION_HANDLE, data: *mut CK_BYTE, data_len: CK_ULONG, output: *mut CK_BYTE, output_len: *mut CK_ULONG);
    C_DecryptVerifyUpdate(session: CK_SESSION_HANDLE, data: *mut CK_BYTE, data_len: CK_ULONG, output: *mut CK_BYTE, output_len: *mut CK_ULONG);
    C_GenerateKey(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, template: *mut CK_ATTRIBUTE, template_count: CK_ULONG, handle: *mut CK_OBJECT_HANDLE);
    C_GenerateKeyPair(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, template: *mut CK_ATTRIBUTE, template_count: CK_ULONG, template2: *mut CK_ATTRIBUTE, template2_count: CK_ULONG, handle: *mut CK_OBJECT_HANDLE, handle2: *mut CK_OBJECT_HANDLE);
    C_WrapKey(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, object: CK_OBJECT_HANDLE, object2: CK_OBJECT_HANDLE, output: *mut CK_BYTE, output_len: *mut CK_ULONG);
    C_UnwrapKey(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, object: CK_OBJECT_HANDLE, data: *mut CK_BYTE, data_len: CK_ULONG, template: *mut CK_ATTRIBUTE, template_count: CK_ULONG, handle: *mut CK_OBJECT_HANDLE);
    C_DeriveKey(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, object: CK_OBJECT_HANDLE, template: *mut CK_ATTRIBUTE, template_count: CK_ULONG, handle: *mut CK_OBJECT_HANDLE);
    C_SeedRandom(session: CK_SESSION_HANDLE, data: *mut CK_BYTE, data_len: CK_ULONG);
    C_GenerateRandom(session: CK_SESSION_HANDLE, data: *mut CK_BYTE, data_len: CK_ULONG);
    C_GetFunctionStatus(session: CK_SESSION_HANDLE);
    C_CancelFunction(session: CK_SESSION_HANDLE);
    C_WaitForSlotEvent(flags: CK_FLAGS, slots: *mut CK_SLOT_ID, reserved: *mut c_void);
    C_GetInterfaceList(info: *mut CK_INTERFACE, count: *mut CK_ULONG);
    C_GetInterface(name: *mut CK_UTF8CHAR, info: *mut CK_VERSION, info2: *mut *mut CK_INTERFACE, flags: CK_FLAGS);
    C_LoginUser(session: CK_SESSION_HANDLE, user: CK_USER_TYPE, pin: *mut CK_UTF8CHAR, pin_len: CK_ULONG, pin2: *mut CK_UTF8CHAR, pin2_len: CK_ULONG);
    C_SessionCancel(session: CK_SESSION_HANDLE, flags: CK_FLAGS);
    C_MessageEncryptInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, object: CK_OBJECT_HANDLE);
    C_EncryptMessage(session: CK_SESSION_HANDLE, parameter: *mut c_void, parameter_len: CK_ULONG, data: *mut CK_BYTE, data_len: CK_ULONG, data2: *mut CK_BYTE, data2_len: CK_ULONG, output: *mut CK_BYTE, output_len: *mut CK_ULONG);
    C_EncryptMessageBegin(session: CK_SESSION_HANDLE, parameter: *mut c_void, parameter_len: CK_ULONG, data: *mut CK_BYTE, data_len: CK_ULONG);
    C_EncryptMessageNext(session: CK_SESSION_HANDLE, parameter: *mut c_void, parameter_len: CK_ULONG, data: *mut CK_BYTE, data_len: CK_ULONG, output: *mut CK_BYTE, output_len: *mut CK_ULONG, flags: CK_FLAGS);
    C_MessageEncryptFinal(session: CK_SESSION_HANDLE);
    C_MessageDecryptInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, object: CK_OBJECT_HANDLE);
    C_DecryptMessage(session: CK_SESSION_HANDLE, parameter: *mut c_void, parameter_len: CK_ULONG, data: *mut CK_BYTE, data_len: CK_ULONG, data2: *mut CK_BYTE, data2_len: CK_ULONG, output: *mut CK_BYTE, output_len: *mut CK_ULONG);
    C_DecryptMessageBegin(session: CK_SESSION_HANDLE, parameter: *mut c_void, parameter_len: CK_ULONG, data: *mut CK_BYTE, data_len: CK_ULONG);
    C_DecryptMessageNext(session: CK_SESSION_HANDLE, parameter: *mut c_void, parameter_len: CK_ULONG, data: *mut CK_BYTE, data_len: CK_ULONG, output: *mut CK_BYTE, output_len: *mut CK_ULONG, flags: CK_FLAGS);
    C_MessageDecryptFinal(session: CK_SESSION_HANDLE);
    C_MessageSignInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, object: CK_OBJECT_HANDLE);
    C_SignMessage(session: CK_SESSION_HANDLE, parameter: *mut c_void, parameter_len: CK_ULONG, data: *mut CK_BYTE, data_len: CK_ULONG, output: *mut CK_BYTE, output_len: *mut CK_ULONG);
    C_SignMessageBegin(session: CK_SESSION_HANDLE, parameter: *mut c_void, parameter_len: CK_ULONG);
    C_SignMessageNext(session: CK_SESSION_HANDLE, parameter: *mut c_void, parameter_len: CK_ULONG, data: *mut CK_BYTE, data_len: CK_ULONG, output: *mut CK_BYTE, output_len: *mut CK_ULONG);
    C_MessageSignFinal(session: CK_SESSION_HANDLE);
    C_MessageVerifyInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, object: CK_OBJECT_HANDLE);
    C_VerifyMessage(session: CK_SESSION_HANDLE, parameter: *mut c_void, parameter_len: CK_ULONG, data: *mut CK_BYTE, data_len: CK_ULONG, data2: *mut CK_BYTE, data2_len: CK_ULONG);
    C_VerifyMessageBegin(session: CK_SESSION_HANDLE, parameter: *mut c_void, parameter_len: CK_ULONG);
    C_VerifyMessageNext(session: CK_SESSION_HANDLE, parameter: *mut c_void, parameter_len: CK_ULONG, data: *mut CK_BYTE, data_len: CK_ULONG, data2: *mut CK_BYTE, data2_len: CK_ULONG);
    C_MessageVerifyFinal(session: CK_SESSION_HANDLE);
    C_EncapsulateKey(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, object: CK_OBJECT_HANDLE, template: *mut CK_ATTRIBUTE, template_count: CK_ULONG, output: *mut CK_BYTE, output_len: *mut CK_ULONG, handle: *mut CK_OBJECT_HANDLE);
    C_DecapsulateKey(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, object: CK_OBJECT_HANDLE, template: *mut CK_ATTRIBUTE, template_count: CK_ULONG, data: *mut CK_BYTE, data_len: CK_ULONG, handle: *mut CK_OBJECT_HANDLE);
    C_VerifySignatureInit(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, object: CK_OBJECT_HANDLE, data: *mut CK_BYTE, data_len: CK_ULONG);
    C_VerifySignature(session: CK_SESSION_HANDLE, data: *mut CK_BYTE, data_len: CK_ULONG);
    C_VerifySignatureUpdate(session: CK_SESSION_HANDLE, data: *mut CK_BYTE, data_len: CK_ULONG);
    C_VerifySignatureFinal(session: CK_SESSION_HANDLE);
    C_GetSessionValidationFlags(session: CK_SESSION_HANDLE, kind: CK_SESSION_VALIDATION_FLAGS_TYPE, value: *mut CK_FLAGS);
    C_AsyncComplete(session: CK_SESSION_HANDLE, name: *mut CK_UTF8CHAR, info: *mut CK_ASYNC_DATA);
    C_AsyncGetID(session: CK_SESSION_HANDLE, name: *mut CK_UTF8CHAR, count: *mut CK_ULONG);
    C_AsyncJoin(session: CK_SESSION_HANDLE, data: *mut CK_UTF8CHAR, data_len: CK_ULONG, data2: *mut CK_BYTE, data2_len: CK_ULONG);
    C_WrapKeyAuthenticated(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, object: CK_OBJECT_HANDLE, object2: CK_OBJECT_HANDLE, data: *mut CK_BYTE, data_len: CK_ULONG, output: *mut CK_BYTE, output_len: *mut CK_ULONG);
    C_UnwrapKeyAuthenticated(session: CK_SESSION_HANDLE, mechanism: *mut CK_MECHANISM, object: CK_OBJECT_HANDLE, data: *mut CK_BYTE, data_len: CK_ULONG, template: *mut CK_ATTRIBUTE, template_count: CK_ULONG, data2: *mut CK_BYTE, data2_len: CK_ULONG, handle: *mut CK_OBJECT_HANDLE);
}

pub static TRACED: Lists = lists!();
