//! Objects and their attributes (PKCS#11 3.2 §5.7).

use cryptoki_sys::*;
use zeroize::Zeroizing;

use crate::error::{Answer, Refusal, refuse};
use crate::ffi::memory::{attributes, elements_mut, place, put, put_attribute, template};
use crate::ffi::{current, guard};
use crate::objects::attributes::{is_constant, value};
use crate::objects::material::{self, is_material};

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetAttributeValue(
    hSession: CK_SESSION_HANDLE,
    hObject: CK_OBJECT_HANDLE,
    pTemplate: *mut CK_ATTRIBUTE,
    ulCount: CK_ULONG,
) -> CK_RV {
    guard(|| {
        let module = current::module()?;
        module.with(hSession, |session, slot| {
            let asked = unsafe { attributes(pTemplate, ulCount)? };
            if let Some(stored) = module.stored(session, slot, hObject) {
                return unsafe { put_each(asked, |kind| module.stored_value(&stored, slot, kind).map(Zeroizing::new)) };
            }
            if let Some(announced) = module.announced(session, hObject) {
                return unsafe { put_each(asked, |kind| announced.value(kind).map(Zeroizing::new)) };
            }
            let mut object = module.object(session, slot, hObject)?;
            if !asked.iter().all(|attribute| is_constant(attribute.type_)) {
                object = module.renewed(&object, slot)?;
            }
            let read = |kind| match is_material(&object, kind) {
                true => material::value(&object, slot, kind),
                false => value(&object, slot, kind).map(Zeroizing::new),
            };
            unsafe { put_each(asked, read) }
        })
    })
}

/// Reads attribute by attribute. What is said of single attributes is said at the end: the others are looked at all the same.
unsafe fn put_each(asked: &mut [CK_ATTRIBUTE], read: impl Fn(CK_ATTRIBUTE_TYPE) -> Answer<Zeroizing<Vec<u8>>>) -> Answer<()> {
    let mut answer = Ok(());
    for attribute in asked {
        let value = read(attribute.type_);
        match unsafe { put_attribute(attribute, value) } {
            Ok(()) => {}
            Err(Refusal(rv @ (CKR_ATTRIBUTE_SENSITIVE | CKR_ATTRIBUTE_TYPE_INVALID | CKR_BUFFER_TOO_SMALL))) => answer = refuse(rv),
            Err(refusal) => return Err(refusal),
        }
    }
    answer
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_FindObjectsInit(hSession: CK_SESSION_HANDLE, pTemplate: *mut CK_ATTRIBUTE, ulCount: CK_ULONG) -> CK_RV {
    guard(|| {
        let module = current::module()?;
        module.find_init(hSession, &unsafe { template(pTemplate, ulCount)? })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_FindObjects(
    hSession: CK_SESSION_HANDLE,
    phObject: *mut CK_OBJECT_HANDLE,
    ulMaxObjectCount: CK_ULONG,
    pulObjectCount: *mut CK_ULONG,
) -> CK_RV {
    guard(|| {
        let module = current::module()?;
        place(pulObjectCount)?;
        let places = unsafe { elements_mut(phObject, ulMaxObjectCount)? };
        let found = module.find(hSession, places.len())?;
        places[..found.len()].copy_from_slice(&found);
        unsafe { put(pulObjectCount, found.len() as CK_ULONG) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_FindObjectsFinal(hSession: CK_SESSION_HANDLE) -> CK_RV {
    guard(|| {
        current::module()?.with(hSession, |session, _| match session.found.take() {
            Some(_) => Ok(()),
            None => refuse(CKR_OPERATION_NOT_INITIALIZED),
        })
    })
}
