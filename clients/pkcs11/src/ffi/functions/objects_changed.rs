//! Objects made, copied, changed and destroyed (PKCS#11 3.2 §5.7).

use cryptoki_sys::*;

use crate::error::refuse;
use crate::ffi::memory::{place, put, template};
use crate::ffi::{current, guard};
use crate::stored::is_stored;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_CreateObject(
    hSession: CK_SESSION_HANDLE,
    pTemplate: *mut CK_ATTRIBUTE,
    ulCount: CK_ULONG,
    phObject: *mut CK_OBJECT_HANDLE,
) -> CK_RV {
    guard(|| {
        let module = current::module()?;
        place(phObject)?;
        let template = unsafe { template(pTemplate, ulCount)? };
        if is_stored(&template) {
            return unsafe { put(phObject, module.create_stored(hSession, &template)?) };
        }
        unsafe { put(phObject, module.create_key(hSession, &template)?) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_CopyObject(
    hSession: CK_SESSION_HANDLE,
    hObject: CK_OBJECT_HANDLE,
    pTemplate: *mut CK_ATTRIBUTE,
    ulCount: CK_ULONG,
    phNewObject: *mut CK_OBJECT_HANDLE,
) -> CK_RV {
    guard(|| {
        let module = current::module()?;
        place(phNewObject)?;
        let template = unsafe { template(pTemplate, ulCount)? };
        if module.announced_of(hSession, hObject)?.is_some() {
            return refuse(CKR_ACTION_PROHIBITED);
        }
        let copy = match module.stored_of(hSession, hObject)? {
            Some(stored) => module.copy_stored(hSession, &stored, &template),
            None => module.copy(hSession, hObject, &template),
        }?;
        unsafe { put(phNewObject, copy) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_DestroyObject(hSession: CK_SESSION_HANDLE, hObject: CK_OBJECT_HANDLE) -> CK_RV {
    guard(|| {
        let module = current::module()?;
        if module.announced_of(hSession, hObject)?.is_some() {
            return refuse(CKR_ACTION_PROHIBITED);
        }
        match module.stored_of(hSession, hObject)? {
            Some(stored) => module.destroy_stored(hSession, hObject, &stored),
            None => module.destroy(hSession, hObject),
        }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetObjectSize(hSession: CK_SESSION_HANDLE, hObject: CK_OBJECT_HANDLE, pulSize: *mut CK_ULONG) -> CK_RV {
    guard(|| {
        let module = current::module()?;
        place(pulSize)?;
        let bytes = match (module.announced_of(hSession, hObject)?, module.stored_of(hSession, hObject)?) {
            (Some(announced), _) => announced.size(),
            (None, Some(stored)) => stored.size() as CK_ULONG,
            (None, None) => module.object_size(hSession, hObject)?,
        };
        unsafe { put(pulSize, bytes) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_SetAttributeValue(
    hSession: CK_SESSION_HANDLE,
    hObject: CK_OBJECT_HANDLE,
    pTemplate: *mut CK_ATTRIBUTE,
    ulCount: CK_ULONG,
) -> CK_RV {
    guard(|| {
        let module = current::module()?;
        let template = unsafe { template(pTemplate, ulCount)? };
        if module.announced_of(hSession, hObject)?.is_some() {
            return refuse(CKR_ACTION_PROHIBITED);
        }
        match module.stored_of(hSession, hObject)? {
            Some(stored) => module.change_stored(hSession, hObject, &stored, &template),
            None => module.set_attributes(hSession, hObject, &template),
        }
    })
}
