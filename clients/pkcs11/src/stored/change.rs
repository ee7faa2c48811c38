//! C_SetAttributeValue, C_DestroyObject and C_GetObjectSize for certificates and data.

use cryptoki_sys::*;

use super::create::{text, truth};
use super::{Stored, may_write, of_attributes};
use crate::error::{Answer, Refusal, refuse};
use crate::module::Module;
use crate::objects::template::Template;
use crate::proto::{
    DeleteStoredObjectRequest, DeleteStoredObjectResponse, StoredObject, UpdateStoredObjectRequest, UpdateStoredObjectResponse,
};

/// What may be another afterwards.
const CERTIFICATE: &[CK_ATTRIBUTE_TYPE] = &[CKA_LABEL, CKA_ID, CKA_TRUSTED];
const DATA: &[CK_ATTRIBUTE_TYPE] = &[CKA_LABEL, CKA_APPLICATION, CKA_OBJECT_ID, CKA_VALUE];

impl Module {
    pub fn change_stored(&self, session: CK_SESSION_HANDLE, handle: CK_OBJECT_HANDLE, stored: &Stored, template: &Template) -> Answer<()> {
        self.with(session, |session, slot| {
            may_write(session, stored.owner)?;
            if !stored.object.modifiable {
                return refuse(CKR_ACTION_PROHIBITED);
            }
            let changeable = if stored.is_certificate() { CERTIFICATE } else { DATA };
            if template.0.iter().any(|(kind, _)| !changeable.contains(kind)) {
                return refuse(CKR_ATTRIBUTE_READ_ONLY);
            }
            let given = |kind| template.bytes(kind).map(<[u8]>::to_vec);
            let request = UpdateStoredObjectRequest {
                namespace: stored.object.namespace.clone(),
                object_id: stored.object.object_id.clone(),
                private: stored.object.private,
                label: text(template, CKA_LABEL)?,
                id: given(CKA_ID),
                application: text(template, CKA_APPLICATION)?,
                data_object_id: given(CKA_OBJECT_ID),
                value: given(CKA_VALUE),
                trusted: truth(template, CKA_TRUSTED)?,
            };
            let object = match stored.owner {
                Some(_) => changed_here(stored, request)?,
                None => {
                    let answer: UpdateStoredObjectResponse = slot.call("UpdateStoredObject", &request).map_err(of_attributes)?;
                    answer.object.ok_or(Refusal(CKR_DEVICE_ERROR))?
                }
            };
            self.replace_stored(handle, Stored { object, ..stored.clone() });
            Ok(())
        })
    }

    pub fn destroy_stored(&self, session: CK_SESSION_HANDLE, handle: CK_OBJECT_HANDLE, stored: &Stored) -> Answer<()> {
        self.with(session, |session, slot| {
            may_write(session, stored.owner)?;
            if !stored.object.destroyable {
                return refuse(CKR_ACTION_PROHIBITED);
            }
            if stored.owner.is_none() {
                let request = DeleteStoredObjectRequest {
                    namespace: stored.object.namespace.clone(),
                    object_id: stored.object.object_id.clone(),
                    private: stored.object.private,
                };
                let _: DeleteStoredObjectResponse = slot.call("DeleteStoredObject", &request).map_err(of_attributes)?;
            }
            self.forget_stored(handle);
            Ok(())
        })
    }
}

impl Stored {
    /// Bytes of what the object says of itself: an estimate, as it is everywhere.
    pub fn size(&self) -> usize {
        let object = &self.object;
        let named = object.label.len() + object.id.len() + object.subject.len() + object.issuer.len() + object.application.len();
        named + object.value.len().max(object.value_bytes as usize)
    }
}

/// Nobody else vouches for a session object, so it is never trusted.
fn changed_here(stored: &Stored, asked: UpdateStoredObjectRequest) -> Answer<StoredObject> {
    if asked.trusted == Some(true) {
        return refuse(CKR_ATTRIBUTE_READ_ONLY);
    }
    let before = stored.object.clone();
    Ok(StoredObject {
        label: asked.label.unwrap_or(before.label),
        id: asked.id.unwrap_or(before.id),
        application: asked.application.unwrap_or(before.application),
        data_object_id: asked.data_object_id.unwrap_or(before.data_object_id),
        value: asked.value.unwrap_or(before.value),
        ..before
    })
}
