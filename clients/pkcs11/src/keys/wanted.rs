//! A template of something new, read whole before anything is asked: every attribute known, of its own shape, of its own
//! kind of object, and given by somebody who may (PKCS#11 3.2 §4.1.1).

use cryptoki_sys::*;
use zeroize::Zeroizing;

use super::known::{Giver, Kind, known};
use super::new_key::usage_of;
use crate::error::{Answer, refuse};
use crate::objects::object::Half;
use crate::objects::template::Template;
use crate::proto::Usage;

/// Longest label in characters, longest id and longest subject in bytes that the service keeps.
const LONGEST_LABEL: usize = 256;
const LONGEST_ID: usize = 128;
const LONGEST_SUBJECT: usize = 1024;

/// A template that can be.
pub struct Wanted<'a> {
    pub half: Half,
    template: &'a Template,
}

impl<'a> Wanted<'a> {
    /// @param ways attributes that this way of making takes: what the key consists of, or how large it is to be
    ///
    /// @errors `CKR_ATTRIBUTE_TYPE_INVALID` for what no object has; `CKR_ATTRIBUTE_READ_ONLY` for what only the token says;
    ///   `CKR_ATTRIBUTE_VALUE_INVALID` for a value that cannot be; `CKR_TEMPLATE_INCONSISTENT` for an attribute of
    ///   another kind of object, or one that is given twice
    pub fn read(template: &'a Template, half: Half, ways: &[CK_ATTRIBUTE_TYPE]) -> Answer<Wanted<'a>> {
        for (attribute, value) in &template.0 {
            let Some(row) = known(*attribute) else { return refuse(CKR_ATTRIBUTE_TYPE_INVALID) };
            if !row.of.contains(&half) || template.0.iter().any(|(other, second)| other == attribute && second != value) {
                return refuse(CKR_TEMPLATE_INCONSISTENT);
            }
            match row.giver {
                Giver::Token => return refuse(CKR_ATTRIBUTE_READ_ONLY),
                Giver::Way if !ways.contains(attribute) => return refuse(CKR_TEMPLATE_INCONSISTENT),
                Giver::Nobody if !value.is_empty() => return refuse(CKR_ATTRIBUTE_VALUE_INVALID),
                Giver::Never if **value != [CK_FALSE] => return refuse(CKR_ATTRIBUTE_VALUE_INVALID),
                _ => {}
            }
            let fits = match row.kind {
                Kind::Truth => matches!(***value, [CK_FALSE | CK_TRUE]),
                Kind::Number => value.len() == size_of::<CK_ULONG>(),
                Kind::Text => std::str::from_utf8(value).is_ok_and(|text| text.chars().count() <= LONGEST_LABEL),
                Kind::Bytes => match *attribute {
                    CKA_ID => value.len() <= LONGEST_ID,
                    CKA_SUBJECT => value.len() <= LONGEST_SUBJECT,
                    _ => true,
                },
                Kind::Date => matches!(value.len(), 0 | 8),
                Kind::Mechanisms => !value.is_empty() && value.len() % size_of::<CK_MECHANISM_TYPE>() == 0,
            };
            if !fits {
                return refuse(CKR_ATTRIBUTE_VALUE_INVALID);
            }
        }
        let wanted = Wanted { half, template };
        match wanted.number(CKA_CLASS) {
            Some(class) if class != half.class() => refuse(CKR_TEMPLATE_INCONSISTENT),
            _ => Ok(wanted),
        }
    }

    /// Refuses a template that says another type of key. Not to say any is permitted where the way of making says it.
    pub fn of_type(&self, key_type: CK_KEY_TYPE) -> Answer<()> {
        match self.number(CKA_KEY_TYPE) {
            Some(other) if other != key_type => refuse(CKR_TEMPLATE_INCONSISTENT),
            _ => Ok(()),
        }
    }

    pub fn bytes(&self, attribute: CK_ATTRIBUTE_TYPE) -> Option<&'a [u8]> {
        self.template.bytes(attribute)
    }

