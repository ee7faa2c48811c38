//! A `CK_MECHANISM` with what its parameter points to, read by the shape that its row names. Which parameter it may be is
//! the mechanism's business, not ours.

use std::ptr;

use cryptoki_sys::*;

use super::memory::elements;
use crate::crypto::mechanisms::{self, Asked, Parameter, Shape};
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
    if mechanism.ulParameterLen == 0 {
        return Ok(Parameter::None);
    }
    // A mechanism that there is not is refused by whoever looks for it.
    let Ok(row) = mechanisms::named(mechanism.mechanism) else { return Ok(Parameter::Unknown) };
    // SAFETY: the caller's promise about the parameter and what it points to.
    unsafe {
        match row.shape {
            Shape::None => Ok(Parameter::Unknown),
            Shape::Pss => structure(mechanism, |pss: CK_RSA_PKCS_PSS_PARAMS| {
                Ok(Parameter::Pss { hash: pss.hashAlg, mgf: pss.mgf, salt_bytes: usize::try_from(pss.sLen).unwrap_or(usize::MAX) })
            }),
            Shape::Eddsa => structure(mechanism, |eddsa: CK_EDDSA_PARAMS| {
                // No context is longer than 255 bytes, so nothing longer is read.
                if eddsa.ulContextDataLen > 255 {
                    return Ok(Parameter::Unknown);
                }
                let context = elements(eddsa.pContextData, eddsa.ulContextDataLen)?;
                Ok(Parameter::Eddsa { prehashed: eddsa.phFlag != CK_FALSE, context: context.to_vec() })
            }),
        }
    }
}

/// The parameter as a structure of exactly its size, aligned or not; anything else is of no known shape.
unsafe fn structure<T>(mechanism: &CK_MECHANISM, read: impl FnOnce(T) -> Answer<Parameter>) -> Answer<Parameter> {
    if mechanism.pParameter.is_null() || usize::try_from(mechanism.ulParameterLen) != Ok(size_of::<T>()) {
        return Ok(Parameter::Unknown);
    }
    // SAFETY: not NULL, as long as the structure, and the caller's promise.
    read(unsafe { ptr::read_unaligned(mechanism.pParameter.cast::<T>()) })
}
