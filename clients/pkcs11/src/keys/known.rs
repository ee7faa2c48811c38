//! Which attributes an object of each kind has, what their values are like, and who may give them (PKCS#11 3.2 §4.4 to
//! §4.11, footnotes of the tables).

use cryptoki_sys::*;

use crate::objects::object::Half;

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Truth,
    Number,
    Bytes,
    Text,
    Date,
    Mechanisms,
}

/// Who says the value of a new object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Giver {
    /// Whoever makes it, if they like.
    Caller,
    /// The token alone.
    Token,
    /// Whoever makes it, where the way of making takes it: what a key consists of, and what says how it is to be.
    Way,
    /// Nobody: the service has no place for it, so only the empty value is true.
    Nobody,
    /// Nobody: what it permits is not built, so only false is true.
    Never,
}

pub struct Known {
    pub attribute: CK_ATTRIBUTE_TYPE,
    pub kind: Kind,
    pub of: &'static [Half],
    pub giver: Giver,
}

const ALL: &[Half] = &[Half::Public, Half::Private, Half::Secret];
const PAIR: &[Half] = &[Half::Public, Half::Private];
const HIDDEN: &[Half] = &[Half::Private, Half::Secret];
const OPEN: &[Half] = &[Half::Public, Half::Secret];

const fn row(attribute: CK_ATTRIBUTE_TYPE, kind: Kind, of: &'static [Half], giver: Giver) -> Known {
    Known { attribute, kind, of, giver }
}

static KNOWN: &[Known] = &[
    row(CKA_CLASS, Kind::Number, ALL, Giver::Caller),
    row(CKA_TOKEN, Kind::Truth, ALL, Giver::Caller),
    row(CKA_PRIVATE, Kind::Truth, ALL, Giver::Caller),
    row(CKA_MODIFIABLE, Kind::Truth, ALL, Giver::Caller),
    row(CKA_COPYABLE, Kind::Truth, ALL, Giver::Caller),
    row(CKA_DESTROYABLE, Kind::Truth, ALL, Giver::Caller),
    row(CKA_LABEL, Kind::Text, ALL, Giver::Caller),
    row(CKA_UNIQUE_ID, Kind::Bytes, ALL, Giver::Token),
    row(CKA_KEY_TYPE, Kind::Number, ALL, Giver::Caller),
    row(CKA_ID, Kind::Bytes, ALL, Giver::Caller),
    row(CKA_START_DATE, Kind::Date, ALL, Giver::Caller),
    row(CKA_END_DATE, Kind::Date, ALL, Giver::Caller),
    row(CKA_DERIVE, Kind::Truth, ALL, Giver::Caller),
    row(CKA_LOCAL, Kind::Truth, ALL, Giver::Token),
    row(CKA_KEY_GEN_MECHANISM, Kind::Number, ALL, Giver::Token),
    row(CKA_ALLOWED_MECHANISMS, Kind::Mechanisms, ALL, Giver::Caller),
    row(CKA_SUBJECT, Kind::Bytes, PAIR, Giver::Caller),
    row(CKA_PUBLIC_KEY_INFO, Kind::Bytes, PAIR, Giver::Way),
    row(CKA_ENCRYPT, Kind::Truth, OPEN, Giver::Caller),
    row(CKA_VERIFY, Kind::Truth, OPEN, Giver::Caller),
    row(CKA_WRAP, Kind::Truth, OPEN, Giver::Caller),
    row(CKA_TRUSTED, Kind::Truth, OPEN, Giver::Caller),
    row(CKA_VERIFY_RECOVER, Kind::Truth, &[Half::Public], Giver::Never),
    row(CKA_ENCAPSULATE, Kind::Truth, &[Half::Public], Giver::Caller),
    row(CKA_SENSITIVE, Kind::Truth, HIDDEN, Giver::Caller),
    row(CKA_EXTRACTABLE, Kind::Truth, HIDDEN, Giver::Caller),
    row(CKA_WRAP_WITH_TRUSTED, Kind::Truth, HIDDEN, Giver::Caller),
    row(CKA_ALWAYS_SENSITIVE, Kind::Truth, HIDDEN, Giver::Token),
    row(CKA_NEVER_EXTRACTABLE, Kind::Truth, HIDDEN, Giver::Token),
    row(CKA_DECRYPT, Kind::Truth, HIDDEN, Giver::Caller),
    row(CKA_SIGN, Kind::Truth, HIDDEN, Giver::Caller),
    row(CKA_UNWRAP, Kind::Truth, HIDDEN, Giver::Caller),
    row(CKA_SIGN_RECOVER, Kind::Truth, &[Half::Private], Giver::Never),
    row(CKA_ALWAYS_AUTHENTICATE, Kind::Truth, &[Half::Private], Giver::Caller),
    row(CKA_DECAPSULATE, Kind::Truth, &[Half::Private], Giver::Caller),
    row(CKA_CHECK_VALUE, Kind::Bytes, &[Half::Secret], Giver::Nobody),
    row(CKA_MODULUS_BITS, Kind::Number, &[Half::Public], Giver::Way),
    row(CKA_MODULUS, Kind::Bytes, PAIR, Giver::Way),
    row(CKA_PUBLIC_EXPONENT, Kind::Bytes, PAIR, Giver::Way),
    row(CKA_PRIVATE_EXPONENT, Kind::Bytes, &[Half::Private], Giver::Way),
    row(CKA_PRIME_1, Kind::Bytes, &[Half::Private], Giver::Way),
    row(CKA_PRIME_2, Kind::Bytes, &[Half::Private], Giver::Way),
    row(CKA_EXPONENT_1, Kind::Bytes, &[Half::Private], Giver::Way),
    row(CKA_EXPONENT_2, Kind::Bytes, &[Half::Private], Giver::Way),
    row(CKA_COEFFICIENT, Kind::Bytes, &[Half::Private], Giver::Way),
    row(CKA_EC_PARAMS, Kind::Bytes, PAIR, Giver::Way),
    row(CKA_EC_POINT, Kind::Bytes, PAIR, Giver::Way),
    row(CKA_PARAMETER_SET, Kind::Number, PAIR, Giver::Way),
    row(CKA_SEED, Kind::Bytes, &[Half::Private], Giver::Way),
    row(CKA_VALUE, Kind::Bytes, ALL, Giver::Way),
    row(CKA_VALUE_LEN, Kind::Number, &[Half::Secret], Giver::Way),
];

/// The row of an attribute, whatever has it.
pub fn known(attribute: CK_ATTRIBUTE_TYPE) -> Option<&'static Known> {
    KNOWN.iter().find(|row| row.attribute == attribute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_has_one_row() {
        for row in KNOWN {
            assert_eq!(KNOWN.iter().filter(|other| other.attribute == row.attribute).count(), 1, "{:#x}", row.attribute);
            assert!(!row.of.is_empty());
        }
    }
}
