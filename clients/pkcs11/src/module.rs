//! What `C_Initialize` makes and `C_Finalize` ends: slots, sessions, handles.
//!
//! Handles are numbers that are given once: a stale one is refused, not mistaken for a newer thing. Locks are held for
//! lookups alone; a call to the service holds only its own session.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use cryptoki_sys::*;

use crate::config::{Config, SlotConfig};
use crate::crypto::public_key::PublicKey;
use crate::error::{Answer, Refusal, refuse};
use crate::objects::announced::Announcements;
use crate::objects::ending;
use crate::objects::object::{Half, Object};
use crate::objects::search::is_gone;
use crate::proto::{GetKeyRequest, GetKeyResponse, Key};
use crate::remote::Remote;
use crate::stored::StoredObjects;
use crate::token::once;
use crate::token::session::Session;
use crate::token::slot::{Slot, Who};
use crate::trace;

pub struct Module {
    configured: Vec<SlotConfig>,
    every_token: bool,
    remote: Arc<Remote>,
    slots: OnceLock<Vec<Slot>>,
    sessions: Mutex<HashMap<CK_SESSION_HANDLE, Opened>>,
    objects: Mutex<Objects>,
    stored: StoredObjects,
    announced: Announcements,
    next_handle: AtomicU64,
}

/// What is known of a session without waiting for what it does.
struct Opened {
    slot: usize,
    read_write: bool,
    session: Arc<Mutex<Session>>,
}

/// A key that the service just made.
pub struct Made {
    pub key: Key,
    /// PEM of the public half; empty for secret keys.
    pub public_key: String,
}

impl Made {
    /// @errors `CKR_DEVICE_ERROR` when the service's answer has no key
    pub fn of(key: Option<Key>, public_key: String) -> Answer<Made> {
        Ok(Made { key: key.ok_or(Refusal(CKR_DEVICE_ERROR))?, public_key })
    }
}

