//! The mechanisms that work, one row each, by families. `C_GetMechanismList` lists these and no others.
//!
//! A row says everything that is asked about a mechanism before it is used: the functions that take it, its keys, their
//! sizes, the shape of its parameter, and how it is performed. A new mechanism is a row in the file of its family; a new
//! family is a file and a line in `FAMILIES`.

mod aes;
mod curves;
mod generation;
mod hashes;
mod keys_of_keys;
mod macs;
mod parameter;
mod post_quantum;
mod rsa;

use cryptoki_sys::*;

use crate::crypto::digests::Hash;
use crate::error::{Answer, refuse};

pub use parameter::{AEAD_NONCE_BYTES, AEAD_TAG_BYTES, KdfMode, LONGEST_ASSOCIATED_DATA, Parameter, Prf, Shape};

/// How a mechanism is performed. What only the flags need to tell apart (the directions) is one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Ecdsa,
    Pkcs1,
    /// RSA without any padding.
    Raw,
    Pss,
    Eddsa,
    /// ML-DSA and SLH-DSA.
    PostQuantum,
    Hmac,
    Cmac,
    Gmac,
    Oaep,
    AesGcm,
    AesCbc,
    AesCbcPad,
    AesCtr,
    AesCcm,
    AesXts,
    ChaCha20Poly1305,
    /// No key at all: a digest.
    Digest,
    /// A key is made, or a pair.
    Generate,
    RsaAesKwp,
    AesKw,
    AesKwp,
    Agree,
    Hkdf,
    /// SP 800-108, in any mode.
    Sp800,
    Encapsulate,
}

#[derive(Debug)]
pub struct Mechanism {
    pub kind: CK_MECHANISM_TYPE,
    /// The functions that take it, `CKF_SIGN` and so on, and what else `C_GetMechanismInfo` says.
    pub flags: CK_FLAGS,
    /// Types of the keys that it uses or makes; none where there is no key.
    pub keys: &'static [CK_KEY_TYPE],
    /// Smallest and largest key, in the unit of the mechanism's section: bits or bytes.
    pub sizes: (CK_ULONG, CK_ULONG),
    pub shape: Shape,
    pub way: Way,
    /// What hashes the data, or is named by the mechanism otherwise; none where the caller names it or hashed itself.
    pub hash: Option<Hash>,
}

/// A mechanism as a caller gives it.
#[derive(Clone, Debug)]
pub struct Asked {
    pub kind: CK_MECHANISM_TYPE,
    pub parameter: Parameter,
}

static FAMILIES: &[&[Mechanism]] =
    &[rsa::ROWS, curves::ROWS, aes::ROWS, macs::ROWS, post_quantum::ROWS, hashes::ROWS, generation::ROWS, keys_of_keys::ROWS];

/// Every row, in the order in which they are listed.
pub fn all() -> impl Iterator<Item = &'static Mechanism> {
    FAMILIES.iter().flat_map(|family| family.iter())
}

/// The row of a mechanism, whatever takes it. @errors `CKR_MECHANISM_INVALID`
pub fn named(kind: CK_MECHANISM_TYPE) -> Answer<&'static Mechanism> {
    all().find(|row| row.kind == kind).map_or_else(|| refuse(CKR_MECHANISM_INVALID), Ok)
}

/// What every mechanism that signs also does, message by message.
const SIGNS: CK_FLAGS = CKF_SIGN | CKF_VERIFY | CKF_MESSAGE_SIGN | CKF_MESSAGE_VERIFY;

/// The row of a mechanism whose parameter comes later, with each message. @errors `CKR_MECHANISM_INVALID`
pub fn taken_by(kind: CK_MECHANISM_TYPE, flag: CK_FLAGS) -> Answer<&'static Mechanism> {
    let row = named(kind)?;
    if row.flags & flag == 0 { refuse(CKR_MECHANISM_INVALID) } else { Ok(row) }
}

/// The row of a mechanism that the function of that flag takes: `CKF_SIGN` for C_SignInit, and so on.
///
/// @errors `CKR_MECHANISM_INVALID`; `CKR_MECHANISM_PARAM_INVALID` unless the parameter is one that the mechanism takes
pub fn find(asked: &Asked, flag: CK_FLAGS) -> Answer<&'static Mechanism> {
    let row = taken_by(asked.kind, flag)?;
    row.shape.check(row.hash, &asked.parameter)?;
    Ok(row)
}

/// The row of the mechanism that makes keys of a type.
pub fn generating(key_type: CK_KEY_TYPE) -> Option<&'static Mechanism> {
    generation::ROWS.iter().find(|row| row.keys.contains(&key_type))
}

impl Mechanism {
    pub fn info(&self) -> CK_MECHANISM_INFO {
        // Whether the service decrypts PKCS#1 v1.5 is its configuration, which is off unless somebody turned it on: what
        // may not work is not promised.
        let unsaid = if self.kind == CKM_RSA_PKCS { CKF_DECRYPT } else { 0 };
        CK_MECHANISM_INFO { ulMinKeySize: self.sizes.0, ulMaxKeySize: self.sizes.1, flags: self.flags & !unsaid }
    }

    /// Of which keys the mechanism is.
    pub fn fits(&self, key_type: CK_KEY_TYPE) -> bool {
        self.keys.contains(&key_type)
    }

    /// Whether it makes codes, with secret keys, and not signatures.
    pub fn is_mac(&self) -> bool {
        matches!(self.way, Way::Hmac | Way::Cmac | Way::Gmac)
    }

    /// Whether data may come in pieces: a signature only where the data is hashed on the way.
    pub fn in_pieces(&self) -> bool {
        self.hash.is_some() || self.is_mac()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Refusal;

    #[test]
    fn a_mechanism_has_one_row() {
        let mut kinds: Vec<_> = all().map(|row| row.kind).collect();
        let count = kinds.len();
        kinds.sort_unstable();
        kinds.dedup();
        assert_eq!(kinds.len(), count);
        assert!(all().all(|row| row.flags != 0 && row.sizes.0 <= row.sizes.1));
    }

    #[test]
    fn a_mechanism_is_found_by_the_functions_that_take_it_and_no_other() {
        let found = |kind, flag| find(&Asked { kind, parameter: Parameter::None }, flag).map(|row| row.kind);
        assert_eq!(found(CKM_ECDSA, CKF_SIGN), Ok(CKM_ECDSA));
        assert_eq!(found(CKM_SHA256, CKF_DIGEST), Ok(CKM_SHA256));
        for (kind, flag) in [(CKM_SHA256, CKF_SIGN), (CKM_ECDSA, CKF_DIGEST), (CKM_ECDSA_SHA1, CKF_SIGN)] {
            assert_eq!(found(kind, flag), Err(Refusal(CKR_MECHANISM_INVALID)), "{kind:#x}");
        }
    }
}
