//! What becomes of session objects when they end: the vault forgets session keys at once, and nothing else is left.

use std::sync::Arc;

use crate::error::Answer;
use crate::objects::object::{Half, Object};
use crate::proto::{DeleteKeyRequest, DeleteKeyResponse};
use crate::token::slot::Slot;

/// Ends session keys at the vault. That it cannot be reached changes nothing here: what nobody ends there ends with the
/// login, or unused.
pub fn end(slot: &Slot, objects: Vec<Arc<Object>>) {
    for object in objects.iter().filter(|object| object.owner.is_some() && object.half != Half::Public) {
        let _ = delete(slot, object);
    }
}

pub fn delete(slot: &Slot, object: &Object) -> Answer<()> {
    let request = DeleteKeyRequest { namespace: object.key.namespace.clone(), key_id: object.key.key_id.clone() };
    slot.call("DeleteKey", &request).map(|_: DeleteKeyResponse| ())
}