#[derive(Default)]
struct Objects {
    by_handle: HashMap<CK_OBJECT_HANDLE, Arc<Object>>,
    handles: HashMap<(usize, String, Half), CK_OBJECT_HANDLE>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Module {
    pub fn new(config: Config) -> Answer<Module> {
        let remote = Arc::new(Remote::new(&config)?);
        Ok(Module {
            configured: config.slots,
            every_token: config.every_token,
            remote,
            slots: OnceLock::new(),
            sessions: Mutex::default(),
            objects: Mutex::default(),
            stored: StoredObjects::default(),
            announced: Announcements::default(),
            next_handle: AtomicU64::new(1),
        })
    }

    /// Certificates and data.
    pub fn stored_objects(&self) -> &StoredObjects {
        &self.stored
    }

    /// Profiles and mechanisms.
    pub fn announcements(&self) -> &Announcements {
        &self.announced
    }

    pub fn new_handle(&self) -> CK_ULONG {
        self.next_handle.fetch_add(1, Ordering::Relaxed)
    }

    /// Every slot, by its number. They are found out when they are first looked at, and stay.
    ///
    /// @errors `CKR_DEVICE_ERROR` when the vault has to be asked for its tokens, and cannot.
    pub fn slots(&self) -> Answer<&[Slot]> {
        if self.slots.get().is_none() {
            // Another thread may be first: what it found out is as good.
            let _ = self.slots.set(crate::token::slots(&self.configured, self.every_token, &self.remote)?);
        }
        Ok(self.known_slots())
    }

    /// Those that were looked at; whoever has a session has looked.
    fn known_slots(&self) -> &[Slot] {
        self.slots.get().map_or(&[], Vec::as_slice)
    }

    pub fn slot(&self, id: CK_SLOT_ID) -> Answer<&Slot> {
        trace::handle("slot", id);
        let slots = self.slots()?;
        usize::try_from(id).ok().and_then(|index| slots.get(index)).ok_or(Refusal(CKR_SLOT_ID_INVALID))
    }

    pub fn open_session(&self, slot: CK_SLOT_ID, flags: CK_FLAGS) -> Answer<CK_SESSION_HANDLE> {
        let who = self.slot(slot)?.who();
        if flags & CKF_SERIAL_SESSION == 0 {
            return refuse(CKR_SESSION_PARALLEL_NOT_SUPPORTED);
        }
        if flags & CKF_RW_SESSION == 0 && who == Some(Who::Officer) {
            return refuse(CKR_SESSION_READ_WRITE_SO_EXISTS);
        }
        let handle = self.new_handle();
        let (slot, read_write) = (slot as usize, flags & CKF_RW_SESSION != 0);
        let session = Arc::new(Mutex::new(Session::new(slot, read_write)));
        locked(&self.sessions).insert(handle, Opened { slot, read_write, session });
        Ok(handle)
    }

    fn session(&self, handle: CK_SESSION_HANDLE) -> Answer<Arc<Mutex<Session>>> {
        locked(&self.sessions).get(&handle).map(|opened| opened.session.clone()).ok_or(Refusal(CKR_SESSION_HANDLE_INVALID))
    }

    /// Runs with the session and its slot; other calls of the same session wait.
    pub fn with<T>(&self, handle: CK_SESSION_HANDLE, work: impl FnOnce(&mut Session, &Slot) -> Answer<T>) -> Answer<T> {
        trace::handle("session", handle);
        let session = self.session(handle)?;
        let mut session = locked(&session);
        let slot = self.known_slots().get(session.slot).ok_or(Refusal(CKR_SESSION_HANDLE_INVALID))?;
        let proven = session.once.take();
        let (answer, left) = once::lend(proven, || work(&mut session, slot));
        // A proof is for the operation that was active when it was given.
        session.once = session.once.take().or(left).filter(|_| session.uses_private_key());
        answer
    }

    /// @errors `CKR_SESSION_READ_ONLY_EXISTS` to an officer while a session of the token cannot write;
    /// `CKR_OPERATION_NOT_INITIALIZED` to `CKU_CONTEXT_SPECIFIC` without an operation that uses a key.
    pub fn log_in(&self, handle: CK_SESSION_HANDLE, kind: CK_USER_TYPE, pin: &[u8], name: Option<&str>) -> Answer<()> {
        self.with(handle, |session, slot| {
            // The two users of a token have no other name.
            if name.is_some() && (kind != CKU_USER || slot.config.token.is_some()) {
                return refuse(CKR_USER_TYPE_INVALID);
            }
            match kind {
                CKU_USER => slot.log_in(Who::User, pin, name),
                CKU_SO => {
                    let (all, writing) = self.session_counts(session.slot);
                    if all > writing && slot.who().is_none() {
                        return refuse(CKR_SESSION_READ_ONLY_EXISTS);
                    }
                    slot.log_in(Who::Officer, pin, None)
                }
                CKU_CONTEXT_SPECIFIC if !session.uses_private_key() => refuse(CKR_OPERATION_NOT_INITIALIZED),
                CKU_CONTEXT_SPECIFIC => {
                    session.once = Some(slot.confirm(pin)?);
                    Ok(())
                }
                _ => refuse(CKR_USER_TYPE_INVALID),
            }
        })
    }

    pub fn init_token(&self, id: CK_SLOT_ID, pin: &[u8], label: &str) -> Answer<()> {
        let slot = self.slot(id)?;
        if self.session_counts(id as usize).0 > 0 {
            return refuse(CKR_SESSION_EXISTS);
        }
        if label.is_empty() {
            return refuse(CKR_ARGUMENTS_BAD);
        }
        slot.init_token(pin, label, self.every_token && id == 0)
    }

    pub fn set_pin(&self, handle: CK_SESSION_HANDLE, old: &[u8], new: &[u8]) -> Answer<()> {
        self.with(handle, |session, slot| if session.read_write { slot.set_pin(old, new) } else { refuse(CKR_SESSION_READ_ONLY) })
    }

    /// Ends what an error of the arguments ends, and is the error. @errors that of the session, when there is none.
    pub fn abandon<T>(&self, handle: CK_SESSION_HANDLE, flags: CK_FLAGS, refusal: Refusal) -> Answer<T> {
        self.with(handle, |session, _| {
            session.cancel(flags);
            Err(refusal)
        })
    }

    /// With the last session of a token its login ends (§5.6.2).
    pub fn close_session(&self, handle: CK_SESSION_HANDLE) -> Answer<()> {
        let closed = locked(&self.sessions).remove(&handle).ok_or(Refusal(CKR_SESSION_HANDLE_INVALID))?;
        self.end_objects(closed.slot, |object| object.owner == Some(handle));
        self.stored.forget(closed.slot, |stored| stored.owner == Some(handle));
        self.log_out_without_sessions(closed.slot);
        Ok(())
    }

    pub fn close_all_sessions(&self, slot: CK_SLOT_ID) -> Answer<()> {
        self.slot(slot)?;
        locked(&self.sessions).retain(|_, opened| opened.slot != slot as usize);
        self.end_objects(slot as usize, |_| true);
        self.stored.forget(slot as usize, |stored| stored.owner.is_some());
        self.log_out_without_sessions(slot as usize);
        Ok(())
    }

    /// Ends session objects of a slot.
    fn end_objects(&self, index: usize, which: impl Fn(&Object) -> bool) {
        let ended = self.take_objects(|object| object.slot == index && object.owner.is_some() && which(object));
        if let Some(slot) = self.known_slots().get(index) {
            ending::end(slot, ended);
        }
    }

    fn log_out_without_sessions(&self, slot: usize) {
        let (all, _) = self.session_counts(slot);
        if all == 0
            && let Some(slot) = self.known_slots().get(slot).filter(|slot| slot.is_logged_in())
        {
            let _ = slot.log_out();
        }
    }

    /// Sessions of a token: all, and those that may write.
    pub fn session_counts(&self, slot: usize) -> (CK_ULONG, CK_ULONG) {
        let sessions = locked(&self.sessions);
        let of_slot = sessions.values().filter(|opened| opened.slot == slot);
        of_slot.fold((0, 0), |(all, writing), opened| (all + 1, writing + CK_ULONG::from(opened.read_write)))
    }

    /// With a login end the private session objects that were made under it (§5.6.9).
    pub fn log_out(&self, handle: CK_SESSION_HANDLE) -> Answer<()> {
        self.with(handle, |session, slot| {
            if slot.is_logged_in() {
                self.end_objects(session.slot, |object| object.half != Half::Public);
                self.stored.forget(session.slot, |stored| stored.owner.is_some() && stored.object.private);
            }
            slot.log_out()
        })
    }

    pub fn finish(&self) {
        for index in 0..self.known_slots().len() {
            self.end_objects(index, |_| true);
        }
        for slot in self.known_slots().iter().filter(|slot| slot.is_logged_in()) {
            let _ = slot.log_out();
        }
        self.remote.finish();
    }

    /// @errors `CKR_OBJECT_HANDLE_INVALID` for what is not, is of another token, or may not be seen without login.
    pub fn object(&self, session: &Session, slot: &Slot, handle: CK_OBJECT_HANDLE) -> Answer<Arc<Object>> {
        trace::handle("object", handle);
        let object = locked(&self.objects).by_handle.get(&handle).cloned();
        let seen = |object: &Arc<Object>| object.slot == session.slot && (object.half == Half::Public || slot.is_open());
        object.filter(seen).ok_or(Refusal(CKR_OBJECT_HANDLE_INVALID))
    }

    pub fn key(&self, session: &Session, slot: &Slot, handle: CK_OBJECT_HANDLE) -> Answer<Arc<Object>> {
        self.object(session, slot, handle).map_err(|_| Refusal(CKR_KEY_HANDLE_INVALID))
    }

    /// Forgets objects. @returns them
    pub fn take_objects(&self, which: impl Fn(&Object) -> bool) -> Vec<Arc<Object>> {
        let mut objects = locked(&self.objects);
        let handles: Vec<_> = objects.by_handle.iter().filter(|(_, object)| which(object)).map(|(handle, _)| *handle).collect();
        handles
            .into_iter()
            .filter_map(|handle| {
                let object = objects.by_handle.remove(&handle)?;
                objects.handles.remove(&object.identity());
                Some(object)
            })
            .collect()
    }

    /// Session objects of a token, of all sessions of this process, in the order in which they were made.
    pub fn session_objects(&self, slot: usize) -> Vec<(CK_OBJECT_HANDLE, Arc<Object>)> {
        let objects = locked(&self.objects);
        let own = objects.by_handle.iter().filter(|(_, object)| object.slot == slot && object.owner.is_some());
        let mut own: Vec<_> = own.map(|(handle, object)| (*handle, object.clone())).collect();
        own.sort_unstable_by_key(|(handle, _)| *handle);
        own
    }

    /// The object as its key is now. @errors `CKR_OBJECT_HANDLE_INVALID` for a key that is gone meanwhile
    pub fn renewed(&self, object: &Arc<Object>, slot: &Slot) -> Answer<Arc<Object>> {
        // The service may have lost a session key whose public half goes on here.
        if object.owner.is_some() && object.half == Half::Public {
            return Ok(object.clone());
        }
        let request = GetKeyRequest { namespace: object.key.namespace.clone(), key_id: object.key.key_id.clone() };
        let answer: GetKeyResponse = slot.call("GetKey", &request)?;
        let key = answer.key.filter(|key| !is_gone(key)).ok_or(Refusal(CKR_OBJECT_HANDLE_INVALID))?;
        Ok(self.replace(object.renewed(key)))
    }

    /// Puts what is known now in the place of what was.
    pub fn replace(&self, object: Object) -> Arc<Object> {
        let object = Arc::new(object);
        let mut objects = locked(&self.objects);
        if let Some(handle) = objects.handles.get(&object.identity()).copied() {
            objects.by_handle.insert(handle, object.clone());
        }
        object
    }

    /// Makes the objects of a key known. @returns the handle of the half asked for
    pub fn register_key(&self, slot: usize, made: &Made, owner: Option<CK_SESSION_HANDLE>, half: Half) -> Option<CK_OBJECT_HANDLE> {
        let objects = Object::of_key(slot, &made.key, owner).into_iter();
        let known = |object: Object| {
            if !made.public_key.is_empty() {
                object.learn(&made.public_key);
            }
            (object.half, self.register(object))
        };
        let handles: Vec<_> = objects.map(known).collect();
        handles.into_iter().find(|(own, _)| *own == half).map(|(_, handle)| handle)
    }

    /// Makes a public key of the application known, for as long as its session.
    pub fn register_public(
        &self,
        slot: usize,
        key_type: CK_KEY_TYPE,
        key: Key,
        owner: CK_SESSION_HANDLE,
        public: PublicKey,
    ) -> CK_OBJECT_HANDLE {
        self.register(Object::of_public(slot, key_type, key, owner, self.new_handle(), public))
    }

    /// Reads the key of an object again, after a rotation: all its objects show what it is now, under the handles they had.
    ///
    /// @errors `CKR_KEY_HANDLE_INVALID` when there is no such key any more
    pub fn read_again(&self, slot: &Slot, object: &Arc<Object>) -> Answer<Arc<Object>> {
        let gone = |refusal: Refusal| if refusal.0 == CKR_OBJECT_HANDLE_INVALID { Refusal(CKR_KEY_HANDLE_INVALID) } else { refusal };
        let renewed = self.renewed(object, slot).map_err(gone)?;
        let twins: Vec<Arc<Object>> = locked(&self.objects).by_handle.values().filter(|other| other.is_twin_of(object)).cloned().collect();
        for twin in twins.iter().filter(|twin| twin.half != object.half) {
            self.replace(twin.renewed(renewed.key.clone()));
        }
        Ok(renewed)
    }

    /// The same key has the same handle, whenever it is found.
    pub fn register(&self, object: Object) -> CK_OBJECT_HANDLE {
        let mut objects = locked(&self.objects);
        let identity = object.identity();
        let handle = *objects.handles.entry(identity).or_insert_with(|| self.new_handle());
        if let Some(older) = objects.by_handle.get(&handle) {
            object.take_over(older);
        }
        objects.by_handle.insert(handle, Arc::new(object));
        handle
    }
}
