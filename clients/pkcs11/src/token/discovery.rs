//! Which slots there are: those of the configuration, with what the vault knows of their tokens.
//!
//! The vault is asked when an application first looks at slots, and only when a slot is a token of the vault or none is
//! configured. Slots stay as they are until `C_Finalize`.

use std::sync::Arc;

use cryptoki_sys::*;

use crate::config::SlotConfig;
use crate::error::{Answer, Refusal, refuse};
use crate::proto::{ListTokensRequest, ListTokensResponse, Token};
use crate::remote::Remote;
use crate::token::slot::Slot;

/// @errors `CKR_DEVICE_ERROR` when the vault has to be asked, and cannot.
pub fn slots(configured: &[SlotConfig], every_token: bool, remote: &Arc<Remote>) -> Answer<Vec<Slot>> {
    let asks = every_token || configured.iter().any(|slot| slot.token.is_some());
    let tokens = if asks { visible(remote)? } else { vec![] };
    let mut slots = configured.to_vec();
    if every_token {
        slots.extend(tokens.iter().map(|token| SlotConfig { token: Some(token.name.clone()), ..SlotConfig::default() }));
    }
    let record = |slot: &SlotConfig| tokens.iter().find(|token| Some(&token.name) == slot.token.as_ref());
    Ok(slots.into_iter().map(|slot| Slot::new(record(&slot), slot.clone(), remote.clone())).collect())
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
