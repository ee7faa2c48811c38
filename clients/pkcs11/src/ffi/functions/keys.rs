//! Making keys (PKCS#11 3.2 §5.18).

use cryptoki_sys::*;

use crate::error::Refusal;
use crate::ffi::memory::{place, put, template};
use crate::ffi::parameters::asked;
use crate::ffi::{current, guard};

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GenerateKey(
    hSession: CK_SESSION_HANDLE,
    pMechanism: *mut CK_MECHANISM,
    pTemplate: *mut CK_ATTRIBUTE,
    ulCount: CK_ULONG,
    phKey: *mut CK_OBJECT_HANDLE,
) -> CK_RV {
    guard(|| {
        let module = current::module()?;
        place(phKey)?;
        let asked = unsafe { asked(pMechanism)? }.ok_or(Refusal(CKR_ARGUMENTS_BAD))?;
        let made = module.generate_secret(hSession, &asked, &unsafe { template(pTemplate, ulCount)? })?;
        unsafe { put(phKey, made) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GenerateKeyPair(
    hSession: CK_SESSION_HANDLE,
    pMechanism: *mut CK_MECHANISM,
    pPublicKeyTemplate: *mut CK_ATTRIBUTE,
    ulPublicKeyAttributeCount: CK_ULONG,
    pPrivateKeyTemplate: *mut CK_ATTRIBUTE,
    ulPrivateKeyAttributeCount: CK_ULONG,
    phPublicKey: *mut CK_OBJECT_HANDLE,
    phPrivateKey: *mut CK_OBJECT_HANDLE,
) -> CK_RV {
    guard(|| {
        let module = current::module()?;
        place(phPublicKey)?;
        place(phPrivateKey)?;
        let asked = unsafe { asked(pMechanism)? }.ok_or(Refusal(CKR_ARGUMENTS_BAD))?;
        let public = unsafe { template(pPublicKeyTemplate, ulPublicKeyAttributeCount)? };
        let private = unsafe { template(pPrivateKeyTemplate, ulPrivateKeyAttributeCount)? };
        let (public, private) = module.generate_pair(hSession, &asked, &public, &private)?;
        unsafe {
            put(phPublicKey, public)?;
            put(phPrivateKey, private)
        }
    })
}
