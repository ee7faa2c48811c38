//! Random bytes (PKCS#11 3.2 §5.21).

use cryptoki_sys::*;

use crate::error::refuse;
use crate::ffi::memory::elements_mut;
use crate::ffi::{current, guard};

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
