//! Which mode the service is told for a mechanism with a key.
//!
//! A key of PKCS#11 knows its cipher; one of the service may also know its mode. Such a key is used by its own mechanism
//! and no other; a key of several modes (AES-256, Generic-Secret) is told the mode with each use.

use cryptoki_sys::CKR_KEY_FUNCTION_NOT_PERMITTED;

use crate::crypto::digests::Hash;
use crate::crypto::mechanisms::Way;
use crate::error::{Answer, refuse};
use crate::proto::{Algorithm, Key, KeyMode};

/// @errors `CKR_KEY_FUNCTION_NOT_PERMITTED` for a key whose algorithm names another mode
pub fn cipher_mode(way: Way, key: &Key) -> Answer<KeyMode> {
    use Algorithm::*;
    let algorithm = key.algorithm();
    if matches!(algorithm, Aes128 | Aes192 | Aes256) {
        let named = match way {
            Way::AesGcm => Some(KeyMode::Gcm),
            Way::AesCbc => Some(KeyMode::CbcNoPadding),
            Way::AesCbcPad => Some(KeyMode::Cbc),
            Way::AesCtr => Some(KeyMode::Ctr),
            Way::AesCcm => Some(KeyMode::Ccm),
            _ => None,
        };
        return named.map_or_else(|| refuse(CKR_KEY_FUNCTION_NOT_PERMITTED), Ok);
    }
    let own = match way {
        Way::AesCbc if matches!(algorithm, Aes128Cbc | Aes192Cbc | Aes256Cbc) => return Ok(KeyMode::CbcNoPadding),
        Way::AesCbcPad => matches!(algorithm, Aes128Cbc | Aes192Cbc | Aes256Cbc),
        Way::AesGcm => matches!(algorithm, Aes128Gcm | Aes192Gcm | Aes256Gcm),
        Way::AesCtr => matches!(algorithm, Aes128Ctr | Aes192Ctr | Aes256Ctr),
        Way::AesCcm => matches!(algorithm, Aes128Ccm | Aes192Ccm | Aes256Ccm),
        Way::AesXts => matches!(algorithm, Aes128Xts | Aes256Xts),
        Way::ChaCha20Poly1305 => algorithm == ChaCha20Poly1305,
        Way::Pkcs1 | Way::Oaep => matches!(algorithm, Rsa2048 | Rsa3072 | Rsa4096),
        _ => false,
    };
    if own { Ok(KeyMode::Unspecified) } else { refuse(CKR_KEY_FUNCTION_NOT_PERMITTED) }
}

/// The same of a code. @errors `CKR_KEY_FUNCTION_NOT_PERMITTED` for a key that makes other codes
pub fn mac_mode(way: Way, hash: Option<Hash>, key: &Key) -> Answer<KeyMode> {
    use Algorithm::*;
    let (mode, own) = match (way, hash) {
        (Way::Hmac, Some(Hash::Sha256)) => (KeyMode::HmacSha256, HmacSha256),
        (Way::Hmac, Some(Hash::Sha384)) => (KeyMode::HmacSha384, HmacSha384),
        (Way::Hmac, Some(Hash::Sha512)) => (KeyMode::HmacSha512, HmacSha512),
        (Way::Hmac, Some(Hash::Sha3_256)) => (KeyMode::HmacSha3256, HmacSha3256),
        (Way::Hmac, Some(Hash::Sha3_384)) => (KeyMode::HmacSha3384, HmacSha3384),
        (Way::Hmac, Some(Hash::Sha3_512)) => (KeyMode::HmacSha3512, HmacSha3512),
        (Way::Cmac, _) => (KeyMode::Cmac, Aes256Cmac),
        _ => (KeyMode::Gmac, Aes256Gmac),
    };
    match key.algorithm() {
        GenericSecret if way == Way::Hmac => Ok(mode),
        Aes128 | Aes192 | Aes256 if way != Way::Hmac => Ok(mode),
        Aes128Cmac | Aes192Cmac if way == Way::Cmac => Ok(KeyMode::Unspecified),
        Aes128Gmac | Aes192Gmac if way == Way::Gmac => Ok(KeyMode::Unspecified),
        algorithm if algorithm == own => Ok(KeyMode::Unspecified),
        _ => refuse(CKR_KEY_FUNCTION_NOT_PERMITTED),
    }
}

