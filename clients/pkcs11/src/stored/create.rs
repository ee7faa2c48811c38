//! C_CreateObject and C_CopyObject for certificates and data (PKCS#11 3.2 §4.5, §4.6, §5.7.1, §5.7.2).

use cryptoki_sys::*;

use super::attributes::{CERTIFICATE, DATA, EVERY};
use super::{Stored, may_write, of_attributes};
use crate::error::{Answer, Refusal, refuse};
use crate::module::Module;
use crate::objects::template::Template;
use crate::proto::{CertificateCategory, StoreObjectRequest, StoreObjectResponse, StoredObject, StoredObjectClass};
use crate::token::session::Session;
use crate::token::slot::Slot;

/// Whether a template asks for an object that is no key.
pub fn is_stored(template: &Template) -> bool {
    matches!(template.number(CKA_CLASS), Some(CKO_CERTIFICATE | CKO_DATA))
}

pub fn truth(template: &Template, kind: CK_ATTRIBUTE_TYPE) -> Answer<Option<bool>> {
    match template.bytes(kind) {
        None => Ok(None),
        Some([CK_FALSE]) => Ok(Some(false)),
        Some([CK_TRUE]) => Ok(Some(true)),
        Some(_) => refuse(CKR_ATTRIBUTE_VALUE_INVALID),
    }
}

pub fn text(template: &Template, kind: CK_ATTRIBUTE_TYPE) -> Answer<Option<String>> {
    let read = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| Refusal(CKR_ATTRIBUTE_VALUE_INVALID));
    template.bytes(kind).map(read).transpose()
}

fn bytes(template: &Template, kind: CK_ATTRIBUTE_TYPE) -> Vec<u8> {
    template.bytes(kind).unwrap_or_default().to_vec()
}

/// What a template says of a new object, over what there was before it.
fn wanted(template: &Template, before: StoredObject) -> Answer<StoredObject> {
    let known = if before.object_class() == StoredObjectClass::Certificate { CERTIFICATE } else { DATA };
    if template.0.iter().any(|(kind, _)| !known.contains(kind) && !EVERY.contains(kind)) {
        return refuse(CKR_ATTRIBUTE_TYPE_INVALID);
    }
    if template.0.iter().enumerate().any(|(at, (kind, _))| template.0[..at].iter().any(|(other, _)| other == kind)) {
        return refuse(CKR_TEMPLATE_INCONSISTENT);
    }
    // What the module says of itself, and nobody else.
    if template.bytes(CKA_UNIQUE_ID).is_some() {
        return refuse(CKR_ATTRIBUTE_READ_ONLY);
    }
    let category = match template.bytes(CKA_CERTIFICATE_CATEGORY) {
        None => before.category,
        Some(_) => match template.number(CKA_CERTIFICATE_CATEGORY) {
            Some(number) => i32::try_from(number).ok().and_then(|number| CertificateCategory::try_from(number).ok()).map(i32::from),
            None => None,
        }
        .ok_or(Refusal(CKR_ATTRIBUTE_VALUE_INVALID))?,
    };
    let or = |kind, own: Vec<u8>| if template.bytes(kind).is_some() { bytes(template, kind) } else { own };
    Ok(StoredObject {
        label: text(template, CKA_LABEL)?.unwrap_or(before.label),
        application: text(template, CKA_APPLICATION)?.unwrap_or(before.application),
        id: or(CKA_ID, before.id),
        subject: or(CKA_SUBJECT, before.subject),
        issuer: or(CKA_ISSUER, before.issuer),
        serial_number: integer(or(CKA_SERIAL_NUMBER, before.serial_number)),
        data_object_id: or(CKA_OBJECT_ID, before.data_object_id),
        value: or(CKA_VALUE, before.value),
        category,
        trusted: truth(template, CKA_TRUSTED)?.unwrap_or(before.trusted),
        private: truth(template, CKA_PRIVATE)?.unwrap_or(before.private),
        modifiable: truth(template, CKA_MODIFIABLE)?.unwrap_or(before.modifiable),
        copyable: truth(template, CKA_COPYABLE)?.unwrap_or(before.copyable),
        destroyable: truth(template, CKA_DESTROYABLE)?.unwrap_or(before.destroyable),
        ..before
    })
}

