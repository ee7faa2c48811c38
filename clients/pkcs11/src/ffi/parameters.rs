//! A `CK_MECHANISM` with what its parameter points to. Which parameter it may be is the mechanism's business, not ours.

use std::ptr;

use cryptoki_sys::*;

use super::memory::elements;
use crate::crypto::mechanisms::{Asked, Parameter};
use crate::error::Answer;

/// None for NULL, which cancels an operation (PKCS#11 3.2 §5.1).
pub unsafe fn asked(mechanism: *const CK_MECHANISM) -> Answer<Option<Asked>> {
    // SAFETY: NULL, or by the caller's promise a mechanism; so is what follows from it.
    let Some(mechanism) = (unsafe { mechanism.as_ref() }) else { return Ok(None) };
    // SAFETY: as above.
    let parameter = unsafe { parameter(mechanism)? };
    Ok(Some(Asked { kind: mechanism.mechanism, parameter }))
}

unsafe fn parameter(mechanism: &CK_MECHANISM) -> Answer<Parameter> {
    let length = mechanism.ulParameterLen;
    if length == 0 {
        return Ok(Parameter::None);
    }
    if mechanism.pParameter.is_null() {
        return Ok(Parameter::Unknown);
    }
    let is = |bytes: usize| usize::try_from(length) == Ok(bytes);
    match mechanism.mechanism {
        CKM_RSA_PKCS_PSS | CKM_SHA256_RSA_PKCS_PSS | CKM_SHA384_RSA_PKCS_PSS | CKM_SHA512_RSA_PKCS_PSS
            if is(size_of::<CK_RSA_PKCS_PSS_PARAMS>()) =>
        {
            // SAFETY: not NULL, as long as the structure, aligned or not.
            let pss = unsafe { ptr::read_unaligned(mechanism.pParameter.cast::<CK_RSA_PKCS_PSS_PARAMS>()) };
            Ok(Parameter::Pss { hash: pss.hashAlg, mgf: pss.mgf, salt_bytes: usize::try_from(pss.sLen).unwrap_or(usize::MAX) })
        }
        CKM_EDDSA if is(size_of::<CK_EDDSA_PARAMS>()) => {
            // SAFETY: as above.
            let eddsa = unsafe { ptr::read_unaligned(mechanism.pParameter.cast::<CK_EDDSA_PARAMS>()) };
            // No context is longer than 255 bytes, so nothing longer is read.
            if eddsa.ulContextDataLen > 255 {
                return Ok(Parameter::Unknown);
            }
            // SAFETY: the caller's promise.
            let context = unsafe { elements(eddsa.pContextData, eddsa.ulContextDataLen)? };
            Ok(Parameter::Eddsa { prehashed: eddsa.phFlag != CK_FALSE, context: context.to_vec() })
        }
        _ => Ok(Parameter::Unknown),
    }
}
