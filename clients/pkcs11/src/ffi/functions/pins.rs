//! Tokens and PINs (PKCS#11 3.2 §5.5.7 to §5.5.9). A PIN is never NULL: there is no protected path to type one on.

use cryptoki_sys::*;

use super::sessions::text;
use crate::ffi::memory::{elements, place};
use crate::ffi::{current, guard};

/// Bytes of a token's label, padded with blanks.
const LABEL_BYTES: CK_ULONG = 32;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_InitToken(slotID: CK_SLOT_ID, pPin: *mut CK_UTF8CHAR, ulPinLen: CK_ULONG, pLabel: *mut CK_UTF8CHAR) -> CK_RV {
    guard(|| {
        let module = current::module()?;
        place(pPin)?;
        place(pLabel)?;
        let label = text(unsafe { elements(pLabel, LABEL_BYTES)? })?.trim_end_matches(' ');
        module.init_token(slotID, unsafe { elements(pPin, ulPinLen)? }, label)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_InitPIN(hSession: CK_SESSION_HANDLE, pPin: *mut CK_UTF8CHAR, ulPinLen: CK_ULONG) -> CK_RV {
    guard(|| {
        let module = current::module()?;
        place(pPin)?;
        let pin = unsafe { elements(pPin, ulPinLen)? };
        module.with(hSession, |_, slot| slot.init_pin(pin))
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_SetPIN(
    hSession: CK_SESSION_HANDLE,
    pOldPin: *mut CK_UTF8CHAR,
    ulOldLen: CK_ULONG,
    pNewPin: *mut CK_UTF8CHAR,
    ulNewLen: CK_ULONG,
) -> CK_RV {
    guard(|| {
        let module = current::module()?;
        place(pOldPin)?;
        place(pNewPin)?;
        let (old, new) = unsafe { (elements(pOldPin, ulOldLen)?, elements(pNewPin, ulNewLen)?) };
        module.set_pin(hSession, old, new)
    })
}
