//! Objects and their attributes (PKCS#11 3.2 §5.7).

use cryptoki_sys::*;
use zeroize::Zeroizing;

use crate::error::{Refusal, refuse};
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
            let mut object = module.object(session, slot, hObject)?;
            let asked = unsafe { attributes(pTemplate, ulCount)? };
            if !asked.iter().all(|attribute| is_constant(attribute.type_)) {
                object = module.renewed(&object, slot)?;
            }
            let mut answer = Ok(());
            for attribute in asked {
                let value = match is_material(&object, attribute.type_) {
                    true => material::value(&object, slot, attribute.type_),
                    false => value(&object, slot, attribute.type_).map(Zeroizing::new),
                };
                match unsafe { put_attribute(attribute, value) } {
                    Ok(()) => {}
                    // These are said of single attributes: the others are looked at all the same.
                    Err(Refusal(rv @ (CKR_ATTRIBUTE_SENSITIVE | CKR_ATTRIBUTE_TYPE_INVALID | CKR_BUFFER_TOO_SMALL))) => answer = refuse(rv),
                    Err(refusal) => return Err(refusal),
                }
            }
            answer
        })
    })
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
