//! Objects that say what the token is: the profiles that it conforms to and the mechanisms that it has (PKCS#11 3.2 §4.13, §4.14;
//! Profiles 3.2 §5). Nobody makes, changes or destroys them.
//!
//! A profile is announced only when all that it asks for is there. "Public Certificates Token" asks that every certificate is
//! read without a login and has the CKA_ID of its key, which is the applications' to say here: it is not announced. There is no
//! hardware, and so no clock and no counter that would be its own (CKO_HW_FEATURE).

use std::sync::{Mutex, PoisonError};

use cryptoki_sys::*;

use crate::crypto::mechanisms;
use crate::error::{Answer, refuse};
use crate::module::Module;
use crate::objects::template::Template;
use crate::token::session::Session;
use crate::token::slot::Slot;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announced {
    Profile(CK_PROFILE_ID),
    Mechanism(CK_MECHANISM_TYPE),
}

/// Those that an application has handles of, with their slots.
#[derive(Default)]
pub struct Announcements(Mutex<Vec<(CK_OBJECT_HANDLE, usize, Announced)>>);

fn profiles(slot: &Slot) -> Vec<CK_PROFILE_ID> {
    let mut all = vec![CKP_BASELINE_PROVIDER, CKP_EXTENDED_PROVIDER];
    if slot.needs_login() {
        all.push(CKP_AUTHENTICATION_TOKEN);
    }
    all
}

impl Announced {
    /// Every attribute that it has. A mechanism is no storage object, and has none of theirs.
    fn attributes(self) -> Vec<(CK_ATTRIBUTE_TYPE, Vec<u8>)> {
        let number = |value: CK_ULONG| value.to_ne_bytes().to_vec();
        let profile = match self {
            Announced::Mechanism(kind) => return vec![(CKA_CLASS, number(CKO_MECHANISM)), (CKA_MECHANISM_TYPE, number(kind))],
            Announced::Profile(profile) => profile,
        };
        let label: &[u8] = match profile {
            CKP_BASELINE_PROVIDER => b"Baseline Provider",
            CKP_EXTENDED_PROVIDER => b"Extended Provider",
            _ => b"Authentication Token",
        };
        let (yes, no) = (vec![CK_TRUE], vec![CK_FALSE]);
        vec![
            (CKA_CLASS, number(CKO_PROFILE)),
            (CKA_PROFILE_ID, number(profile)),
            (CKA_TOKEN, yes),
            (CKA_PRIVATE, no.clone()),
            (CKA_MODIFIABLE, no.clone()),
            (CKA_COPYABLE, no.clone()),
            (CKA_DESTROYABLE, no),
            (CKA_LABEL, label.to_vec()),
            // No key of the service has a name with a slash.
            (CKA_UNIQUE_ID, format!("profile/{profile}").into_bytes()),
        ]
    }

    /// @errors `CKR_ATTRIBUTE_TYPE_INVALID` for what it does not have
    pub fn value(self, kind: CK_ATTRIBUTE_TYPE) -> Answer<Vec<u8>> {
        let found = self.attributes().into_iter().find(|(own, _)| *own == kind);
        found.map_or_else(|| refuse(CKR_ATTRIBUTE_TYPE_INVALID), |(_, value)| Ok(value))
    }

    /// Bytes of its attributes: an estimate, as it is everywhere.
    pub fn size(self) -> CK_ULONG {
        self.attributes().iter().map(|(_, value)| value.len() as CK_ULONG).sum()
    }

    fn fits(self, template: &Template) -> bool {
        template.0.iter().all(|(kind, wanted)| self.value(*kind).is_ok_and(|value| value == **wanted))
    }
}

/// What a template finds. Mechanisms are found only by whoever asks for their class (§4.13).
fn found(slot: &Slot, template: &Template) -> Vec<Announced> {
    let mechanisms = mechanisms::all().map(|row| Announced::Mechanism(row.kind));
    let profiles = profiles(slot).into_iter().map(Announced::Profile);
    match template.number(CKA_CLASS) {
        Some(CKO_MECHANISM) => mechanisms.filter(|mechanism| mechanism.fits(template)).collect(),
        None | Some(CKO_PROFILE) => profiles.filter(|profile| profile.fits(template)).collect(),
        Some(_) => vec![],
    }
}

impl Module {
    /// Handles of profiles and mechanisms that fit; the same one has the same handle, whenever it is found.
    pub fn find_announced(&self, index: usize, slot: &Slot, template: &Template) -> Vec<CK_OBJECT_HANDLE> {
        let found = found(slot, template);
        let mut known = self.announcements().0.lock().unwrap_or_else(PoisonError::into_inner);
        let handle_of = |announced| {
            let same = known.iter().find(|(_, slot, other)| (*slot, *other) == (index, announced)).map(|(handle, _, _)| *handle);
            same.unwrap_or_else(|| {
                let handle = self.new_handle();
                known.push((handle, index, announced));
                handle
            })
        };
        found.into_iter().map(handle_of).collect()
    }

    /// The profile or mechanism behind a handle; `None` for what is no such handle.
    pub fn announced(&self, session: &Session, handle: CK_OBJECT_HANDLE) -> Option<Announced> {
        let known = self.announcements().0.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|(own, slot, _)| (*own, *slot) == (handle, session.slot)).map(|(_, _, announced)| *announced)
    }

    /// As `announced`, for a call that is not under way yet.
    pub fn announced_of(&self, session: CK_SESSION_HANDLE, handle: CK_OBJECT_HANDLE) -> Answer<Option<Announced>> {
        self.with(session, |session, _| Ok(self.announced(session, handle)))
    }
}
