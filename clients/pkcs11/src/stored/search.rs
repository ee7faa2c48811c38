//! Finding certificates and data: the service is asked by what it files them under, and the whole template decides here.

use std::sync::Arc;

use cryptoki_sys::*;

use super::attributes::{self, CERTIFICATE, DATA, EVERY};
use super::{Stored, create::text};
use crate::error::{Answer, Refusal};
use crate::module::Module;
use crate::objects::template::Template;
use crate::proto::{FindStoredObjectsRequest, FindStoredObjectsResponse, StoredObject, StoredObjectClass};
use crate::token::slot::Slot;

const PER_PAGE: u32 = 1000;
/// Longest that the service takes; nothing longer is filed.
const LONGEST: &[(CK_ATTRIBUTE_TYPE, usize)] =
    &[(CKA_LABEL, 256), (CKA_ID, 128), (CKA_SUBJECT, 4096), (CKA_ISSUER, 4096), (CKA_SERIAL_NUMBER, 64), (CKA_APPLICATION, 256)];

/// Whether any certificate or data could have these attributes.
fn could_fit(template: &Template) -> bool {
    let class = match template.number(CKA_CLASS) {
        None => template.bytes(CKA_CLASS).is_none(),
        Some(class) => [CKO_CERTIFICATE, CKO_DATA].contains(&class),
    };
    let all_of = |known: &[CK_ATTRIBUTE_TYPE]| template.0.iter().all(|(kind, _)| EVERY.contains(kind) || known.contains(kind));
    let short = |(kind, most): &(CK_ATTRIBUTE_TYPE, usize)| template.bytes(*kind).is_none_or(|value| value.len() <= *most);
    class && (all_of(CERTIFICATE) || all_of(DATA)) && LONGEST.iter().all(short)
}

fn fits(stored: &Stored, slot: &Slot, template: &Template) -> bool {
    template.0.iter().all(|(kind, wanted)| attributes::value(stored, slot, *kind).is_ok_and(|value| value == **wanted))
}

fn asked(slot: &Slot, template: &Template) -> Answer<Vec<StoredObject>> {
    let given = |kind| template.bytes(kind).map(<[u8]>::to_vec);
    let class = match template.number(CKA_CLASS) {
        Some(CKO_CERTIFICATE) => StoredObjectClass::Certificate,
        Some(_) => StoredObjectClass::Data,
        None => StoredObjectClass::Unspecified,
    };
    let mut request = FindStoredObjectsRequest {
        namespace: slot.view().namespace.clone(),
        object_class: class.into(),
        label: text(template, CKA_LABEL)?,
        id: given(CKA_ID),
        subject: given(CKA_SUBJECT),
        issuer: given(CKA_ISSUER),
        serial_number: given(CKA_SERIAL_NUMBER),
        application: text(template, CKA_APPLICATION)?,
        tags: slot.view().tags.clone(),
        private: slot.is_open(),
        per_page: PER_PAGE,
        page_token: String::new(),
    };
    let mut found = vec![];
    loop {
        let answer: Answer<FindStoredObjectsResponse> = slot.call("FindStoredObjects", &request);
        let page = match answer {
            Err(Refusal(CKR_ACTION_PROHIBITED)) if request.private => {
                // Who may not see private objects sees the others.
                request.private = false;
                continue;
            }
            // Nobody asked, or somebody who may see none: there is nothing to be seen. Nor has an older server any.
            Err(Refusal(CKR_ACTION_PROHIBITED | CKR_FUNCTION_NOT_SUPPORTED)) => return Ok(vec![]),
            Err(Refusal(CKR_USER_NOT_LOGGED_IN)) if !slot.is_open() => return Ok(vec![]),
            answer => answer?,
        };
        found.extend(page.objects);
        if page.next_page_token.is_empty() {
            return Ok(found);
        }
        request.page_token = page.next_page_token;
    }
}

impl Module {
    /// Handles of the certificates and data of a token that fit and may be seen now.
    pub fn find_stored(&self, index: usize, slot: &Slot, template: &Template) -> Answer<Vec<CK_OBJECT_HANDLE>> {
        if !could_fit(template) {
            return Ok(vec![]);
        }
        let mut handles = vec![];
        if template.bytes(CKA_TOKEN).is_none_or(|value| value == [CK_TRUE]) {
            let found = asked(slot, template)?.into_iter().map(|object| Stored { slot: index, object, owner: None });
            let fitting = found.filter(|stored| fits(stored, slot, template));
            handles.extend(fitting.map(|stored| self.register_stored(stored)));
        }
        let own: Vec<(CK_OBJECT_HANDLE, Arc<Stored>)> = {
            let all = self.stored_objects().lock();
            let mine = all.iter().filter(|(_, stored)| stored.slot == index && stored.owner.is_some() && stored.is_seen(slot));
            mine.map(|(handle, stored)| (*handle, stored.clone())).collect()
        };
        let mut session: Vec<_> = own.into_iter().filter(|(_, stored)| fits(stored, slot, template)).map(|(handle, _)| handle).collect();
        session.sort_unstable();
        handles.extend(session);
        Ok(handles)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zeroize::Zeroizing;

    fn template(pairs: &[(CK_ATTRIBUTE_TYPE, &[u8])]) -> Template {
        Template(pairs.iter().map(|(kind, value)| (*kind, Zeroizing::new(value.to_vec()))).collect())
    }

    #[test]
    fn nobody_is_asked_for_what_no_certificate_or_data_has() {
        assert!(could_fit(&template(&[])));
        assert!(could_fit(&template(&[(CKA_ID, b"1"), (CKA_CLASS, &CKO_CERTIFICATE.to_ne_bytes())])));
        assert!(!could_fit(&template(&[(CKA_CLASS, &CKO_PRIVATE_KEY.to_ne_bytes())])));
        assert!(!could_fit(&template(&[(CKA_KEY_TYPE, &CKK_RSA.to_ne_bytes())])));
        assert!(!could_fit(&template(&[(CKA_APPLICATION, b"a"), (CKA_SUBJECT, b"b")])));
        assert!(!could_fit(&template(&[(CKA_ID, &[0; 129])])));
        assert!(!could_fit(&template(&[(CKA_CLASS, b"short")])));
    }
}
