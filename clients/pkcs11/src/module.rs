//! What `C_Initialize` makes and `C_Finalize` ends: slots, sessions, handles.
//!
//! Handles are numbers that are given once: a stale one is refused, not mistaken for a newer thing. Locks are held for
//! lookups alone; a call to the service holds only its own session.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cryptoki_sys::*;

use crate::config::Config;
use crate::error::{Answer, Refusal, refuse};
use crate::objects::object::{Half, Object};
use crate::proto::Key;
use crate::remote::Remote;
use crate::token::session::Session;
use crate::token::slot::Slot;

pub struct Module {
    pub slots: Vec<Slot>,
    sessions: Mutex<HashMap<CK_SESSION_HANDLE, Opened>>,
    objects: Mutex<Objects>,
    next_handle: AtomicU64,
}

/// What is known of a session without waiting for what it does.
struct Opened {
    slot: usize,
    read_write: bool,
    session: Arc<Mutex<Session>>,
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
        let slots = config.slots.into_iter().map(|slot| Slot::new(slot, remote.clone())).collect();
        Ok(Module { slots, sessions: Mutex::default(), objects: Mutex::default(), next_handle: AtomicU64::new(1) })
    }

    fn new_handle(&self) -> CK_ULONG {
        self.next_handle.fetch_add(1, Ordering::Relaxed)
    }

    pub fn slot(&self, id: CK_SLOT_ID) -> Answer<&Slot> {
        usize::try_from(id).ok().and_then(|index| self.slots.get(index)).ok_or(Refusal(CKR_SLOT_ID_INVALID))
    }

    pub fn open_session(&self, slot: CK_SLOT_ID, flags: CK_FLAGS) -> Answer<CK_SESSION_HANDLE> {
        self.slot(slot)?;
        if flags & CKF_SERIAL_SESSION == 0 {
            return refuse(CKR_SESSION_PARALLEL_NOT_SUPPORTED);
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
        let session = self.session(handle)?;
        let mut session = locked(&session);
        let slot = self.slots.get(session.slot).ok_or(Refusal(CKR_SESSION_HANDLE_INVALID))?;
        work(&mut session, slot)
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
        self.log_out_without_sessions(closed.slot);
        Ok(())
    }

    pub fn close_all_sessions(&self, slot: CK_SLOT_ID) -> Answer<()> {
        self.slot(slot)?;
        locked(&self.sessions).retain(|_, opened| opened.slot != slot as usize);
        self.log_out_without_sessions(slot as usize);
        Ok(())
    }

    fn log_out_without_sessions(&self, slot: usize) {
        let (all, _) = self.session_counts(slot);
        if all == 0 && self.slots[slot].is_logged_in() {
            let _ = self.slots[slot].log_out();
        }
    }

    /// Sessions of a token: all, and those that may write.
    pub fn session_counts(&self, slot: usize) -> (CK_ULONG, CK_ULONG) {
        let sessions = locked(&self.sessions);
        let of_slot = sessions.values().filter(|opened| opened.slot == slot);
        of_slot.fold((0, 0), |(all, writing), opened| (all + 1, writing + CK_ULONG::from(opened.read_write)))
    }

    pub fn finish(&self) {
        for slot in self.slots.iter().filter(|slot| slot.is_logged_in()) {
            let _ = slot.log_out();
        }
    }

    /// @errors `CKR_OBJECT_HANDLE_INVALID` for what is not, is of another token, or may not be seen without login.
    pub fn object(&self, session: &Session, slot: &Slot, handle: CK_OBJECT_HANDLE) -> Answer<Arc<Object>> {
        let object = locked(&self.objects).by_handle.get(&handle).cloned();
        let seen = |object: &Arc<Object>| object.slot == session.slot && (object.half == Half::Public || slot.is_open());
        object.filter(seen).ok_or(Refusal(CKR_OBJECT_HANDLE_INVALID))
    }

    pub fn key(&self, session: &Session, slot: &Slot, handle: CK_OBJECT_HANDLE) -> Answer<Arc<Object>> {
        self.object(session, slot, handle).map_err(|_| Refusal(CKR_KEY_HANDLE_INVALID))
    }

    /// Makes the objects of a key known. @returns the handle of the half asked for
    pub fn register_key(&self, slot: usize, key: &Key, owner: Option<CK_SESSION_HANDLE>, half: Half) -> Option<CK_OBJECT_HANDLE> {
        let objects = Object::of_key(slot, key, owner).into_iter();
        let handles: Vec<_> = objects.map(|object| (object.half, self.register(object))).collect();
        handles.into_iter().find(|(own, _)| *own == half).map(|(_, handle)| handle)
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