impl Module {
    pub fn create_stored(&self, handle: CK_SESSION_HANDLE, template: &Template) -> Answer<CK_OBJECT_HANDLE> {
        self.with(handle, |session, slot| {
            let certificate = template.number(CKA_CLASS) == Some(CKO_CERTIFICATE);
            if certificate {
                for needed in [CKA_CERTIFICATE_TYPE, CKA_SUBJECT, CKA_VALUE] {
                    template.bytes(needed).ok_or(Refusal(CKR_TEMPLATE_INCOMPLETE))?;
                }
                if template.number(CKA_CERTIFICATE_TYPE) != Some(CKC_X_509) {
                    return refuse(CKR_ATTRIBUTE_VALUE_INVALID);
                }
            }
            let class = if certificate { StoredObjectClass::Certificate } else { StoredObjectClass::Data };
            let new =
                StoredObject { object_class: class.into(), modifiable: true, copyable: true, destroyable: true, ..Default::default() };
            let token = truth(template, CKA_TOKEN)?.unwrap_or(false);
            self.make_stored(handle, session, slot, wanted(template, new)?, token)
        })
    }

    /// A copy differs in what the template says.
    pub fn copy_stored(&self, handle: CK_SESSION_HANDLE, stored: &Stored, template: &Template) -> Answer<CK_OBJECT_HANDLE> {
        self.with(handle, |session, slot| {
            if !stored.object.copyable {
                return refuse(CKR_ACTION_PROHIBITED);
            }
            // A certificate's content is what it is; only how it is kept may be another (§5.7.2).
            let fixed = [CKA_CLASS, CKA_CERTIFICATE_TYPE, CKA_VALUE, CKA_SUBJECT, CKA_ISSUER, CKA_SERIAL_NUMBER];
            if template.0.iter().any(|(kind, _)| fixed.contains(kind) && (stored.is_certificate() || *kind != CKA_VALUE)) {
                return refuse(CKR_ATTRIBUTE_READ_ONLY);
            }
            let before = StoredObject { value: stored.value(slot)?, ..stored.object.clone() };
            let token = truth(template, CKA_TOKEN)?.unwrap_or(stored.owner.is_none());
            self.make_stored(handle, session, slot, wanted(template, before)?, token)
        })
    }

    fn make_stored(
        &self,
        handle: CK_SESSION_HANDLE,
        session: &Session,
        slot: &Slot,
        object: StoredObject,
        token: bool,
    ) -> Answer<CK_OBJECT_HANDLE> {
        if object.private && !slot.is_open() {
            return refuse(CKR_USER_NOT_LOGGED_IN);
        }
        let owner = if token { None } else { Some(handle) };
        may_write(session, owner)?;
        if owner.is_some() {
            let number = self.new_handle();
            let object = StoredObject { object_id: format!("session-{number}"), ..object };
            return Ok(self.register_stored(Stored { slot: session.slot, object, owner }));
        }
        let request = StoreObjectRequest {
            namespace: slot.view().namespace.clone(),
            object_class: object.object_class,
            label: object.label,
            id: object.id,
            value: object.value,
            subject: object.subject,
            issuer: object.issuer,
            serial_number: object.serial_number,
            category: object.category,
            trusted: object.trusted,
            private: object.private,
            application: object.application,
            data_object_id: object.data_object_id,
            modifiable: Some(object.modifiable),
            destroyable: Some(object.destroyable),
            copyable: Some(object.copyable),
            tags: slot.view().tags.clone(),
        };
        let answer: StoreObjectResponse = slot.call("StoreObject", &request).map_err(of_attributes)?;
        let object = answer.object.ok_or(Refusal(CKR_DEVICE_ERROR))?;
        Ok(self.register_stored(Stored { slot: session.slot, object, owner: None }))
    }
}

/// A serial number in DER, which Java gives without tag and length. One that is neither stays, and is judged as it is.
fn integer(number: Vec<u8>) -> Vec<u8> {
    let is_der = matches!(number[..], [2, length, ..] if usize::from(length) + 2 == number.len());
    match u8::try_from(number.len()) {
        // RFC 5280 §4.1.2.2: at most 20 bytes.
        Ok(length @ 1..=20) if !is_der => [&[2, length][..], &number].concat(),
        _ => number,
    }
}
