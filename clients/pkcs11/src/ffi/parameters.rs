//! A `CK_MECHANISM` with what its parameter points to, read by the shape that its row names. Which parameter it may be is
//! the mechanism's business, not ours.

use std::ptr;

use cryptoki_sys::*;

use super::memory::elements;
use crate::crypto::mechanisms::{self, AEAD_TAG_BYTES, Asked, LONGEST_ASSOCIATED_DATA, Parameter, Shape};
use crate::error::{Answer, Refusal};

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
            Shape::Context => structure(mechanism, |signing: CK_SIGN_ADDITIONAL_CONTEXT| {
                if signing.ulContextLen > 255 || signing.hedgeVariant > CKH_DETERMINISTIC_REQUIRED {
                    return Ok(Parameter::Unknown);
                }
                let deterministic = signing.hedgeVariant == CKH_DETERMINISTIC_REQUIRED;
                let context = bounded(signing.pContext, signing.ulContextLen)?;
                Ok(context.map_or(Parameter::Unknown, |context| Parameter::Context { deterministic, context }))
            }),
            Shape::MacLength => structure(mechanism, |bytes: CK_MAC_GENERAL_PARAMS| Ok(Parameter::MacBytes(bytes))),
            Shape::GmacNonce => structure(mechanism, |nonce: [u8; 12]| Ok(Parameter::Nonce(nonce))),
            Shape::Oaep => structure(mechanism, |oaep: CK_RSA_PKCS_OAEP_PARAMS| {
                let source = match oaep.source {
                    0 if oaep.ulSourceDataLen == 0 => Some(vec![]),
                    CKZ_DATA_SPECIFIED => bounded(oaep.pSourceData.cast(), oaep.ulSourceDataLen)?,
                    _ => None,
                };
                Ok(source.map_or(Parameter::Unknown, |label| Parameter::Oaep { hash: oaep.hashAlg, mgf: oaep.mgf, label }))
            }),
            Shape::Block => structure(mechanism, |block: [u8; 16]| Ok(Parameter::Block(block))),
            Shape::Ctr => structure(mechanism, |ctr: CK_AES_CTR_PARAMS| Ok(Parameter::Ctr { bits: ctr.ulCounterBits, counter: ctr.cb })),
            Shape::Gcm => {
                structure(mechanism, |gcm: CK_GCM_PARAMS| aead((gcm.pIv, gcm.ulIvLen), (gcm.pAAD, gcm.ulAADLen), gcm.ulTagBits, None))
            }
            Shape::Ccm => structure(mechanism, |ccm: CK_CCM_PARAMS| {
                let length = usize::try_from(ccm.ulDataLen).ok();
                aead((ccm.pNonce, ccm.ulNonceLen), (ccm.pAAD, ccm.ulAADLen), ccm.ulMACLen.saturating_mul(8), length)
            }),
            Shape::ChaCha => structure(mechanism, |chacha: CK_SALSA20_CHACHA20_POLY1305_PARAMS| {
                let tag_bits = 8 * AEAD_TAG_BYTES as CK_ULONG;
                aead((chacha.pNonce, chacha.ulNonceLen), (chacha.pAAD, chacha.ulAADLen), tag_bits, None)
            }),
        }
    }
}

/// Bytes that no parameter has more of than the service takes; none when there are more.
unsafe fn bounded(start: *const u8, length: CK_ULONG) -> Answer<Option<Vec<u8>>> {
    if length > LONGEST_ASSOCIATED_DATA as CK_ULONG {
        return Ok(None);
    }
    // SAFETY: the caller's promise.
    let bytes = unsafe { elements(start, length) }.map_err(|_| Refusal(CKR_MECHANISM_PARAM_INVALID))?;
    Ok(Some(bytes.to_vec()))
}

unsafe fn aead(nonce: (*mut u8, CK_ULONG), data: (*mut u8, CK_ULONG), tag_bits: CK_ULONG, length: Option<usize>) -> Answer<Parameter> {
    // SAFETY: the caller's promise.
    let (nonce, data) = unsafe { (bounded(nonce.0, nonce.1)?, bounded(data.0, data.1)?) };
    Ok(match (nonce, data) {
        (Some(nonce), Some(data)) => Parameter::Aead { nonce, data, tag_bits, length },
        _ => Parameter::Unknown,
    })
}

/// The parameter as a structure of exactly its size, aligned or not; anything else is of no known shape.
unsafe fn structure<T>(mechanism: &CK_MECHANISM, read: impl FnOnce(T) -> Answer<Parameter>) -> Answer<Parameter> {
    if mechanism.pParameter.is_null() || usize::try_from(mechanism.ulParameterLen) != Ok(size_of::<T>()) {
        return Ok(Parameter::Unknown);
    }
    // SAFETY: not NULL, as long as the structure, and the caller's promise.
    read(unsafe { ptr::read_unaligned(mechanism.pParameter.cast::<T>()) })
}
