//! Sessions and login (PKCS#11 3.2 §5.6).

use std::ffi::c_void;

use cryptoki_sys::*;

use crate::error::refuse;
use crate::ffi::memory::{elements, place, put};
use crate::ffi::{current, guard};

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
