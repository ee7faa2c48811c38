//! C_WrapKeyAuthenticated and C_UnwrapKeyAuthenticated: keys under AES-GCM, with associated data (PKCS#11 3.2 §5.18.6, §5.18.7).
//!
//! The nonce is the vault's to draw, as for every key that it wraps, and is told with the tag: the service has both around the
//! wrapped key, PKCS#11 has them in the parameter.

use cryptoki_sys::*;

use super::wrap::{How, Wrapped, Wrapping};
use crate::crypto::mechanisms::{self, AEAD_NONCE_BYTES, AEAD_TAG_BYTES, LONGEST_ASSOCIATED_DATA, Mechanism, Shape, Way};
use crate::crypto::messages::{Made, MessageParameter, Source};
use crate::error::{Answer, Refusal, refuse};
use crate::module::Module;
use crate::objects::template::Template;
use crate::output::{Output, Room};

/// @errors `CKR_MECHANISM_INVALID` for what wraps without associated data
fn way(kind: CK_MECHANISM_TYPE, flag: CK_FLAGS) -> Answer<&'static Mechanism> {
    let mechanism = mechanisms::taken_by(kind, flag)?;
    if mechanism.way == Way::AesGcm { Ok(mechanism) } else { refuse(CKR_MECHANISM_INVALID) }
}

fn how(parameter: &MessageParameter, associated_data: &[u8]) -> Answer<How> {
    let fits = parameter.shape == Shape::Gcm
        && parameter.nonce.len() == AEAD_NONCE_BYTES
        && parameter.tag_bits == 8 * AEAD_TAG_BYTES as CK_ULONG
        && associated_data.len() <= LONGEST_ASSOCIATED_DATA;
    if fits { Ok(How { associated_data: associated_data.to_vec(), ..How::default() }) } else { refuse(CKR_MECHANISM_PARAM_INVALID) }
}

impl Module {
    /// @errors `CKR_MECHANISM_PARAM_INVALID` unless the token makes the nonce
    #[allow(clippy::too_many_arguments)]
    pub fn wrap_authenticated(
        &self,
        handle: CK_SESSION_HANDLE,
        kind: CK_MECHANISM_TYPE,
        parameter: &MessageParameter,
        wrapping: CK_OBJECT_HANDLE,
        target: CK_OBJECT_HANDLE,
        associated_data: &[u8],
        room: Room,
    ) -> Answer<(Output, Option<Made>)> {
        let mechanism = way(kind, CKF_WRAP)?;
        let how = how(parameter, associated_data)?;
        if parameter.source != Source::Token {
            return refuse(CKR_MECHANISM_PARAM_INVALID);
        }
        let mut bytes = match self.wrapped(handle, mechanism, &how, wrapping, target, matches!(room, Room::AsksLength))? {
            Wrapping::Longest(bytes) => return Ok((Output::Length(bytes), None)),
            Wrapping::Done(bytes) => bytes,
        };
        let key_bytes = bytes.len().checked_sub(AEAD_NONCE_BYTES + AEAD_TAG_BYTES).ok_or(Refusal(CKR_DEVICE_ERROR))?;
        if let Some(early) = room.without(key_bytes) {
            return Ok((early, None));
        }
        let tag = bytes.split_off(AEAD_NONCE_BYTES + key_bytes);
        let key = bytes.split_off(AEAD_NONCE_BYTES);
        Ok((Output::Bytes(key), Some(Made { nonce: bytes, tag })))
    }

    #[allow(clippy::too_many_arguments)]
    pub fn unwrap_authenticated(
        &self,
        handle: CK_SESSION_HANDLE,
        kind: CK_MECHANISM_TYPE,
        parameter: &MessageParameter,
        unwrapping: CK_OBJECT_HANDLE,
        bytes: &[u8],
        template: &Template,
        associated_data: &[u8],
    ) -> Answer<CK_OBJECT_HANDLE> {
        let mechanism = way(kind, CKF_UNWRAP)?;
        let how = how(parameter, associated_data)?;
        if parameter.tag.len() != AEAD_TAG_BYTES {
            return refuse(CKR_MECHANISM_PARAM_INVALID);
        }
        if bytes.is_empty() {
            return refuse(CKR_WRAPPED_KEY_LEN_RANGE);
        }
        let sealed = [&parameter.nonce, bytes, &parameter.tag].concat();
        self.unwrapped(handle, mechanism, &how, unwrapping, template, |_| Wrapped { bytes: &sealed, material: Some(bytes.len()) })
    }
}
