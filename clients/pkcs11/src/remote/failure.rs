//! The error of a unary call: JSON with a base64 `hsm.ErrorDetail` among its details.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use cryptoki_sys::CKR_DEVICE_ERROR;
use prost::Message;
use serde::Deserialize;

use crate::error::Refusal;
use crate::proto::ErrorDetail;

/// What the service refused, and why.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    pub refusal: Refusal,
    /// Of a request that waits for approval.
    pub approval_id: Option<String>,
    pub away: Option<Away>,
}

/// A part of the service that will be back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Away {
    /// The vault is sealed, and the service says that it did nothing.
    Sealed,
    /// The vault is not there, and the service says that it did nothing.
    Undone,
    /// The vault is not there, and may have done it.
    Unknown,
}

impl Away {
    /// By the code and by what the service says it did: never by words that are for people.
    fn of(detail: &ErrorDetail) -> Option<Away> {
        match (detail.code.as_str(), detail.nothing_done) {
            ("VAULT_SEALED", true) => Some(Away::Sealed),
            ("PROVIDER_UNAVAILABLE", true) => Some(Away::Undone),
            ("PROVIDER_UNAVAILABLE", false) => Some(Away::Unknown),
            _ => None,
        }
    }
}

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    details: Vec<Detail>,
}

#[derive(Deserialize)]
struct Detail {
    #[serde(rename = "type")]
    kind: String,
    value: String,
}

/// What an error's body says. What is no error of ours (a proxy's page) is a device error.
pub fn of(body: &[u8]) -> Failure {
    // JSON is YAML, so the reader of the configuration reads it.
    let Some(detail) = serde_yaml_ng::from_slice::<Body>(body).ok().and_then(|body| detail_of(&body)) else {
        return Failure { refusal: Refusal(CKR_DEVICE_ERROR), approval_id: None, away: None };
    };
    // It is shown on terminals, so it must be an id and nothing else.
    let is_id =
        |id: &String| !id.is_empty() && id.len() <= 128 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    let away = Away::of(&detail);
    Failure { refusal: Refusal::of_code(&detail.code), approval_id: Some(detail.approval_id).filter(is_id), away }
}

fn detail_of(body: &Body) -> Option<ErrorDetail> {
    let detail = body.details.iter().find(|detail| detail.kind == "hsm.ErrorDetail")?;
    ErrorDetail::decode(unpadded(&detail.value)?.as_slice()).ok()
}

/// Base64 with or without padding (RFC 4648 §4): of errors, and of PEM.
pub fn unpadded(text: &str) -> Option<Vec<u8>> {
    STANDARD_NO_PAD.decode(text.trim_end_matches('=')).ok()
}

/// With padding, as PEM has it.
pub fn padded(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cryptoki_sys::CKR_KEY_UNEXTRACTABLE;

    fn body(detail: ErrorDetail) -> String {
        let value = STANDARD_NO_PAD.encode(detail.encode_to_vec());
        format!(r#"{{"code":"failed_precondition","message":"no","details":[{{"type":"hsm.ErrorDetail","value":"{value}"}}]}}"#)
    }

    #[test]
    fn the_code_within_the_details_decides() {
        let detail = ErrorDetail { code: "KEY_NOT_EXTRACTABLE".into(), ..Default::default() };
        assert_eq!(of(body(detail).as_bytes()), Failure { refusal: Refusal(CKR_KEY_UNEXTRACTABLE), approval_id: None, away: None });
    }

    #[test]
    fn a_vault_that_is_away_did_nothing_only_when_the_service_says_so_and_not_by_its_words() {
        let away = |code: &str, nothing_done: bool| {
            let detail = ErrorDetail { code: code.into(), nothing_done, detail: "nothing was done".into(), ..Default::default() };
            of(body(detail).replace(r#""message":"no""#, r#""message":"nothing was done""#).as_bytes()).away
        };
        assert_eq!(away("PROVIDER_UNAVAILABLE", true), Some(Away::Undone));
        assert_eq!(away("PROVIDER_UNAVAILABLE", false), Some(Away::Unknown));
        assert_eq!(away("VAULT_SEALED", true), Some(Away::Sealed));
        assert_eq!(away("VAULT_SEALED", false), None);
        assert_eq!(away("RATE_LIMITED", true), None);
    }

    #[test]
    fn an_approval_is_named_by_an_id_and_by_nothing_that_a_terminal_would_obey() {
        let id_of = |id: &str| {
            let detail = ErrorDetail { code: "APPROVAL_REQUIRED".into(), approval_id: id.into(), ..Default::default() };
            of(body(detail).as_bytes()).approval_id
        };
        assert_eq!(id_of("0197-a_b.c"), Some("0197-a_b.c".into()));
        for bad in ["", "a b", "\u{1b}[2J", "a;b"] {
            assert_eq!(id_of(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn what_is_no_error_of_ours_is_a_device_error() {
        for body in ["<html>502</html>", "{}", r#"{"details":[{"type":"hsm.ErrorDetail","value":"!"}]}"#, ""] {
            assert_eq!(of(body.as_bytes()).refusal, Refusal(CKR_DEVICE_ERROR), "{body}");
        }
    }
}