/// @errors `CKR_KEY_FUNCTION_NOT_PERMITTED` for a key whose algorithm wraps otherwise
pub fn wrap_mode(way: Way, key: &Key) -> Answer<KeyMode> {
    use Algorithm::*;
    match (way, key.algorithm()) {
        (Way::AesKw, Aes128 | Aes192 | Aes256) => Ok(KeyMode::Kw),
        (Way::AesKwp, Aes128 | Aes192 | Aes256) => Ok(KeyMode::Kwp),
        (Way::AesGcm, Aes128 | Aes192 | Aes256) => Ok(KeyMode::Gcm),
        (Way::AesGcm, Aes128Gcm | Aes192Gcm | Aes256Gcm) => Ok(KeyMode::Unspecified),
        (Way::AesKw, Aes128Kw | Aes192Kw | Aes256Kw) | (Way::AesKwp, Aes128Kwp | Aes192Kwp | Aes256Kwp) => Ok(KeyMode::Unspecified),
        (Way::Oaep | Way::RsaAesKwp, Rsa2048 | Rsa3072 | Rsa4096) => Ok(KeyMode::Unspecified),
        _ => refuse(CKR_KEY_FUNCTION_NOT_PERMITTED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Refusal;

    #[test]
    fn a_key_of_one_mode_has_no_other_and_a_key_of_several_is_told_which() {
        let key = |algorithm: Algorithm| Key { algorithm: algorithm as i32, ..Default::default() };
        let refused = Err(Refusal(CKR_KEY_FUNCTION_NOT_PERMITTED));
        for (way, algorithm, wanted) in [
            (Way::AesGcm, Algorithm::Aes256Gcm, Ok(KeyMode::Unspecified)),
            (Way::AesCbc, Algorithm::Aes256Gcm, refused),
            (Way::AesGcm, Algorithm::Aes256, Ok(KeyMode::Gcm)),
            (Way::AesCbc, Algorithm::Aes256, Ok(KeyMode::CbcNoPadding)),
            (Way::AesCbcPad, Algorithm::Aes128, Ok(KeyMode::Cbc)),
            (Way::AesCbc, Algorithm::Aes128Cbc, Ok(KeyMode::CbcNoPadding)),
            (Way::AesCbcPad, Algorithm::Aes128Cbc, Ok(KeyMode::Unspecified)),
            (Way::AesGcm, Algorithm::Aes256GcmSiv, refused),
            (Way::AesCtr, Algorithm::Aes256Kw, refused),
            (Way::ChaCha20Poly1305, Algorithm::XChaCha20Poly1305, refused),
            (Way::AesXts, Algorithm::Aes256, refused),
        ] {
            assert_eq!(cipher_mode(way, &key(algorithm)), wanted, "{way:?} {algorithm:?}");
        }
        for (way, hash, algorithm, wanted) in [
            (Way::Hmac, Some(Hash::Sha256), Algorithm::HmacSha256, Ok(KeyMode::Unspecified)),
            (Way::Hmac, Some(Hash::Sha384), Algorithm::HmacSha256, refused),
            (Way::Hmac, Some(Hash::Sha384), Algorithm::GenericSecret, Ok(KeyMode::HmacSha384)),
            (Way::Hmac, Some(Hash::Sha256), Algorithm::Kmac128, refused),
            (Way::Cmac, None, Algorithm::Aes192Cmac, Ok(KeyMode::Unspecified)),
            (Way::Cmac, None, Algorithm::Aes192, Ok(KeyMode::Cmac)),
            (Way::Gmac, None, Algorithm::Aes192Cmac, refused),
            (Way::Gmac, None, Algorithm::Aes256Gcm, refused),
        ] {
            assert_eq!(mac_mode(way, hash, &key(algorithm)), wanted, "{way:?} {algorithm:?}");
        }
    }
}
