//! The mechanisms that work, one row each. `C_GetMechanismList` lists these and no others.

use cryptoki_sys::*;

use crate::crypto::digests::Hash;
use crate::error::{Answer, refuse};

/// How a signature is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Ecdsa,
    Pkcs1,
    Pss,
    Eddsa,
    /// No signature at all: a digest.
    Digest,
}

#[derive(Debug)]
pub struct Mechanism {
    pub kind: CK_MECHANISM_TYPE,
    pub way: Way,
    /// What hashes the data; none where the caller did, or where the mechanism hashes by itself.
    pub hash: Option<Hash>,
}

/// A mechanism as a caller gives it.
#[derive(Clone, Debug)]
pub struct Asked {
    pub kind: CK_MECHANISM_TYPE,
    pub parameter: Parameter,
}

/// Its parameter, read out of memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parameter {
    None,
    Pss {
        hash: CK_MECHANISM_TYPE,
        mgf: CK_RSA_PKCS_MGF_TYPE,
        salt_bytes: usize,
    },
    Eddsa {
        prehashed: bool,
        context: Vec<u8>,
    },
    /// Of a shape that no mechanism here takes.
    Unknown,
}

const fn row(kind: CK_MECHANISM_TYPE, way: Way, hash: Option<Hash>) -> Mechanism {
    Mechanism { kind, way, hash }
}

pub static MECHANISMS: &[Mechanism] = &[
    row(CKM_RSA_PKCS, Way::Pkcs1, None),
    row(CKM_SHA256_RSA_PKCS, Way::Pkcs1, Some(Hash::Sha256)),
    row(CKM_SHA384_RSA_PKCS, Way::Pkcs1, Some(Hash::Sha384)),
    row(CKM_SHA512_RSA_PKCS, Way::Pkcs1, Some(Hash::Sha512)),
    row(CKM_RSA_PKCS_PSS, Way::Pss, None),
    row(CKM_SHA256_RSA_PKCS_PSS, Way::Pss, Some(Hash::Sha256)),
    row(CKM_SHA384_RSA_PKCS_PSS, Way::Pss, Some(Hash::Sha384)),
    row(CKM_SHA512_RSA_PKCS_PSS, Way::Pss, Some(Hash::Sha512)),
    row(CKM_ECDSA, Way::Ecdsa, None),
    row(CKM_ECDSA_SHA256, Way::Ecdsa, Some(Hash::Sha256)),
    row(CKM_ECDSA_SHA384, Way::Ecdsa, Some(Hash::Sha384)),
    row(CKM_ECDSA_SHA512, Way::Ecdsa, Some(Hash::Sha512)),
    row(CKM_EDDSA, Way::Eddsa, None),
    row(CKM_SHA256, Way::Digest, Some(Hash::Sha256)),
    row(CKM_SHA384, Way::Digest, Some(Hash::Sha384)),
    row(CKM_SHA512, Way::Digest, Some(Hash::Sha512)),
    row(CKM_SHA3_256, Way::Digest, Some(Hash::Sha3_256)),
    row(CKM_SHA3_384, Way::Digest, Some(Hash::Sha3_384)),
    row(CKM_SHA3_512, Way::Digest, Some(Hash::Sha3_512)),
];

/// The row of a mechanism that signs and verifies, or that digests.
///
/// @errors `CKR_MECHANISM_INVALID`
pub fn find(kind: CK_MECHANISM_TYPE, digests: bool) -> Answer<&'static Mechanism> {
    match MECHANISMS.iter().find(|row| row.kind == kind && (row.way == Way::Digest) == digests) {
        Some(row) => Ok(row),
        None => refuse(CKR_MECHANISM_INVALID),
    }
}

impl Mechanism {
    pub fn info(&self) -> CK_MECHANISM_INFO {
        let curves = CKF_EC_F_P | CKF_EC_OID | CKF_EC_UNCOMPRESS;
        let (min, max, flags) = match self.way {
            Way::Pkcs1 | Way::Pss => (2048, 4096, CKF_SIGN | CKF_VERIFY),
            Way::Ecdsa => (256, 521, CKF_SIGN | CKF_VERIFY | curves),
            Way::Eddsa => (255, 448, CKF_SIGN | CKF_VERIFY | CKF_EC_OID),
            Way::Digest => (0, 0, CKF_DIGEST),
        };
        CK_MECHANISM_INFO { ulMinKeySize: min, ulMaxKeySize: max, flags }
    }

    /// Of which keys the mechanism is.
    pub fn fits(&self, key_type: CK_KEY_TYPE) -> bool {
        match self.way {
            Way::Pkcs1 | Way::Pss => key_type == CKK_RSA,
            Way::Ecdsa => key_type == CKK_EC,
            Way::Eddsa => key_type == CKK_EC_EDWARDS,
            Way::Digest => false,
        }
    }

    /// Whether data may come in pieces: only where it is hashed on the way.
    pub fn in_pieces(&self) -> bool {
        self.hash.is_some()
    }

    /// @errors `CKR_MECHANISM_PARAM_INVALID` unless the parameter is one the mechanism takes and the service performs.
    pub fn check(&self, parameter: &Parameter) -> Answer<()> {
        let fits = match (self.way, parameter) {
            (Way::Pss, Parameter::Pss { hash, mgf, salt_bytes }) => Hash::of_mechanism(*hash)
                .is_some_and(|named| self.hash.is_none_or(|own| own == named) && named.mgf() == *mgf && *salt_bytes <= 512),
            (Way::Eddsa, Parameter::None) => true,
            (Way::Eddsa, Parameter::Eddsa { prehashed, context }) => !prehashed && context.len() <= 255,
            (Way::Pkcs1 | Way::Ecdsa | Way::Digest, Parameter::None) => true,
            _ => false,
        };
        if fits { Ok(()) } else { refuse(CKR_MECHANISM_PARAM_INVALID) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Refusal;

    #[test]
    fn a_parameter_must_be_one_the_mechanism_takes() {
        let pss = |hash, mgf| Parameter::Pss { hash, mgf, salt_bytes: 32 };
        let cases = [
            (CKM_SHA256_RSA_PKCS_PSS, pss(CKM_SHA256, CKG_MGF1_SHA256), true),
            (CKM_SHA256_RSA_PKCS_PSS, pss(CKM_SHA384, CKG_MGF1_SHA384), false),
            (CKM_SHA256_RSA_PKCS_PSS, pss(CKM_SHA256, CKG_MGF1_SHA1), false),
            (CKM_SHA256_RSA_PKCS_PSS, Parameter::None, false),
            (CKM_RSA_PKCS_PSS, pss(CKM_SHA_1, CKG_MGF1_SHA1), false),
            (CKM_ECDSA, Parameter::None, true),
            (CKM_ECDSA, Parameter::Unknown, false),
            (CKM_EDDSA, Parameter::Eddsa { prehashed: true, context: vec![] }, false),
            (CKM_EDDSA, Parameter::Eddsa { prehashed: false, context: vec![0; 256] }, false),
        ];
        for (kind, parameter, fits) in cases {
            assert_eq!(find(kind, false).unwrap().check(&parameter).is_ok(), fits, "{kind:#x} {parameter:?}");
        }
        assert_eq!(find(CKM_SHA256, false).unwrap_err(), Refusal(CKR_MECHANISM_INVALID));
        assert_eq!(find(CKM_ECDSA, true).unwrap_err(), Refusal(CKR_MECHANISM_INVALID));
    }
}
