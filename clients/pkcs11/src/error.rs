//! What a call answers when it does not succeed: a return value of the specification (PKCS#11 3.2 §5.1), never a text.

use cryptoki_sys::{CK_RV, CKR_GENERAL_ERROR};

use crate::generated::errors::RETURN_VALUES;

/// A `CK_RV` other than `CKR_OK`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal(pub CK_RV);

pub type Answer<T> = Result<T, Refusal>;

/// Short for `Err(Refusal(CKR_...))`.
pub fn refuse<T>(rv: CK_RV) -> Answer<T> {
    Err(Refusal(rv))
}

impl Refusal {
    /// The return value for an error code of the service; a code this module does not know is a general error.
    pub fn of_code(code: &str) -> Refusal {
        let row = RETURN_VALUES.iter().find(|(name, _)| *name == code);
        Refusal(row.map_or(CKR_GENERAL_ERROR, |(_, rv)| *rv))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cryptoki_sys::{CKR_OBJECT_HANDLE_INVALID, CKR_OK};

    #[test]
    fn a_code_has_the_return_value_of_its_row_and_an_unknown_one_is_a_general_error() {
        assert_eq!(Refusal::of_code("OBJECT_NOT_FOUND"), Refusal(CKR_OBJECT_HANDLE_INVALID));
        assert_eq!(Refusal::of_code("OF_A_LATER_SERVER"), Refusal(CKR_GENERAL_ERROR));
        assert!(RETURN_VALUES.iter().all(|(_, rv)| *rv != CKR_OK));
    }
}
