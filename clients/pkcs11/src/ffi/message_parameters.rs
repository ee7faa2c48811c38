//! Parameters of single messages, which go in and come out: a nonce that the token may make, a tag (PKCS#11 3.2 §6.13.4).
//!
//! Which of the structures it is shows in its size; whether it is that of the mechanism decides who uses it.

use std::ffi::c_void;
use std::ptr;

use cryptoki_sys::*;

use super::memory::elements;
use crate::crypto::mechanisms::{AEAD_TAG_BYTES, Shape};
use crate::crypto::messages::{Made, MessageParameter, Source};
use crate::error::{Answer, Refusal, refuse};

/// Where the caller has room for what is made.
pub struct Places {
    nonce: *mut u8,
    tag: *mut u8,
    made: Source,
}

const INVALID: Refusal = Refusal(CKR_MECHANISM_PARAM_INVALID);
/// No nonce of any mechanism is longer.
const LONGEST_NONCE: CK_ULONG = 256;

fn source(generator: CK_GENERATOR_FUNCTION, fixed_bits: CK_ULONG) -> Source {
    match generator {
        CKG_NO_GENERATE => Source::Caller,
        CKG_GENERATE | CKG_GENERATE_RANDOM if fixed_bits == 0 => Source::Token,
        _ => Source::Other,
    }
}

/// @param tag   whether the tag is read: to decrypt, with the end of a message
pub unsafe fn message_parameter(parameter: *const c_void, length: CK_ULONG, tag: bool) -> Answer<(MessageParameter, Places)> {
    let size = usize::try_from(length).map_err(|_| INVALID)?;
    if parameter.is_null() {
        return Err(INVALID);
    }
    // SAFETY: not NULL, as long as the structure that is read, aligned or not, and the caller's promise about it.
    unsafe {
        if size == size_of::<CK_GCM_MESSAGE_PARAMS>() {
            let gcm = ptr::read_unaligned(parameter.cast::<CK_GCM_MESSAGE_PARAMS>());
            let from = source(gcm.ivGenerator, gcm.ulIvFixedBits);
            read(Shape::Gcm, (gcm.pIv, gcm.ulIvLen), from, (gcm.pTag, gcm.ulTagBits), None, tag)
        } else if size == size_of::<CK_CCM_MESSAGE_PARAMS>() {
            let ccm = ptr::read_unaligned(parameter.cast::<CK_CCM_MESSAGE_PARAMS>());
            let from = source(ccm.nonceGenerator, ccm.ulNonceFixedBits);
            let promised = usize::try_from(ccm.ulDataLen).map_err(|_| INVALID)?;
            read(Shape::Ccm, (ccm.pNonce, ccm.ulNonceLen), from, (ccm.pMAC, ccm.ulMACLen.saturating_mul(8)), Some(promised), tag)
        } else if size == size_of::<CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS>() {
            let chacha = ptr::read_unaligned(parameter.cast::<CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS>());
            let bits = 8 * AEAD_TAG_BYTES as CK_ULONG;
            read(Shape::ChaCha, (chacha.pNonce, chacha.ulNonceLen), Source::Caller, (chacha.pTag, bits), None, tag)
        } else {
            Err(INVALID)
        }
    }
}

unsafe fn read(
    shape: Shape,
    nonce: (*mut u8, CK_ULONG),
    source: Source,
    tag: (*mut u8, CK_ULONG),
    length: Option<usize>,
    reads_tag: bool,
) -> Answer<(MessageParameter, Places)> {
    if nonce.1 > LONGEST_NONCE || nonce.0.is_null() {
        return Err(INVALID);
    }
    // SAFETY: the caller's promise.
    let own = unsafe { elements(nonce.0, nonce.1)? }.to_vec();
    // A tag of another length is refused by whoever checks; it is not read.
    let whole = reads_tag && !tag.0.is_null() && tag.1 == 8 * AEAD_TAG_BYTES as CK_ULONG;
    // SAFETY: the caller's promise.
    let read = if whole { unsafe { elements(tag.0, AEAD_TAG_BYTES as CK_ULONG)? }.to_vec() } else { vec![] };
    let places = Places { nonce: nonce.0, tag: tag.0, made: source };
    Ok((MessageParameter { shape, nonce: own, source, tag_bits: tag.1, tag: read, length }, places))
}

impl Places {
    /// Asked before a message is encrypted, so that no tag is lost.
    pub fn has_room_for_tag(&self) -> Answer<()> {
        if self.tag.is_null() { refuse(CKR_ARGUMENTS_BAD) } else { Ok(()) }
    }

    /// Writes the tag, and the nonce where the token made it. Both have the lengths that were checked.
    pub unsafe fn fill(&self, made: &Made) {
        // SAFETY: room for a tag of 16 bytes and a nonce of 12 was promised by the parameter and asked for above.
        unsafe {
            self.tag.copy_from(made.tag.as_ptr(), made.tag.len());
            if self.made == Source::Token {
                self.nonce.copy_from(made.nonce.as_ptr(), made.nonce.len());
            }
        }
    }
}
