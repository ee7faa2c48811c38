//! Keys of the service as objects of PKCS#11: a key pair is two objects, a secret key is one.
//!
//! An object is what the server last said of its key; nothing is decided by it. Public halves are asked for once per
//! version.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use cryptoki_sys::*;

use crate::crypto::public_key::PublicKey;
use crate::error::Answer;
use crate::keys::hmac_type;
use crate::proto::{GetPublicKeyRequest, GetPublicKeyResponse, Key};
use crate::token::slot::Slot;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Half {
    Public,
    Private,
    Secret,
}

impl Half {
    pub fn class(self) -> CK_OBJECT_CLASS {
        match self {
            Half::Public => CKO_PUBLIC_KEY,
            Half::Private => CKO_PRIVATE_KEY,
            Half::Secret => CKO_SECRET_KEY,
        }
    }
}

/// Names of key types, as the server writes them. Keys of other types are no objects here.
const KEY_TYPES: &[(&str, CK_KEY_TYPE)] = &[
    ("CKK_RSA", CKK_RSA),
    ("CKK_EC", CKK_EC),
    ("CKK_EC_EDWARDS", CKK_EC_EDWARDS),
    ("CKK_EC_MONTGOMERY", CKK_EC_MONTGOMERY),
    ("CKK_ML_DSA", CKK_ML_DSA),
    ("CKK_ML_KEM", CKK_ML_KEM),
    ("CKK_SLH_DSA", CKK_SLH_DSA),
    ("CKK_AES", CKK_AES),
    ("CKK_AES_XTS", CKK_AES_XTS),
    ("CKK_CHACHA20", CKK_CHACHA20),
    ("CKK_GENERIC_SECRET", CKK_GENERIC_SECRET),
];

#[derive(Debug)]
pub struct Object {
    pub slot: usize,
    pub half: Half,
    pub key_type: CK_KEY_TYPE,
    pub key: Key,
    /// The session whose end ends it; none for token objects.
    pub owner: Option<CK_SESSION_HANDLE>,
    /// Its number, when it is a public key that only this process knows; the service has never heard of it.
    pub local: Option<u64>,
    public: Mutex<Option<Arc<PublicKey>>>,
    /// Whether the server spoke of another version than this one shows.
    outdated: AtomicBool,
}

impl Object {
    /// The objects of a key: none when PKCS#11 has no name for its type.
    pub fn of_key(slot: usize, key: &Key, owner: Option<CK_SESSION_HANDLE>) -> Vec<Object> {
        let Some(attributes) = &key.attributes else { return vec![] };
        let Some(key_type) = hmac_type(key.algorithm()).or_else(|| key_type_of(attributes.key_type())) else { return vec![] };
        let halves: &[Half] = if attributes.object_class() == "secret" { &[Half::Secret] } else { &[Half::Private, Half::Public] };
        let object = |half: &Half| Object {
            slot,
            half: *half,
            key_type,
            key: key.clone(),
            owner,
            local: None,
            public: Mutex::new(None),
            outdated: AtomicBool::new(false),
        };
        halves.iter().map(object).collect()
    }

    /// Takes note of the version that the server used.
    pub fn saw_version(&self, version: u32) {
        if version != self.key.version {
            self.outdated.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the key was rotated since the object was read.
    pub fn is_outdated(&self) -> bool {
        self.outdated.load(Ordering::Relaxed)
    }

    /// A public key of an application, which ends with its session.
    pub fn of_public(slot: usize, key_type: CK_KEY_TYPE, key: Key, owner: CK_SESSION_HANDLE, number: u64, public: PublicKey) -> Object {
        let public = Mutex::new(Some(Arc::new(public)));
        Object {
            slot,
            half: Half::Public,
            key_type,
            key,
            owner: Some(owner),
            local: Some(number),
            public,
            outdated: AtomicBool::new(false),
        }
    }

    /// What tells it from every other object of the slot: no key of the service has a name with a slash.
    pub fn name(&self) -> String {
        self.local.map_or_else(|| self.key.key_id.clone(), |number| format!("local/{number}"))
    }

    pub fn identity(&self) -> (usize, String, Half) {
        (self.slot, self.name(), self.half)
    }

    /// Whether they are the halves of one key.
    pub fn is_twin_of(&self, other: &Object) -> bool {
        self.slot == other.slot && self.name() == other.name()
    }

    /// The same with what the service says of its key now.
    pub fn renewed(&self, key: Key) -> Object {
        let known = self.public.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let public = Mutex::new(known.filter(|_| key.version == self.key.version));
        Object {
            slot: self.slot,
            half: self.half,
            key_type: self.key_type,
            key,
            owner: self.owner,
            local: self.local,
            public,
            outdated: AtomicBool::new(false),
        }
    }

    /// Knows the public half from the answer that made the key: it outlives a session key's private half.
    pub fn learn(&self, pem: &str) {
        *self.public.lock().unwrap_or_else(PoisonError::into_inner) = PublicKey::of_pem(pem).ok().map(Arc::new);
    }

    /// The public half of the version that the object shows.
    pub fn public_key(&self, slot: &Slot) -> Answer<Arc<PublicKey>> {
        if let Some(known) = &*self.public.lock().unwrap_or_else(PoisonError::into_inner) {
            return Ok(known.clone());
        }
        let request = GetPublicKeyRequest {
            namespace: self.key.namespace.clone(),
            key_id: self.key.key_id.clone(),
            version: self.key.version,
            ..Default::default()
        };
        let answer: GetPublicKeyResponse = slot.call("GetPublicKey", &request)?;
        let public = Arc::new(PublicKey::of_pem(&answer.public_key)?);
        *self.public.lock().unwrap_or_else(PoisonError::into_inner) = Some(public.clone());
        Ok(public)
    }

    /// The public half, when a twin of the same version has it already.
    pub fn take_over(&self, older: &Object) {
        if older.key.version == self.key.version {
            let known = older.public.lock().unwrap_or_else(PoisonError::into_inner).clone();
            *self.public.lock().unwrap_or_else(PoisonError::into_inner) = known;
        }
    }
}

fn key_type_of(name: &str) -> Option<CK_KEY_TYPE> {
    KEY_TYPES.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
}

/// The server's name of a key type.
pub fn key_type_name(number: CK_KEY_TYPE) -> Option<&'static str> {
    KEY_TYPES.iter().find(|(_, known)| *known == number).map(|(name, _)| *name)
}
