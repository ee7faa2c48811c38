//! Finding objects: the service is asked by what it files keys under, and the whole template decides here.

use std::collections::VecDeque;

use cryptoki_sys::*;

use crate::error::{Answer, Refusal, refuse};
use crate::keys::hmac_of;
use crate::module::Module;
use crate::objects::object::{Half, Object, key_type_name};
use crate::objects::template::Template;
use crate::proto::{FindObjectsRequest, FindObjectsResponse, Key, KeyAttributes, KeyState};
use crate::token::slot::Slot;
use crate::token::view::View;

const PER_PAGE: u32 = 1000;
/// Of what the service takes: characters, and bytes.
const LONGEST_LABEL: usize = 256;
const LONGEST_ID: usize = 128;
const LONGEST_SUBJECT: usize = 1024;

/// Every object of the token itself that fits and may be seen now.
pub fn find(index: usize, slot: &Slot, template: &Template) -> Answer<Vec<Object>> {
    if template.bytes(CKA_TOKEN).is_some_and(|value| value != [CK_TRUE]) {
        return Ok(vec![]);
    }
    if template.number(CKA_CLASS).is_some_and(|class| ![CKO_PUBLIC_KEY, CKO_PRIVATE_KEY, CKO_SECRET_KEY].contains(&class)) {
        return Ok(vec![]);
    }
    let view = slot.view();
    let keys = match keys(slot, &view, template) {
        // Nobody asked, neither a certificate nor a user: applications look before they log in, and see nothing.
        Err(Refusal(CKR_USER_NOT_LOGGED_IN)) if !slot.is_open() => vec![],
        answer => answer?,
    };
    let objects = keys.iter().filter(|key| view.shows(key) && !is_gone(key)).flat_map(|key| Object::of_key(index, key, None));
    Ok(objects.filter(|object| seen(object, slot) && template.fits(object, slot)).collect())
}

/// Private objects are not seen before login.
fn seen(object: &Object, slot: &Slot) -> bool {
    object.half == Half::Public || slot.is_open()
}

/// Whether there is no key to be seen any more, though its name stays taken: also while destruction waits for its time.
pub fn is_gone(key: &Key) -> bool {
    matches!(key.state(), KeyState::Destroyed | KeyState::PurgeScheduled)
}

/// The keys that may fit, asked for by what they show, in one round trip as long as they fit on a page.
fn keys(slot: &Slot, view: &View, template: &Template) -> Answer<Vec<Key>> {
    let label = template.bytes(CKA_LABEL).filter(|label| !label.is_empty());
    let id = template.bytes(CKA_ID).filter(|id| !id.is_empty());
    let subject = template.bytes(CKA_SUBJECT).filter(|subject| !subject.is_empty());
    let text = label.map(std::str::from_utf8);
    // No key shows such a label, id or subject, and the service would not take the question.
    if text.is_some_and(|text| text.map_or(0, |text| text.chars().count()) > LONGEST_LABEL || text.is_err())
        || id.is_some_and(|id| id.len() > LONGEST_ID)
        || subject.is_some_and(|subject| subject.len() > LONGEST_SUBJECT)
    {
        return Ok(vec![]);
    }
    let key_type = template.number(CKA_KEY_TYPE).and_then(key_type_name).map(str::to_owned);
    let Some(algorithms) = view.asked() else { return Ok(vec![]) };
    let hmac = template.number(CKA_KEY_TYPE).and_then(hmac_of);
    let algorithms = hmac.map_or(algorithms, |algorithm| vec![algorithm.into()]);
    let mut request = FindObjectsRequest {
        namespace: view.namespace.clone(),
        r#match: Some(KeyAttributes { key_type, subject: subject.map(<[u8]>::to_vec), ..Default::default() }),
        tags: view.tags.clone(),
        algorithms,
        shown_id: id.map(<[u8]>::to_vec),
        shown_label: text.and_then(Result::ok).map(str::to_owned),
        per_page: PER_PAGE,
        ..Default::default()
    };
    let mut found = vec![];
    loop {
        let page: FindObjectsResponse = slot.call("FindObjects", &request)?;
        found.extend(page.keys);
        if page.next_page_token.is_empty() {
            return Ok(found);
        }
        request.page_token = page.next_page_token;
    }
}

impl Module {
    pub fn find_init(&self, handle: CK_SESSION_HANDLE, template: &Template) -> Answer<()> {
        self.with(handle, |session, slot| {
            if session.found.is_some() {
                return refuse(CKR_OPERATION_ACTIVE);
            }
            for kind in [CKA_CLASS, CKA_KEY_TYPE] {
                if template.bytes(kind).is_some() && template.number(kind).is_none() {
                    return refuse(CKR_ATTRIBUTE_VALUE_INVALID);
                }
            }
            let found = find(session.slot, slot, template)?;
            let mut handles: VecDeque<_> = found.into_iter().map(|object| self.register(object)).collect();
            let own = self.session_objects(session.slot).into_iter();
            handles.extend(own.filter(|(_, object)| seen(object, slot) && template.fits(object, slot)).map(|(handle, _)| handle));
            handles.extend(self.find_stored(session.slot, slot, template)?);
            handles.extend(self.find_announced(session.slot, slot, template));
            session.found = Some(handles);
            Ok(())
        })
    }

    pub fn find(&self, handle: CK_SESSION_HANDLE, most: usize) -> Answer<Vec<CK_OBJECT_HANDLE>> {
        self.with(handle, |session, _| {
            let found = session.found.as_mut().ok_or(Refusal(CKR_OPERATION_NOT_INITIALIZED))?;
            let count = most.min(found.len());
            Ok(found.drain(..count).collect())
        })
    }
}
