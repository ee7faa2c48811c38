//! Slots and tokens (PKCS#11 3.2 §5.5).

use std::ffi::c_void;

use cryptoki_sys::*;

use crate::crypto::mechanisms;
use crate::error::refuse;
use crate::ffi::memory::{deliver_list, place, put};
use crate::ffi::{current, guard};
use crate::token::information;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetSlotList(_tokenPresent: CK_BBOOL, pSlotList: *mut CK_SLOT_ID, pulCount: *mut CK_ULONG) -> CK_RV {
    guard(|| {
        let slots: Vec<CK_SLOT_ID> = (0..).take(current::module()?.slots()?.len()).collect();
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
        place(pInfo)?;
        let token = information::token(slot, slot.token_now(), module.session_counts(slotID as usize))?;
        unsafe { put(pInfo, token) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetMechanismList(slotID: CK_SLOT_ID, pMechanismList: *mut CK_MECHANISM_TYPE, pulCount: *mut CK_ULONG) -> CK_RV {
    guard(|| {
        current::module()?.slot(slotID)?;
        let kinds: Vec<CK_MECHANISM_TYPE> = mechanisms::all().map(|row| row.kind).collect();
        unsafe { deliver_list(&kinds, pMechanismList, pulCount) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetMechanismInfo(slotID: CK_SLOT_ID, kind: CK_MECHANISM_TYPE, pInfo: *mut CK_MECHANISM_INFO) -> CK_RV {
    guard(|| {
        current::module()?.slot(slotID)?;
        place(pInfo)?;
        unsafe { put(pInfo, mechanisms::named(kind)?.info()) }
    })
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
