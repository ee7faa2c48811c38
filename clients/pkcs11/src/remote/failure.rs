//! The error of a unary call: JSON with a base64 `hsm.ErrorDetail` among its details.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use cryptoki_sys::CKR_DEVICE_ERROR;
use prost::Message;
use serde::Deserialize;

use crate::error::Refusal;
use crate::proto::ErrorDetail;

#[derive(Deserialize)]
struct Failure {
    #[serde(default)]
    details: Vec<Detail>,
}

#[derive(Deserialize)]
struct Detail {
    #[serde(rename = "type")]
    kind: String,
    value: String,
}

/// The return value that an error's body asks for. What is no error of ours (a proxy's page) is a device error.
pub fn refusal_of(body: &[u8]) -> Refusal {
    code_of(body).map_or(Refusal(CKR_DEVICE_ERROR), |code| Refusal::of_code(&code))
}

fn code_of(body: &[u8]) -> Option<String> {
    // JSON is YAML, so the reader of the configuration reads it.
    let failure: Failure = serde_yaml_ng::from_slice(body).ok()?;
    let detail = failure.details.iter().find(|detail| detail.kind == "hsm.ErrorDetail")?;
    Some(ErrorDetail::decode(unpadded(&detail.value)?.as_slice()).ok()?.code)
}

/// Base64 with or without padding (RFC 4648 §4): of errors, and of PEM.
pub fn unpadded(text: &str) -> Option<Vec<u8>> {
    STANDARD_NO_PAD.decode(text.trim_end_matches('=')).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cryptoki_sys::CKR_KEY_UNEXTRACTABLE;

    #[test]
    fn the_code_within_the_details_decides() {
        let detail = ErrorDetail { code: "KEY_NOT_EXTRACTABLE".into(), ..Default::default() };
        let value = STANDARD_NO_PAD.encode(detail.encode_to_vec());
        let body = format!(r#"{{"code":"failed_precondition","message":"no","details":[{{"type":"hsm.ErrorDetail","value":"{value}"}}]}}"#);
        assert_eq!(refusal_of(body.as_bytes()), Refusal(CKR_KEY_UNEXTRACTABLE));
    }

    #[test]
    fn what_is_no_error_of_ours_is_a_device_error() {
        for body in ["<html>502</html>", "{}", r#"{"details":[{"type":"hsm.ErrorDetail","value":"!"}]}"#, ""] {
            assert_eq!(refusal_of(body.as_bytes()), Refusal(CKR_DEVICE_ERROR), "{body}");
        }
    }
}
