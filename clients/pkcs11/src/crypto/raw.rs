//! CKM_RSA_PKCS around what is no DigestInfo, and CKM_RSA_X_509: the vault's SignRaw, for keys that name it.

use cryptoki_sys::*;

use crate::crypto::public_key::Numbers;
use crate::error::{Answer, refuse};
use crate::keys::mechanism_names::{BARE, DIGEST_INFO};
use crate::objects::object::Object;
use crate::proto::{RawPadding, SignRawRequest, SignRawResponse};
use crate::token::slot::Slot;

/// 00 01, at least eight FF, 00 (RFC 8017 §9.2).
const PADDING_BYTES: usize = 11;

/// Whether a key signs bare data and, by its name, no DigestInfo: then one is bare data, too.
pub fn bare_alone(object: &Object) -> bool {
    let allowed = object.key.attributes.as_ref().map(|attributes| attributes.allowed_mechanisms.as_slice()).unwrap_or_default();
    let allows = |wanted: &str| allowed.iter().any(|name| name == wanted);
    allows(BARE) && !allows(DIGEST_INFO)
}

/// @errors `CKR_DATA_LEN_RANGE` for more than the key takes; `CKR_DATA_INVALID` for a number that is not below the modulus;
///   `CKR_KEY_FUNCTION_NOT_PERMITTED` for a key that does not name the way
pub fn sign(object: &Object, data: &[u8], padding: RawPadding, slot: &Slot) -> Answer<Vec<u8>> {
    let public = object.public_key(slot)?;
    let Numbers::Rsa { modulus, .. } = &public.numbers else { return refuse(CKR_KEY_TYPE_INCONSISTENT) };
    let request = SignRawRequest {
        namespace: object.key.namespace.clone(),
        key_id: object.key.key_id.clone(),
        raw_data: block(data, padding, modulus)?,
        padding: padding as i32,
    };
    let answer: SignRawResponse = slot.call("SignRaw", &request)?;
    object.saw_version(answer.version);
    Ok(answer.signature)
}

/// What is sent: of a number, as many bytes as the modulus has (PKCS#11 3.2 §6.1.9 prepends zeros).
fn block(data: &[u8], padding: RawPadding, modulus: &[u8]) -> Answer<Vec<u8>> {
    let most = if padding == RawPadding::None { modulus.len() } else { modulus.len() - PADDING_BYTES };
    if data.len() > most {
        return refuse(CKR_DATA_LEN_RANGE);
    }
    if padding != RawPadding::None {
        return Ok(data.to_vec());
    }
    let number = [vec![0; most - data.len()], data.to_vec()].concat();
    if number.as_slice() < modulus { Ok(number) } else { refuse(CKR_DATA_INVALID) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_padded_to_a_number_below_the_modulus() {
        let modulus = [&[0xc0], &[7; 255][..]].concat();
        let of = |data: &[u8], padding| block(data, padding, &modulus);
        assert_eq!(of(b"ab", RawPadding::Pkcs1), Ok(b"ab".to_vec()));
        assert_eq!(of(&[], RawPadding::None), Ok(vec![0; 256]));
        assert_eq!(of(b"ab", RawPadding::None), Ok([&[0; 254], &b"ab"[..]].concat()));
        assert_eq!(of(&[1; 245], RawPadding::Pkcs1).map(|made| made.len()), Ok(245));
        for (data, padding, refusal) in [
            (vec![1; 246], RawPadding::Pkcs1, CKR_DATA_LEN_RANGE),
            (vec![0; 257], RawPadding::None, CKR_DATA_LEN_RANGE),
            (modulus.clone(), RawPadding::None, CKR_DATA_INVALID),
            (vec![0xff; 256], RawPadding::None, CKR_DATA_INVALID),
        ] {
            assert_eq!(of(&data, padding), refuse(refusal));
        }
    }
}
