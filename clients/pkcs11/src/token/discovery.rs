//! Which slots there are: those of the configuration, with what the vault knows of their tokens.
//!
//! The vault is asked when an application first looks at slots, and only when a slot is a token of the vault or none is
//! configured. Slots stay as they are until `C_Finalize`.

use std::sync::Arc;

use cryptoki_sys::*;

use crate::config::SlotConfig;
use crate::error::{Answer, Refusal, refuse};
use crate::proto::{Algorithm, ListTokensRequest, ListTokensResponse, Token};
use crate::remote::Remote;
use crate::token::slot::Slot;

/// No enum of the proto has a higher number for an algorithm.
const ALGORITHM_NUMBERS: i32 = 1024;

/// @errors `CKR_DEVICE_ERROR` when the vault has to be asked, and cannot.
pub fn slots(configured: &[SlotConfig], every_token: bool, remote: &Arc<Remote>) -> Answer<Vec<Slot>> {
    let mut slots = configured.to_vec();
    if every_token || slots.iter().any(|slot| slot.token.is_some()) {
        let tokens = visible(remote)?;
        for slot in &mut slots {
            if let Some(token) = tokens.iter().find(|token| Some(&token.name) == slot.token.as_ref()) {
                learn(slot, token);
            }
        }
        if every_token {
            slots.extend(tokens.iter().map(|token| {
                let mut slot = SlotConfig { token: Some(token.name.clone()), ..SlotConfig::default() };
                learn(&mut slot, token);
                slot
            }));
        }
    }
    Ok(slots.into_iter().map(|slot| Slot::new(slot, remote.clone())).collect())
}

/// The tokens that the client's certificate may see; none without one.
fn visible(remote: &Remote) -> Answer<Vec<Token>> {
    let answer: Answer<ListTokensResponse> = remote.call_as_process("ListTokens", &ListTokensRequest::default());
    match answer {
        Ok(answer) => Ok(answer.tokens),
        Err(Refusal(CKR_USER_NOT_LOGGED_IN | CKR_ACTION_PROHIBITED | CKR_FUNCTION_NOT_SUPPORTED)) => Ok(vec![]),
        Err(_) => refuse(CKR_DEVICE_ERROR),
    }
}

fn learn(slot: &mut SlotConfig, token: &Token) {
    slot.namespace.clone_from(&token.namespace);
    slot.label.clone_from(&token.label);
    slot.serial.clone_from(&token.serial_number);
    slot.tags.clone_from(&token.tags);
    slot.algorithms = token.algorithms.iter().map(|name| proto_name(name)).collect();
}

/// `ECDSA-P256` as `EcdsaP256`. What this module does not know stays, and fits no key.
fn proto_name(name: &str) -> String {
    let folded = |name: &str| name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let known = (1..ALGORITHM_NUMBERS).filter_map(|number| Algorithm::try_from(number).ok());
    let found = known.map(|algorithm| algorithm.as_str_name()).find(|other| folded(other) == folded(name));
    found.unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_names_become_those_of_the_proto() {
        for (name, proto) in [("ECDSA-P256", "EcdsaP256"), ("AES-256-GCM", "Aes256Gcm"), ("Ed25519", "Ed25519"), ("ROT13", "ROT13")] {
            assert_eq!(proto_name(name), proto);
        }
    }
}
