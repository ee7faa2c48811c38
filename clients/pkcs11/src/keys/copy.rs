//! C_CopyObject: another key of the same material, never weaker than the one it is made of. A copy of a public key alone is
//! one of the session.

use cryptoki_sys::*;

use super::change::changes;
use super::generate::of_making;
use super::new_key::may_make;
use super::wanted::Wanted;
use crate::error::{Answer, Refusal, refuse};
use crate::module::{Made, Module};
use crate::objects::object::Half;
use crate::objects::template::Template;
use crate::proto::{CopyKeyRequest, CopyKeyResponse, ExportPolicy, KeyAttributes};

/// How the copy may leave, when the template says anything of it.
fn exportable(changes: &KeyAttributes, now: &KeyAttributes) -> ExportPolicy {
    if changes.sensitive.is_none() && changes.extractable.is_none() {
        return ExportPolicy::Unspecified;
    }
    match (changes.extractable.unwrap_or(now.extractable()), changes.sensitive.unwrap_or(now.sensitive())) {
        (false, _) => ExportPolicy::Never,
        (true, true) => ExportPolicy::Wrapped,
        (true, false) => ExportPolicy::Plain,
    }
}

impl Module {
    pub fn copy(&self, handle: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE, template: &Template) -> Answer<CK_OBJECT_HANDLE> {
        self.with(handle, |session, slot| {
            let object = self.renewed(&self.object(session, slot, object)?, slot)?;
            let wanted = Wanted::read(template, object.half, &[])?;
            wanted.of_type(object.key_type)?;
            let now = object.key.attributes.clone().unwrap_or_default();
            if now.copyable == Some(false) {
                return refuse(CKR_ACTION_PROHIBITED);
            }
            let token = wanted.truth(CKA_TOKEN).unwrap_or(object.owner.is_none());
            let changes = changes(&wanted, template, &object)?;
            // The vault would make it sensitive all the same where the copy is not extractable.
            if changes.sensitive == Some(false) && now.sensitive() {
                return refuse(CKR_TEMPLATE_INCONSISTENT);
            }
            if object.half == Half::Public {
                if token || wanted.truth(CKA_PRIVATE) == Some(true) {
                    return refuse(CKR_ACTION_PROHIBITED);
                }
                let mut key = object.key.clone();
                let attributes = key.attributes.get_or_insert_default();
                if !changes.usage.iter().all(|usage| attributes.usage.contains(usage)) {
                    return refuse(CKR_TEMPLATE_INCONSISTENT);
                }
                attributes.label = changes.label.or(attributes.label.take());
                attributes.id = changes.id.or(attributes.id.take());
                attributes.subject = changes.subject.or(attributes.subject.take());
                if !changes.usage.is_empty() {
                    attributes.usage = changes.usage;
                }
                let public = (*object.public_key(slot)?).clone();
                return Ok(self.register_public(session.slot, object.key_type, key, handle, public));
            }
            may_make(token, session, slot)?;
            let request = CopyKeyRequest {
                namespace: object.key.namespace.clone(),
                key_id: object.key.key_id.clone(),
                usage: changes.usage.clone(),
                exportable: exportable(&changes, &now) as i32,
                attributes: Some(KeyAttributes {
                    modifiable: wanted.truth(CKA_MODIFIABLE),
                    destroyable: wanted.truth(CKA_DESTROYABLE),
                    sensitive: None,
                    extractable: None,
                    usage: vec![],
                    ..changes
                }),
                session_key: !token,
                ..Default::default()
            };
            let answer: CopyKeyResponse = slot.call("CopyKey", &request).map_err(of_making)?;
            let made = Made::of(answer.key, answer.public_key)?;
            let owner = (!token).then_some(handle);
            self.register_key(session.slot, &made, owner, object.half).ok_or(Refusal(CKR_DEVICE_ERROR))
        })
    }
}
