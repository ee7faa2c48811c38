//! Parameters of mechanisms: the shapes they come in, and which of them a mechanism takes.
//!
//! A shape is read out of memory by `ffi/parameters.rs`, which knows no mechanism; whether it may be so is decided here,
//! which knows no memory.

use cryptoki_sys::*;

use crate::crypto::digests::Hash;
use crate::error::{Answer, refuse};

/// As the service draws them, and all that CCM and ChaCha20-Poly1305 have here.
pub const AEAD_NONCE_BYTES: usize = 12;
pub const AEAD_TAG_BYTES: usize = 16;
/// The most associated data that the service takes.
pub const LONGEST_ASSOCIATED_DATA: usize = 102_400;

/// Which structure a mechanism's parameter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    None,
    /// `CK_RSA_PKCS_PSS_PARAMS`
    Pss,
    /// `CK_EDDSA_PARAMS`, or nothing.
    Eddsa,
    /// `CK_SIGN_ADDITIONAL_CONTEXT`, or nothing.
    Context,
    /// `CK_MAC_GENERAL_PARAMS`: the length of the code.
    MacLength,
    /// The bytes of a nonce.
    GmacNonce,
    /// `CK_RSA_PKCS_OAEP_PARAMS`
    Oaep,
    /// Sixteen bytes: an IV or a tweak.
    Block,
    /// `CK_AES_CTR_PARAMS`
    Ctr,
    /// `CK_GCM_PARAMS`
    Gcm,
    /// `CK_CCM_PARAMS`
    Ccm,
    /// `CK_SALSA20_CHACHA20_POLY1305_PARAMS`
    ChaCha,
    /// `CK_RSA_AES_KEY_WRAP_PARAMS`
    RsaAes,
    /// `CK_ECDH1_DERIVE_PARAMS`
    Ecdh,
    /// `CK_HKDF_PARAMS`
    Hkdf,
    /// `CK_SP800_108_KDF_PARAMS`, or `CK_SP800_108_FEEDBACK_KDF_PARAMS`
    Sp800(KdfMode),
}

/// The modes of SP 800-108.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KdfMode {
    Counter,
    Feedback,
    Pipeline,
}

/// The pseudorandom function of SP 800-108, as it is named, and what it is given behind the counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prf {
    Hmac(Hash),
    Cmac,
}

/// A parameter, read out of memory.
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
    /// What a signature is for, and whether it must be the same each time.
    Context {
        deterministic: bool,
        context: Vec<u8>,
    },
    MacBytes(CK_ULONG),
    Nonce(Vec<u8>),
    Oaep {
        hash: CK_MECHANISM_TYPE,
        mgf: CK_RSA_PKCS_MGF_TYPE,
        label: Vec<u8>,
    },
    Block([u8; 16]),
    Ctr {
        bits: CK_ULONG,
        counter: [u8; 16],
    },
    /// Of GCM, CCM and ChaCha20-Poly1305 alike.
    Aead {
        nonce: Vec<u8>,
        data: Vec<u8>,
        tag_bits: CK_ULONG,
        /// CCM says beforehand how long the plaintext is.
        length: Option<usize>,
    },
    RsaAes {
        aes_bits: CK_ULONG,
        hash: CK_MECHANISM_TYPE,
        mgf: CK_RSA_PKCS_MGF_TYPE,
        label: Vec<u8>,
    },
    Ecdh {
        kdf: CK_EC_KDF_TYPE,
        shared: Vec<u8>,
        public: Vec<u8>,
    },
    Hkdf {
        /// Whether it is extracted and expanded, which is what the service does.
        whole: bool,
        hash: CK_MECHANISM_TYPE,
        salt: Vec<u8>,
        info: Vec<u8>,
    },
    Sp800 {
        mode: KdfMode,
        prf: CK_MECHANISM_TYPE,
        /// Of feedback, what stands before the first block.
        iv: Vec<u8>,
        /// Whether a counter stands before the fixed input, always of 32 bits.
        counted: bool,
        /// The fixed input; the length stands at its end.
        before_length: Vec<u8>,
        /// Bits of the number that says the length of what is derived; 0 = it does not stand there.
        length_bits: CK_ULONG,
    },
    /// Not of the shape that its mechanism takes.
    Unknown,
}

impl Prf {
    pub fn of(mechanism: CK_MECHANISM_TYPE) -> Option<Prf> {
        Some(match mechanism {
            CKM_SHA256_HMAC => Prf::Hmac(Hash::Sha256),
            CKM_SHA384_HMAC => Prf::Hmac(Hash::Sha384),
            CKM_SHA512_HMAC => Prf::Hmac(Hash::Sha512),
            CKM_SHA3_256_HMAC => Prf::Hmac(Hash::Sha3_256),
            CKM_SHA3_384_HMAC => Prf::Hmac(Hash::Sha3_384),
            CKM_SHA3_512_HMAC => Prf::Hmac(Hash::Sha3_512),
            CKM_AES_CMAC => Prf::Cmac,
            _ => return None,
        })
    }
}

impl Shape {
    /// Whether a caller may bring a nonce of that length: GCM hashes what is not 12 bytes (NIST SP 800-38D §7.1).
    pub fn nonce_fits(self, bytes: usize) -> bool {
        match self {
            Shape::Gcm | Shape::GmacNonce => (8..=64).contains(&bytes),
            _ => bytes == AEAD_NONCE_BYTES,
        }
    }

