//! Sessions and login (PKCS#11 3.2 §5.6).

use std::ffi::c_void;

use cryptoki_sys::*;

use crate::error::{Answer, Refusal};
use crate::ffi::memory::{elements, place, put};
use crate::ffi::{current, guard};

/// @errors `CKR_ARGUMENTS_BAD` for what is not UTF-8.
pub(super) fn text(bytes: &[u8]) -> Answer<&str> {
    std::str::from_utf8(bytes).map_err(|_| Refusal(CKR_ARGUMENTS_BAD))
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
            let state = session.state(slot.who());
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
        let module = current::module()?;
        place(pPin)?;
        module.log_in(hSession, userType, unsafe { elements(pPin, ulPinLen)? }, None)
    })
}

/// As `C_Login`, for a local user of the server by name. The two users of a token have no other name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_LoginUser(
    hSession: CK_SESSION_HANDLE,
    userType: CK_USER_TYPE,
    pPin: *mut CK_UTF8CHAR,
    ulPinLen: CK_ULONG,
    pUsername: *mut CK_UTF8CHAR,
    ulUsernameLen: CK_ULONG,
) -> CK_RV {
    guard(|| {
        let module = current::module()?;
        place(pPin)?;
        let name = text(unsafe { elements(pUsername, ulUsernameLen)? })?;
        module.log_in(hSession, userType, unsafe { elements(pPin, ulPinLen)? }, Some(name).filter(|name| !name.is_empty()))
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_Logout(hSession: CK_SESSION_HANDLE) -> CK_RV {
    guard(|| current::module()?.log_out(hSession))
}
