//! Parameters of mechanisms: the shapes they come in, and which of them a mechanism takes.
//!
//! A shape is read out of memory by `ffi/parameters.rs`, which knows no mechanism; whether it may be so is decided here,
//! which knows no memory.

use cryptoki_sys::*;

use crate::crypto::digests::Hash;
use crate::error::{Answer, refuse};

/// Which structure a mechanism's parameter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    None,
    /// `CK_RSA_PKCS_PSS_PARAMS`
    Pss,
    /// `CK_EDDSA_PARAMS`, or nothing.
    Eddsa,
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
    /// Not of the shape that its mechanism takes.
    Unknown,
}

impl Shape {
    /// @errors `CKR_MECHANISM_PARAM_INVALID` unless the parameter is one of this shape that the service performs
    pub fn check(self, own: Option<Hash>, parameter: &Parameter) -> Answer<()> {
        let fits = match (self, parameter) {
            (Shape::None | Shape::Eddsa, Parameter::None) => true,
            (Shape::Pss, Parameter::Pss { hash, mgf, salt_bytes }) => Hash::of_mechanism(*hash)
                .is_some_and(|named| own.is_none_or(|own| own == named) && named.mgf() == *mgf && *salt_bytes <= 512),
            (Shape::Eddsa, Parameter::Eddsa { prehashed, context }) => !prehashed && context.len() <= 255,
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
        let cases = [
            (Shape::Pss, Some(Hash::Sha256), pss(CKM_SHA256, CKG_MGF1_SHA256), true),
            (Shape::Pss, Some(Hash::Sha256), pss(CKM_SHA384, CKG_MGF1_SHA384), false),
            (Shape::Pss, Some(Hash::Sha256), pss(CKM_SHA256, CKG_MGF1_SHA1), false),
            (Shape::Pss, Some(Hash::Sha256), Parameter::None, false),
            (Shape::Pss, None, pss(CKM_SHA_1, CKG_MGF1_SHA1), false),
            (Shape::None, None, Parameter::None, true),
            (Shape::None, None, Parameter::Unknown, false),
            (Shape::Eddsa, None, Parameter::Eddsa { prehashed: true, context: vec![] }, false),
            (Shape::Eddsa, None, Parameter::Eddsa { prehashed: false, context: vec![0; 256] }, false),
        ];
        for (shape, hash, parameter, fits) in cases {
            assert_eq!(shape.check(hash, &parameter).is_ok(), fits, "{shape:?} {parameter:?}");
        }
    }
}
