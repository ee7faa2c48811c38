//! Every function that does something, one after the other in the order of the specification. Long, because there are
//! that many; each only carries arguments in and answers out.
//!
//! SAFETY of all blocks: pointers are used through `memory` and `parameters` alone, under the caller's promise that a
//! pointer which is not NULL points to as much as its length says.
#![allow(non_snake_case, clippy::missing_safety_doc)]

use std::ffi::{CStr, c_void};
use std::ptr;

use cryptoki_sys::*;

use super::lists::{INTERFACES, LIST_2_40, NAME, VERSIONS};
use super::memory::{attributes, deliver, deliver_list, elements, elements_mut, place, put, put_attribute, room, template};
use super::parameters::asked;
use super::{current, guard};
use crate::attributes::value;
use crate::config::Config;
use crate::error::{Refusal, refuse};
use crate::information;
use crate::mechanisms::MECHANISMS;
use crate::module::Module;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_Initialize(pInitArgs: *mut c_void) -> CK_RV {
    guard(|| {
        let args = unsafe { pInitArgs.cast::<CK_C_INITIALIZE_ARGS>().as_ref() };
        let mut reserved = None;
        if let Some(args) = args {
            let given = [args.CreateMutex.is_some(), args.DestroyMutex.is_some(), args.LockMutex.is_some(), args.UnlockMutex.is_some()];
            // All or none (§5.4.1). They are not used: locks of the system are right with any threads there are.
            if given.contains(&true) && given.contains(&false) {
                return refuse(CKR_ARGUMENTS_BAD);
            }
            if !args.pReserved.is_null() {
                let text = unsafe { CStr::from_ptr(args.pReserved.cast()) };
                reserved = Some(text.to_str().map_err(|_| Refusal(CKR_ARGUMENTS_BAD))?);
            }
        }
        current::initialise(|| Module::new(Config::load(reserved)?))
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_Finalize(pReserved: *mut c_void) -> CK_RV {
    guard(|| if pReserved.is_null() { current::finalise() } else { refuse(CKR_ARGUMENTS_BAD) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetInfo(pInfo: *mut CK_INFO) -> CK_RV {
    guard(|| {
        current::module()?;
        unsafe { put(pInfo, information::library()) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetFunctionList(ppFunctionList: *mut *mut CK_FUNCTION_LIST) -> CK_RV {
    guard(|| unsafe { put(ppFunctionList, ptr::from_ref(&LIST_2_40).cast_mut()) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetInterfaceList(pInterfacesList: *mut CK_INTERFACE, pulCount: *mut CK_ULONG) -> CK_RV {
    guard(|| unsafe { deliver_list(&INTERFACES.0, pInterfacesList, pulCount) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetInterface(
    pInterfaceName: *mut CK_UTF8CHAR,
    pVersion: *mut CK_VERSION,
    ppInterface: *mut *mut CK_INTERFACE,
    flags: CK_FLAGS,
) -> CK_RV {
    guard(|| {
        place(ppInterface)?;
        let name = if pInterfaceName.is_null() { None } else { Some(unsafe { CStr::from_ptr(pInterfaceName.cast()) }) };
        let version = unsafe { pVersion.as_ref() };
        let fits = |wanted: &CK_VERSION| version.is_none_or(|version| (version.major, version.minor) == (wanted.major, wanted.minor));
        let position = VERSIONS.iter().position(fits).filter(|_| flags == 0 && name.is_none_or(|name| name.to_bytes_with_nul() == NAME));
        let index = position.ok_or(Refusal(CKR_FUNCTION_FAILED))?;
        unsafe { put(ppInterface, ptr::from_ref(&INTERFACES.0[index]).cast_mut()) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetSlotList(_tokenPresent: CK_BBOOL, pSlotList: *mut CK_SLOT_ID, pulCount: *mut CK_ULONG) -> CK_RV {
    guard(|| {
        let slots: Vec<CK_SLOT_ID> = (0..).take(current::module()?.slots.len()).collect();
        unsafe { deliver_list(&slots, pSlotList, pulCount) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetSlotInfo(slotID: CK_SLOT_ID, pInfo: *mut CK_SLOT_INFO) -> CK_RV {
    guard(|| unsafe { put(pInfo, information::slot(current::module()?.slot(slotID)?)) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetTokenInfo(slotID: CK_SLOT_ID, pInfo: *mut CK_TOKEN_INFO) -> CK_RV {
    guard(|| {
        let module = current::module()?;
        let slot = module.slot(slotID)?;
        unsafe { put(pInfo, information::token(slot, module.session_counts(slotID as usize))) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetMechanismList(slotID: CK_SLOT_ID, pMechanismList: *mut CK_MECHANISM_TYPE, pulCount: *mut CK_ULONG) -> CK_RV {
    guard(|| {
        current::module()?.slot(slotID)?;
        let kinds: Vec<CK_MECHANISM_TYPE> = MECHANISMS.iter().map(|row| row.kind).collect();
        unsafe { deliver_list(&kinds, pMechanismList, pulCount) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetMechanismInfo(slotID: CK_SLOT_ID, kind: CK_MECHANISM_TYPE, pInfo: *mut CK_MECHANISM_INFO) -> CK_RV {
    guard(|| {
        current::module()?.slot(slotID)?;
        place(pInfo)?;
        let row = MECHANISMS.iter().find(|row| row.kind == kind).ok_or(Refusal(CKR_MECHANISM_INVALID))?;
        unsafe { put(pInfo, row.info()) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_OpenSession(
    slotID: CK_SLOT_ID,
    flags: CK_FLAGS,
    _pApplication: *mut c_void,
    _Notify: CK_NOTIFY,
    phSession: *mut CK_SESSION_HANDLE,
) -> CK_RV {
    guard(|| {
        let module = current::module()?;
        place(phSession)?;
        unsafe { put(phSession, module.open_session(slotID, flags)?) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_CloseSession(hSession: CK_SESSION_HANDLE) -> CK_RV {
    guard(|| current::module()?.close_session(hSession))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_CloseAllSessions(slotID: CK_SLOT_ID) -> CK_RV {
    guard(|| current::module()?.close_all_sessions(slotID))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetSessionInfo(hSession: CK_SESSION_HANDLE, pInfo: *mut CK_SESSION_INFO) -> CK_RV {
    guard(|| {
        let info = current::module()?.with(hSession, |session, slot| {
            let flags = CKF_SERIAL_SESSION | if session.read_write { CKF_RW_SESSION } else { 0 };
            let state = session.state(slot.is_logged_in());
            Ok(CK_SESSION_INFO { slotID: session.slot as CK_SLOT_ID, state, flags, ulDeviceError: 0 })
        })?;
        unsafe { put(pInfo, info) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_SessionCancel(hSession: CK_SESSION_HANDLE, flags: CK_FLAGS) -> CK_RV {
    guard(|| {
        current::module()?.with(hSession, |session, _| {
            session.cancel(flags);
            Ok(())
        })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_Login(hSession: CK_SESSION_HANDLE, userType: CK_USER_TYPE, pPin: *mut CK_UTF8CHAR, ulPinLen: CK_ULONG) -> CK_RV {
    guard(|| {
        current::module()?.with(hSession, |_, slot| match userType {
            CKU_USER if pPin.is_null() => refuse(CKR_ARGUMENTS_BAD),
            CKU_USER => slot.log_in(unsafe { elements(pPin, ulPinLen)? }),
            CKU_CONTEXT_SPECIFIC => refuse(CKR_OPERATION_NOT_INITIALIZED),
            _ => refuse(CKR_USER_TYPE_INVALID),
        })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_Logout(hSession: CK_SESSION_HANDLE) -> CK_RV {
    guard(|| current::module()?.with(hSession, |_, slot| slot.log_out()))
}

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
            let object = module.object(session, slot, hObject)?;
            let mut answer = Ok(());
            for attribute in unsafe { attributes(pTemplate, ulCount)? } {
                match unsafe { put_attribute(attribute, value(&object, slot, attribute.type_)) } {
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

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_DigestInit(hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM) -> CK_RV {
    guard(|| {
        let module = current::module()?;
        let asked = unsafe { asked(pMechanism)? };
        module.with(hSession, |session, _| session.digest_init(asked.as_ref()))
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_Digest(
    hSession: CK_SESSION_HANDLE,
    pData: *mut CK_BYTE,
    ulDataLen: CK_ULONG,
    pDigest: *mut CK_BYTE,
    pulDigestLen: *mut CK_ULONG,
) -> CK_RV {
    guard(|| {
        let module = current::module()?;
        let output = module.with(hSession, |session, _| {
            let arguments = unsafe { elements(pData, ulDataLen).and_then(|data| Ok((data, room(pDigest, pulDigestLen)?))) };
            let (data, room) = arguments.inspect_err(|_| session.cancel(CKF_DIGEST))?;
            session.digest_end(Some(data), room)
        })?;
        unsafe { deliver(output, pDigest, pulDigestLen) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_DigestUpdate(hSession: CK_SESSION_HANDLE, pPart: *mut CK_BYTE, ulPartLen: CK_ULONG) -> CK_RV {
    guard(|| {
        current::module()?.with(hSession, |session, _| {
            let piece = unsafe { elements(pPart, ulPartLen) }.inspect_err(|_| session.cancel(CKF_DIGEST))?;
            session.digest_update(piece)
        })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_DigestFinal(hSession: CK_SESSION_HANDLE, pDigest: *mut CK_BYTE, pulDigestLen: *mut CK_ULONG) -> CK_RV {
    guard(|| {
        let output = current::module()?.with(hSession, |session, _| {
            let room = unsafe { room(pDigest, pulDigestLen) }.inspect_err(|_| session.cancel(CKF_DIGEST))?;
            session.digest_end(None, room)
        })?;
        unsafe { deliver(output, pDigest, pulDigestLen) }
    })
}

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

/// The vault's generator takes no seed of others.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_SeedRandom(hSession: CK_SESSION_HANDLE, _pSeed: *mut CK_BYTE, _ulSeedLen: CK_ULONG) -> CK_RV {
    guard(|| current::module()?.with(hSession, |_, _| refuse(CKR_RANDOM_SEED_NOT_SUPPORTED)))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GenerateRandom(hSession: CK_SESSION_HANDLE, pRandomData: *mut CK_BYTE, ulRandomLen: CK_ULONG) -> CK_RV {
    guard(|| {
        let module = current::module()?;
        module.random(hSession, unsafe { elements_mut(pRandomData, ulRandomLen)? })
    })
}

/// Of the parallel functions of version 1, which there are no more (§5.20).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetFunctionStatus(hSession: CK_SESSION_HANDLE) -> CK_RV {
    guard(|| current::module()?.with(hSession, |_, _| refuse(CKR_FUNCTION_NOT_PARALLEL)))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_CancelFunction(hSession: CK_SESSION_HANDLE) -> CK_RV {
    guard(|| current::module()?.with(hSession, |_, _| refuse(CKR_FUNCTION_NOT_PARALLEL)))
}

/// Slots are of the configuration and never change, so there is no event, and to wait for one would be for ever.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_WaitForSlotEvent(flags: CK_FLAGS, _pSlot: *mut CK_SLOT_ID, pReserved: *mut c_void) -> CK_RV {
    guard(|| {
        current::module()?;
        match (pReserved.is_null(), flags & CKF_DONT_BLOCK != 0) {
            (false, _) => refuse(CKR_ARGUMENTS_BAD),
            (true, true) => refuse(CKR_NO_EVENT),
            (true, false) => refuse(CKR_FUNCTION_NOT_SUPPORTED),
        }
    })
}
