//! A `CK_MECHANISM` with what its parameter points to, read by the shape that its row names. Which parameter it may be is
//! the mechanism's business, not ours.

use std::ptr;

use cryptoki_sys::*;

use super::memory::elements;
use crate::crypto::mechanisms::{self, AEAD_TAG_BYTES, Asked, KdfMode, LONGEST_ASSOCIATED_DATA, Parameter, Shape};
use crate::error::{Answer, Refusal};
use crate::trace;

/// None for NULL, which cancels an operation (PKCS#11 3.2 §5.1).
pub unsafe fn asked(mechanism: *const CK_MECHANISM) -> Answer<Option<Asked>> {
    // SAFETY: NULL, or by the caller's promise a mechanism; so is what follows from it.
    let Some(mechanism) = (unsafe { mechanism.as_ref() }) else { return Ok(None) };
    trace::mechanism(mechanism.mechanism);
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
            Shape::GmacNonce => {
                let nonce = bounded(mechanism.pParameter.cast(), mechanism.ulParameterLen)?;
                Ok(nonce.map_or(Parameter::Unknown, Parameter::Nonce))
            }
            Shape::Oaep => structure(mechanism, |oaep: CK_RSA_PKCS_OAEP_PARAMS| {
                let source = match oaep.source {
                    0 if oaep.ulSourceDataLen == 0 => Some(vec![]),
                    CKZ_DATA_SPECIFIED => bounded(oaep.pSourceData.cast(), oaep.ulSourceDataLen)?,
                    _ => None,
                };
                Ok(source.map_or(Parameter::Unknown, |label| Parameter::Oaep { hash: oaep.hashAlg, mgf: oaep.mgf, label }))
            }),
            Shape::RsaAes => structure(mechanism, |wrap: CK_RSA_AES_KEY_WRAP_PARAMS| {
                if wrap.pOAEPParams.is_null() {
                    return Ok(Parameter::Unknown);
                }
                let oaep = ptr::read_unaligned(wrap.pOAEPParams);
                let label = if oaep.ulSourceDataLen == 0 { Some(vec![]) } else { bounded(oaep.pSourceData.cast(), oaep.ulSourceDataLen)? };
                let known = |label| Parameter::RsaAes { aes_bits: wrap.ulAESKeyBits, hash: oaep.hashAlg, mgf: oaep.mgf, label };
                Ok(label.map_or(Parameter::Unknown, known))
            }),
            Shape::Ecdh => structure(mechanism, |ecdh: CK_ECDH1_DERIVE_PARAMS| {
                let shared = bounded(ecdh.pSharedData, ecdh.ulSharedDataLen)?;
                let public = bounded(ecdh.pPublicData, ecdh.ulPublicDataLen)?;
                let both = shared.zip(public);
                Ok(both.map_or(Parameter::Unknown, |(shared, public)| Parameter::Ecdh { kdf: ecdh.kdf, shared, public }))
            }),
            Shape::Hkdf => structure(mechanism, |hkdf: CK_HKDF_PARAMS| {
                let salt = match hkdf.ulSaltType {
                    CKF_HKDF_SALT_NULL => Some(vec![]),
                    CKF_HKDF_SALT_DATA => bounded(hkdf.pSalt, hkdf.ulSaltLen)?,
                    _ => None,
                };
                let whole = hkdf.bExtract != CK_FALSE && hkdf.bExpand != CK_FALSE;
                let both = salt.zip(bounded(hkdf.pInfo, hkdf.ulInfoLen)?);
                let known = |(salt, info)| Parameter::Hkdf { whole, hash: hkdf.prfHashMechanism, salt, info };
                Ok(both.map_or(Parameter::Unknown, known))
            }),
            Shape::Sp800(mode @ KdfMode::Feedback) => structure(mechanism, |kdf: CK_SP800_108_FEEDBACK_KDF_PARAMS| {
                let Some(iv) = bounded(kdf.pIV, kdf.ulIVLen)? else { return Ok(Parameter::Unknown) };
                let pieces = (kdf.pDataParams.cast_const(), kdf.ulNumberOfDataParams);
                sp800(mode, kdf.prfType, iv, pieces, kdf.ulAdditionalDerivedKeys)
            }),
            Shape::Sp800(mode) => structure(mechanism, |kdf: CK_SP800_108_KDF_PARAMS| {
                let pieces = (kdf.pDataParams.cast_const(), kdf.ulNumberOfDataParams);
                sp800(mode, kdf.prfType, vec![], pieces, kdf.ulAdditionalDerivedKeys)
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

/// The pieces that a key derivation is given, where they are the ones the service puts together: what changes from block to
/// block in front (the counter, or the block before with a counter behind it or without), the counter of 32 bits and the
/// largest byte first; then bytes, then perhaps the length.
unsafe fn sp800(
    mode: KdfMode,
    prf: CK_MECHANISM_TYPE,
    iv: Vec<u8>,
    (start, count): (*const CK_PRF_DATA_PARAM, CK_ULONG),
    more_keys: CK_ULONG,
) -> Answer<Parameter> {
    /// More pieces than anybody puts together.
    const MOST: CK_ULONG = 64;
    if count > MOST || more_keys != 0 {
        return Ok(Parameter::Unknown);
    }
    // SAFETY: the caller's promise, for the pieces and for what they point to.
    let pieces = unsafe { elements(start, count) }.map_err(|_| Refusal(CKR_MECHANISM_PARAM_INVALID))?;
    let (mut iterated, mut counted, mut length_bits) = (false, false, 0);
    let mut before_length: Vec<u8> = vec![];
    for piece in pieces {
        let is = |bytes: usize| !piece.pValue.is_null() && usize::try_from(piece.ulValueLen) == Ok(bytes);
        let in_front = before_length.is_empty() && length_bits == 0;
        let is_counter = match (piece.type_, mode) {
            (CK_SP800_108_ITERATION_VARIABLE, KdfMode::Counter) => !iterated,
            (CK_SP800_108_COUNTER, KdfMode::Feedback | KdfMode::Pipeline) => iterated && !counted,
            _ => false,
        };
        match piece.type_ {
            _ if is_counter && in_front && is(size_of::<CK_SP800_108_COUNTER_FORMAT>()) => {
                // SAFETY: not NULL, as long as the structure, and the caller's promise.
                let counter = unsafe { ptr::read_unaligned(piece.pValue.cast::<CK_SP800_108_COUNTER_FORMAT>()) };
                if counter.bLittleEndian != CK_FALSE || counter.ulWidthInBits != 32 {
                    return Ok(Parameter::Unknown);
                }
                (iterated, counted) = (true, true);
            }
            CK_SP800_108_ITERATION_VARIABLE if mode != KdfMode::Counter && !iterated && in_front && piece.ulValueLen == 0 => {
                iterated = true
            }
            CK_SP800_108_BYTE_ARRAY if iterated && length_bits == 0 => {
                // SAFETY: the caller's promise.
                let Some(bytes) = (unsafe { bounded(piece.pValue.cast(), piece.ulValueLen)? }) else { return Ok(Parameter::Unknown) };
                before_length.extend(bytes);
            }
            CK_SP800_108_DKM_LENGTH if iterated && length_bits == 0 && is(size_of::<CK_SP800_108_DKM_LENGTH_FORMAT>()) => {
                // SAFETY: as above.
                let length = unsafe { ptr::read_unaligned(piece.pValue.cast::<CK_SP800_108_DKM_LENGTH_FORMAT>()) };
                let known = length.dkmLengthMethod == CK_SP800_108_DKM_LENGTH_SUM_OF_KEYS && length.bLittleEndian == CK_FALSE;
                if !known || ![8, 16, 24, 32, 64].contains(&length.ulWidthInBits) {
                    return Ok(Parameter::Unknown);
                }
                length_bits = length.ulWidthInBits;
            }
            _ => return Ok(Parameter::Unknown),
        }
    }
    Ok(if iterated { Parameter::Sp800 { mode, prf, iv, counted, before_length, length_bits } } else { Parameter::Unknown })
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