    /// @errors `CKR_TEMPLATE_INCOMPLETE` when it is not given
    pub fn needed(&self, attribute: CK_ATTRIBUTE_TYPE) -> Answer<&'a [u8]> {
        self.bytes(attribute).map_or_else(|| refuse(CKR_TEMPLATE_INCOMPLETE), Ok)
    }

    pub fn number(&self, attribute: CK_ATTRIBUTE_TYPE) -> Option<CK_ULONG> {
        self.template.number(attribute)
    }

    /// @errors `CKR_TEMPLATE_INCOMPLETE` when it is not given
    pub fn needed_number(&self, attribute: CK_ATTRIBUTE_TYPE) -> Answer<CK_ULONG> {
        self.number(attribute).map_or_else(|| refuse(CKR_TEMPLATE_INCOMPLETE), Ok)
    }

    pub fn truth(&self, attribute: CK_ATTRIBUTE_TYPE) -> Option<bool> {
        self.bytes(attribute).map(|value| value == [CK_TRUE])
    }

    /// What a public key alone may be used for: what the template says, else all that it can.
    ///
    /// @errors `CKR_TEMPLATE_INCONSISTENT` when nothing is left
    pub fn public_usage(&self, possible: &[Usage]) -> Answer<Vec<i32>> {
        const OPEN: [Usage; 5] = [Usage::Verify, Usage::Encrypt, Usage::Wrap, Usage::Derive, Usage::Encapsulate];
        let flag = |usage: Usage| self.template.0.iter().find(|(kind, _)| usage_of(*kind, Half::Public) == Some(usage));
        let said = |usage: Usage| flag(usage).map(|(_, value)| **value == [CK_TRUE]);
        let named = OPEN.into_iter().any(|usage| said(usage) == Some(true));
        let own = OPEN.into_iter().filter(|usage| possible.contains(usage) && said(*usage).unwrap_or(!named));
        let usage: Vec<i32> = own.map(|usage| usage as i32).collect();
        if usage.is_empty() { refuse(CKR_TEMPLATE_INCONSISTENT) } else { Ok(usage) }
    }

    pub fn mechanisms(&self) -> Option<Vec<CK_MECHANISM_TYPE>> {
        let one = |bytes: &[u8]| CK_MECHANISM_TYPE::from_ne_bytes(bytes.try_into().unwrap_or_default());
        Some(self.bytes(CKA_ALLOWED_MECHANISMS)?.chunks_exact(size_of::<CK_MECHANISM_TYPE>()).map(one).collect())
    }

    /// A number without the zeros before it; wiped when it is dropped.
    pub fn unsigned(&self, attribute: CK_ATTRIBUTE_TYPE) -> Option<Zeroizing<Vec<u8>>> {
        let bytes = self.bytes(attribute)?;
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        Some(Zeroizing::new(bytes[zeros..].to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Refusal;

    fn read(half: Half, pairs: &[(CK_ATTRIBUTE_TYPE, &[u8])]) -> Answer<()> {
        let template = Template(pairs.iter().map(|(kind, value)| (*kind, Zeroizing::new(value.to_vec()))).collect());
        Wanted::read(&template, half, &[CKA_VALUE_LEN]).map(|_| ())
    }

    #[test]
    fn each_thing_that_a_template_can_get_wrong_has_its_own_answer() {
        let long = [b'x'; 257];
        let private = CKO_PRIVATE_KEY.to_ne_bytes();
        type Given<'a> = &'a [(CK_ATTRIBUTE_TYPE, &'a [u8])];
        let cases: &[(Given, CK_RV)] = &[
            (&[(0x8000_0001, b"x")], CKR_ATTRIBUTE_TYPE_INVALID),
            (&[(CKA_MODULUS, b"x")], CKR_TEMPLATE_INCONSISTENT),
            (&[(CKA_VALUE, b"x")], CKR_TEMPLATE_INCONSISTENT),
            (&[(CKA_LOCAL, &[1])], CKR_ATTRIBUTE_READ_ONLY),
            (&[(CKA_UNIQUE_ID, b"x")], CKR_ATTRIBUTE_READ_ONLY),
            (&[(CKA_TOKEN, &[2])], CKR_ATTRIBUTE_VALUE_INVALID),
            (&[(CKA_TOKEN, &[])], CKR_ATTRIBUTE_VALUE_INVALID),
            (&[(CKA_VALUE_LEN, &[16])], CKR_ATTRIBUTE_VALUE_INVALID),
            (&[(CKA_LABEL, &long)], CKR_ATTRIBUTE_VALUE_INVALID),
            (&[(CKA_LABEL, &[0xff])], CKR_ATTRIBUTE_VALUE_INVALID),
            (&[(CKA_ID, &long)], CKR_ATTRIBUTE_VALUE_INVALID),
            (&[(CKA_START_DATE, b"2030")], CKR_ATTRIBUTE_VALUE_INVALID),
            (&[(CKA_ALLOWED_MECHANISMS, &[])], CKR_ATTRIBUTE_VALUE_INVALID),
            (&[(CKA_CHECK_VALUE, b"123")], CKR_ATTRIBUTE_VALUE_INVALID),
            (&[(CKA_CLASS, &private)], CKR_TEMPLATE_INCONSISTENT),
            (&[(CKA_LABEL, b"a"), (CKA_LABEL, b"b")], CKR_TEMPLATE_INCONSISTENT),
        ];
        for (pairs, wanted) in cases {
            assert_eq!(read(Half::Secret, pairs), Err(Refusal(*wanted)), "{pairs:x?}");
        }
        assert_eq!(read(Half::Secret, &[(CKA_LABEL, b"a"), (CKA_LABEL, b"a"), (CKA_CHECK_VALUE, &[])]), Ok(()));
        assert_eq!(read(Half::Private, &[(CKA_SIGN_RECOVER, &[1])]), Err(Refusal(CKR_ATTRIBUTE_VALUE_INVALID)));
    }
}
