//! Digests (PKCS#11 3.2 §5.12).

use cryptoki_sys::*;

use crate::ffi::memory::{deliver, elements, room};
use crate::ffi::parameters::asked;
use crate::ffi::{current, guard};

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

/// No key of the vault comes here to be hashed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_DigestKey(hSession: CK_SESSION_HANDLE, hKey: CK_OBJECT_HANDLE) -> CK_RV {
    guard(|| {
        let module = current::module()?;
        module.with(hSession, |session, slot| {
            if session.digesting.is_some() {
                module.key(session, slot, hKey).inspect_err(|_| session.cancel(CKF_DIGEST))?;
            }
            session.digest_key()
        })
    })
}
