//! Message authentication codes: made and compared by the vault, which alone has the key.

use cryptoki_sys::*;

use crate::crypto::mechanisms::{Mechanism, Parameter, Way};
use crate::crypto::modes::mac_mode;
use crate::error::{Answer, refuse};
use crate::objects::object::Object;
use crate::proto::{GenerateMacRequest, GenerateMacResponse, VerifyMacRequest, VerifyMacResponse};
use crate::token::slot::Slot;

/// How long the codes of a mechanism are with a parameter.
pub fn bytes_of(mechanism: &Mechanism, parameter: &Parameter) -> usize {
    match (parameter, mechanism.hash) {
        (Parameter::MacBytes(bytes), _) => *bytes as usize,
        (_, Some(hash)) if mechanism.way == Way::Hmac => hash.bytes(),
        _ => 16,
    }
}

fn nonce_of(parameter: &Parameter) -> Vec<u8> {
    match parameter {
        Parameter::Nonce(nonce) => nonce.clone(),
        _ => vec![],
    }
}

/// A length is said only where the mechanism has one to say: what is left out is the usual one.
fn mac_bytes(parameter: &Parameter) -> u32 {
    match parameter {
        Parameter::MacBytes(bytes) => *bytes as u32,
        _ => 0,
    }
}

pub fn make(mechanism: &Mechanism, parameter: &Parameter, object: &Object, data: &[u8], slot: &Slot) -> Answer<Vec<u8>> {
    let request = GenerateMacRequest {
        namespace: object.key.namespace.clone(),
        key_id: object.key.key_id.clone(),
        data: data.to_vec(),
        nonce: nonce_of(parameter),
        mac_bytes: mac_bytes(parameter),
        mode: mac_mode(mechanism.way, mechanism.hash, &object.key)? as i32,
        ..Default::default()
    };
    let answer: GenerateMacResponse = slot.call("GenerateMac", &request)?;
    Ok(answer.mac)
}

/// @errors `CKR_SIGNATURE_LEN_RANGE` for a code of another length, `CKR_SIGNATURE_INVALID` for another code
pub fn verify(mechanism: &Mechanism, parameter: &Parameter, object: &Object, data: &[u8], code: &[u8], slot: &Slot) -> Answer<()> {
    if code.len() != bytes_of(mechanism, parameter) {
        return refuse(CKR_SIGNATURE_LEN_RANGE);
    }
    let request = VerifyMacRequest {
        namespace: object.key.namespace.clone(),
        key_id: object.key.key_id.clone(),
        data: data.to_vec(),
        mac: code.to_vec(),
        nonce: nonce_of(parameter),
        mac_bytes: mac_bytes(parameter),
        mode: mac_mode(mechanism.way, mechanism.hash, &object.key)? as i32,
        ..Default::default()
    };
    let answer: VerifyMacResponse = slot.call("VerifyMac", &request)?;
    if answer.valid { Ok(()) } else { refuse(CKR_SIGNATURE_INVALID) }
}
