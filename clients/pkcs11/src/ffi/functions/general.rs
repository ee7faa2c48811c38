//! The library itself: begin, end, and the lists of functions (PKCS#11 3.2 §5.4).

use std::ffi::{CStr, c_void};
use std::ptr;

use cryptoki_sys::*;

use crate::config::Config;
use crate::error::{Refusal, refuse};
use crate::ffi::lists::{INTERFACES, LIST_2_40, NAME, VERSIONS};
use crate::ffi::memory::{deliver_list, place, put};
use crate::ffi::{current, guard};
use crate::module::Module;
use crate::token::information;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_Initialize(pInitArgs: *mut c_void) -> CK_RV {
    guard(|| {
        let args = unsafe { pInitArgs.cast::<CK_C_INITIALIZE_ARGS>().as_ref() };
        let (mut reserved, mut threads) = (None, true);
        if let Some(args) = args {
            let given = [args.CreateMutex.is_some(), args.DestroyMutex.is_some(), args.LockMutex.is_some(), args.UnlockMutex.is_some()];
            // All or none (§5.4.1). They are not used: locks of the system are right with any threads there are.
            if given.contains(&true) && given.contains(&false) {
                return refuse(CKR_ARGUMENTS_BAD);
            }
            threads = args.flags & CKF_LIBRARY_CANT_CREATE_OS_THREADS == 0;
            if !args.pReserved.is_null() {
                let text = unsafe { CStr::from_ptr(args.pReserved.cast()) };
                reserved = Some(text.to_str().map_err(|_| Refusal(CKR_ARGUMENTS_BAD))?);
            }
        }
        current::initialise(|| Module::new(Config::load(reserved, threads)?))
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
