//! Certificates and data: objects that are no keys. Token objects are stored by the service; session objects are of this
//! process and end with their session.

mod attributes;
mod change;
mod create;
mod search;

pub use create::is_stored;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cryptoki_sys::*;

use crate::error::{Answer, Refusal, refuse};
use crate::module::Module;
use crate::proto::{GetStoredObjectRequest, GetStoredObjectResponse, StoredObject};
use crate::token::session::Session;
use crate::token::slot::Slot;

/// One certificate, or data.
#[derive(Clone, Debug)]
pub struct Stored {
    pub slot: usize,
    /// As the service said it; of a session object, what the application said.
    pub object: StoredObject,
    /// The session whose end ends it; none for token objects.
    pub owner: Option<CK_SESSION_HANDLE>,
}

/// Those that an application has handles of.
#[derive(Default)]
pub struct StoredObjects(Mutex<HashMap<CK_OBJECT_HANDLE, Arc<Stored>>>);

impl StoredObjects {
    fn lock(&self) -> MutexGuard<'_, HashMap<CK_OBJECT_HANDLE, Arc<Stored>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets those of a slot that the rule names.
    pub fn forget(&self, slot: usize, which: impl Fn(&Stored) -> bool) {
        self.lock().retain(|_, stored| stored.slot != slot || !which(stored));
    }
}

impl Stored {
    pub fn is_certificate(&self) -> bool {
        self.object.object_class() == crate::proto::StoredObjectClass::Certificate
    }

    /// Private ones are not seen without a login.
    fn is_seen(&self, slot: &Slot) -> bool {
        !self.object.private || slot.is_open()
    }

    /// CKA_VALUE, which the service is asked for.
    fn value(&self, slot: &Slot) -> Answer<Vec<u8>> {
        if self.owner.is_some() {
            return Ok(self.object.value.clone());
        }
        let request = GetStoredObjectRequest {
            namespace: self.object.namespace.clone(),
            object_id: self.object.object_id.clone(),
            private: self.object.private,
        };
        let answer: GetStoredObjectResponse = slot.call("GetStoredObject", &request)?;
        Ok(answer.object.ok_or(Refusal(CKR_DEVICE_ERROR))?.value)
    }
}

impl Module {
    /// The certificate or data behind a handle; `None` for what is no such handle.
    pub fn stored(&self, session: &Session, slot: &Slot, handle: CK_OBJECT_HANDLE) -> Option<Arc<Stored>> {
        let found = self.stored_objects().lock().get(&handle).cloned();
        found.filter(|stored| stored.slot == session.slot && stored.is_seen(slot))
    }

    /// As `stored`, for a call that is not under way yet.
    pub fn stored_of(&self, session: CK_SESSION_HANDLE, handle: CK_OBJECT_HANDLE) -> Answer<Option<Arc<Stored>>> {
        self.with(session, |session, slot| Ok(self.stored(session, slot, handle)))
    }

    /// The same object of the service has the same handle, whenever it is found.
    fn register_stored(&self, stored: Stored) -> CK_OBJECT_HANDLE {
        let mut all = self.stored_objects().lock();
        let same = |other: &Stored| {
            other.owner.is_none()
                && stored.owner.is_none()
                && (other.slot, &other.object.object_id) == (stored.slot, &stored.object.object_id)
        };
        let handle = all.iter().find(|(_, other)| same(other)).map_or_else(|| self.new_handle(), |(handle, _)| *handle);
        all.insert(handle, Arc::new(stored));
        handle
    }

    /// One attribute of a certificate or of data.
    pub fn stored_value(&self, stored: &Stored, slot: &Slot, kind: CK_ATTRIBUTE_TYPE) -> Answer<Vec<u8>> {
        attributes::value(stored, slot, kind)
    }

    fn replace_stored(&self, handle: CK_OBJECT_HANDLE, stored: Stored) {
        self.stored_objects().lock().insert(handle, Arc::new(stored));
    }

    fn forget_stored(&self, handle: CK_OBJECT_HANDLE) {
        self.stored_objects().lock().remove(&handle);
    }
}

/// What is written to a token needs a session that may write.
fn may_write(session: &Session, owner: Option<CK_SESSION_HANDLE>) -> Answer<()> {
    if owner.is_none() && !session.read_write { refuse(CKR_SESSION_READ_ONLY) } else { Ok(()) }
}

/// What the service does not take of an object's attributes is their value.
fn of_attributes(refusal: Refusal) -> Refusal {
    match refusal.0 {
        CKR_ARGUMENTS_BAD => Refusal(CKR_ATTRIBUTE_VALUE_INVALID),
        // It may not be changed or removed.
        CKR_KEY_FUNCTION_NOT_PERMITTED => Refusal(CKR_ACTION_PROHIBITED),
        _ => refusal,
    }
}