    /// @errors `CKR_MECHANISM_PARAM_INVALID` unless the parameter is one of this shape that the service performs
    pub fn check(self, own: Option<Hash>, parameter: &Parameter) -> Answer<()> {
        let fits = match (self, parameter) {
            (Shape::None | Shape::Eddsa | Shape::Context, Parameter::None) => true,
            (Shape::Pss, Parameter::Pss { hash, mgf, salt_bytes }) => Hash::of_mechanism(*hash)
                .is_some_and(|named| own.is_none_or(|own| own == named) && named.mgf() == *mgf && *salt_bytes <= 512),
            (Shape::Eddsa, Parameter::Eddsa { context, .. }) => context.len() <= 255,
            // The service's signatures of these are hedged.
            (Shape::Context, Parameter::Context { deterministic, context }) => !deterministic && context.len() <= 255,
            (Shape::GmacNonce, Parameter::Nonce(nonce)) => self.nonce_fits(nonce.len()),
            // As short as the service makes them: RFC 2104 §5, SP 800-38B App. A.
            (Shape::MacLength, Parameter::MacBytes(bytes)) => match own {
                Some(hash) => (10.max(hash.bytes() / 2)..=hash.bytes()).contains(&(*bytes as usize)),
                None => (8..=16).contains(bytes),
            },
            (Shape::Oaep, Parameter::Oaep { hash, mgf, .. }) => Hash::of_mechanism(*hash).is_some_and(|hash| hash.mgf() == *mgf),
            (Shape::RsaAes, Parameter::RsaAes { aes_bits, hash, mgf, label }) => {
                [128, 192, 256].contains(aes_bits) && label.is_empty() && Hash::of_mechanism(*hash).is_some_and(|hash| hash.mgf() == *mgf)
            }
            (Shape::Ecdh, Parameter::Ecdh { public, .. }) => !public.is_empty() && public.len() <= 4096,
            (Shape::Hkdf, Parameter::Hkdf { whole, hash, salt, info }) => {
                *whole && Hash::of_mechanism(*hash).is_some() && salt.len() <= 1024 && info.len() <= 4096
            }
            (Shape::Sp800(own), Parameter::Sp800 { mode, prf, iv, before_length, .. }) => {
                own == *mode && Prf::of(*prf).is_some() && iv.len() <= 1024 && before_length.len() <= 4000
            }
            (Shape::Block, Parameter::Block(_)) => true,
            (Shape::Ctr, Parameter::Ctr { bits, .. }) => (1..=128).contains(bits),
            // The lengths that the service has: any other would be another cipher than its own.
            (Shape::Gcm | Shape::Ccm | Shape::ChaCha, Parameter::Aead { nonce, data, tag_bits, .. }) => {
                self.nonce_fits(nonce.len()) && *tag_bits == 8 * AEAD_TAG_BYTES as CK_ULONG && data.len() <= LONGEST_ASSOCIATED_DATA
            }
            _ => false,
        };
        if fits { Ok(()) } else { refuse(CKR_MECHANISM_PARAM_INVALID) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_must_be_one_the_mechanism_takes() {
        let pss = |hash, mgf| Parameter::Pss { hash, mgf, salt_bytes: 32 };
        let aead = |bytes, tag_bits| Parameter::Aead { nonce: vec![0; bytes], data: vec![], tag_bits, length: None };
        let cases = [
            (Shape::Pss, Some(Hash::Sha256), pss(CKM_SHA256, CKG_MGF1_SHA256), true),
            (Shape::Pss, Some(Hash::Sha256), pss(CKM_SHA384, CKG_MGF1_SHA384), false),
            (Shape::Pss, Some(Hash::Sha256), pss(CKM_SHA256, CKG_MGF1_SHA1), false),
            (Shape::Pss, Some(Hash::Sha256), Parameter::None, false),
            (Shape::Pss, None, pss(CKM_SHA_1, CKG_MGF1_SHA1), false),
            (Shape::None, None, Parameter::None, true),
            (Shape::None, None, Parameter::Unknown, false),
            (Shape::Eddsa, None, Parameter::Eddsa { prehashed: true, context: vec![] }, true),
            (Shape::Context, None, Parameter::Context { deterministic: true, context: vec![] }, false),
            (Shape::Context, None, Parameter::Context { deterministic: false, context: vec![0; 256] }, false),
            (Shape::MacLength, Some(Hash::Sha256), Parameter::MacBytes(16), true),
            (Shape::MacLength, Some(Hash::Sha256), Parameter::MacBytes(15), false),
            (Shape::MacLength, Some(Hash::Sha256), Parameter::MacBytes(33), false),
            (Shape::MacLength, None, Parameter::MacBytes(7), false),
            (Shape::MacLength, None, Parameter::None, false),
            (Shape::Eddsa, None, Parameter::Eddsa { prehashed: false, context: vec![0; 256] }, false),
            (Shape::Gcm, None, aead(12, 128), true),
            (Shape::Gcm, None, aead(0, 128), false),
            (Shape::Gcm, None, aead(7, 128), false),
            (Shape::Gcm, None, aead(8, 128), true),
            (Shape::Gcm, None, aead(64, 128), true),
            (Shape::Gcm, None, aead(65, 128), false),
            (Shape::Ccm, None, aead(13, 128), false),
            (Shape::ChaCha, None, aead(8, 128), false),
            (Shape::GmacNonce, None, Parameter::Nonce(vec![0; 16]), true),
            (Shape::GmacNonce, None, Parameter::Nonce(vec![0; 7]), false),
            (Shape::Gcm, None, aead(12, 96), false),
            (Shape::Ctr, None, Parameter::Ctr { bits: 129, counter: [0; 16] }, false),
            (Shape::Block, None, Parameter::None, false),
            (Shape::Oaep, None, Parameter::Oaep { hash: CKM_SHA256, mgf: CKG_MGF1_SHA1, label: vec![] }, false),
        ];
        for (shape, hash, parameter, fits) in cases {
            assert_eq!(shape.check(hash, &parameter).is_ok(), fits, "{shape:?} {parameter:?}");
        }
    }
}
