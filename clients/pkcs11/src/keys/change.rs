//! C_SetAttributeValue, C_DestroyObject and C_GetObjectSize. What may be changed is the vault's to say: attributes go there
//! as they were given, and its refusal becomes one of PKCS#11.

use std::sync::Arc;

use cryptoki_sys::*;

use super::dates;
use super::known::{Giver, known};
use super::mechanism_names;
use super::new_key::usage_of;
use super::wanted::Wanted;
use crate::error::{Answer, Refusal, refuse};
use crate::module::Module;
use crate::objects::ending;
use crate::objects::object::{Half, Object};
use crate::objects::template::Template;
use crate::proto::{Algorithm, DestroyKeyRequest, DestroyKeyResponse, KeyAttributes, SetAttributesRequest, SetAttributesResponse};
use crate::token::session::Session;
use crate::token::slot::Slot;

/// Attributes that are said once, when an object is made or copied (§4.4, footnotes; §4.1.2).
const SAID_ONCE: [CK_ATTRIBUTE_TYPE; 7] =
    [CKA_CLASS, CKA_KEY_TYPE, CKA_TOKEN, CKA_PRIVATE, CKA_MODIFIABLE, CKA_DESTROYABLE, CKA_ALWAYS_AUTHENTICATE];

/// What a template changes of an object, as the service says it.
pub fn changes(wanted: &Wanted, template: &Template, object: &Object) -> Answer<KeyAttributes> {
    let now = object.key.attributes.clone().unwrap_or_default();
    let mut usage = now.usage.clone();
    let mut changes = KeyAttributes::default();
    for (attribute, value) in &template.0 {
        let truth = wanted.truth(*attribute);
        if let Some(of) = usage_of(*attribute, object.half) {
            usage.retain(|known| *known != of as i32 || truth == Some(true));
            if truth == Some(true) && !usage.contains(&(of as i32)) {
                usage.push(of as i32);
            }
            if usage.is_empty() {
                return refuse(CKR_ATTRIBUTE_VALUE_INVALID);
            }
            changes.usage.clone_from(&usage);
            continue;
        }
        match *attribute {
            CKA_LABEL => changes.label = Some(String::from_utf8_lossy(value).into_owned()),
            CKA_ID => changes.id = Some(value.to_vec()),
            CKA_SUBJECT => changes.subject = Some(value.to_vec()),
            CKA_START_DATE => changes.start_date = Some(dates::start(value)?.ok_or(Refusal(CKR_ATTRIBUTE_VALUE_INVALID))?),
            CKA_END_DATE => changes.end_date = Some(dates::end(value)?.ok_or(Refusal(CKR_ATTRIBUTE_VALUE_INVALID))?),
            CKA_SENSITIVE => changes.sensitive = truth,
            CKA_EXTRACTABLE => changes.extractable = truth,
            CKA_TRUSTED => changes.trusted = truth,
            CKA_WRAP_WITH_TRUSTED => changes.wrap_with_trusted = truth,
            CKA_COPYABLE => changes.copyable = truth,
            CKA_ALLOWED_MECHANISMS => {
                let algorithm = Algorithm::try_from(object.key.algorithm).map_err(|_| Refusal(CKR_ATTRIBUTE_VALUE_INVALID))?;
                changes.allowed_mechanisms =
                    mechanism_names::names_within(&wanted.mechanisms().unwrap_or_default(), algorithm, &now.allowed_mechanisms)?;
            }
            // Read already: the value is the only one that is true.
            _ => {}
        }
    }
    Ok(changes)
}

/// Whether the session may change the object at all. @errors `CKR_SESSION_READ_ONLY`
fn may_change(object: &Object, session: &Session) -> Answer<()> {
    if object.owner.is_none() && !session.read_write { refuse(CKR_SESSION_READ_ONLY) } else { Ok(()) }
}

/// What the service refuses of a change.
fn of_changing(refusal: Refusal) -> Refusal {
    match refusal.0 {
        CKR_ARGUMENTS_BAD => Refusal(CKR_ATTRIBUTE_READ_ONLY),
        CKR_TEMPLATE_INCONSISTENT => Refusal(CKR_ATTRIBUTE_VALUE_INVALID),
        CKR_KEY_FUNCTION_NOT_PERMITTED => Refusal(CKR_ACTION_PROHIBITED),
        _ => refusal,
    }
}

impl Module {
    pub fn set_attributes(&self, handle: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE, template: &Template) -> Answer<()> {
        self.with(handle, |session, slot| {
            let object = self.renewed(&self.object(session, slot, object)?, slot)?;
            may_change(&object, session)?;
            for (attribute, _) in &template.0 {
                let row = known(*attribute).ok_or(Refusal(CKR_ATTRIBUTE_TYPE_INVALID))?;
                if row.giver == Giver::Way || SAID_ONCE.contains(attribute) {
                    return refuse(CKR_ATTRIBUTE_READ_ONLY);
                }
            }
            let wanted = Wanted::read(template, object.half, &[])?;
            if object.key.attributes.as_ref().is_some_and(|attributes| attributes.modifiable == Some(false)) {
                return refuse(CKR_ACTION_PROHIBITED);
            }
            let changes = changes(&wanted, template, &object)?;
            if object.local.is_some() {
                return self.change_local(&object, changes);
            }
            if changes == KeyAttributes::default() {
                return Ok(());
            }
            let request = SetAttributesRequest {
                namespace: object.key.namespace.clone(),
                key_id: object.key.key_id.clone(),
                attributes: Some(changes),
            };
            let answer: SetAttributesResponse = slot.call("SetAttributes", &request).map_err(of_changing)?;
            if let Some(key) = answer.key {
                self.replace(object.renewed(key));
            }
            Ok(())
        })
    }

    /// A public key of this process: usages are given up, never gained, as the vault has it.
    fn change_local(&self, object: &Arc<Object>, changes: KeyAttributes) -> Answer<()> {
        let mut key = object.key.clone();
        let attributes = key.attributes.get_or_insert_default();
        if !changes.usage.iter().all(|usage| attributes.usage.contains(usage)) {
            return refuse(CKR_ATTRIBUTE_READ_ONLY);
        }
        if !changes.usage.is_empty() {
            attributes.usage = changes.usage;
        }
        attributes.label = changes.label.or(attributes.label.take());
        attributes.id = changes.id.or(attributes.id.take());
        attributes.subject = changes.subject.or(attributes.subject.take());
        self.replace(object.renewed(key));
        Ok(())
    }

    /// A token key goes the ordinary way, with the waiting time that the service is configured for; it is not seen any more.
    /// The public half of a stored pair is no thing of its own: it goes with the private one.
    pub fn destroy(&self, handle: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE) -> Answer<()> {
        self.with(handle, |session, slot| {
            let object = self.object(session, slot, object)?;
            may_change(&object, session)?;
            match (object.half, object.owner) {
                (Half::Public, None) => return refuse(CKR_ACTION_PROHIBITED),
                (Half::Public, Some(_)) => {}
                (_, Some(_)) => ending::delete(slot, &object)?,
                (_, None) => delete_stored(slot, &object)?,
            }
            let stored = object.owner.is_none();
            self.take_objects(|other| other.identity() == object.identity() || (stored && other.is_twin_of(&object)));
            Ok(())
        })
    }

    /// Bytes of what the object says of itself: an estimate, as it is everywhere.
    pub fn object_size(&self, handle: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE) -> Answer<CK_ULONG> {
        self.with(handle, |session, slot| {
            let object = self.object(session, slot, object)?;
            let attributes = object.key.attributes.clone().unwrap_or_default();
            let named = attributes.label().len() + attributes.id().len() + object.name().len();
            let key = match object.half {
                Half::Public => object.public_key(slot)?.spki.len(),
                Half::Private | Half::Secret => attributes.size_bits().div_ceil(8) as usize,
            };
            Ok((named + key) as CK_ULONG)
        })
    }
}

/// Where the service destroys nothing at once, it is asked to destroy in its time.
fn delete_stored(slot: &Slot, object: &Object) -> Answer<()> {
    match ending::delete(slot, object) {
        Err(Refusal(CKR_ARGUMENTS_BAD)) => {}
        Err(Refusal(CKR_KEY_FUNCTION_NOT_PERMITTED)) => return refuse(CKR_ACTION_PROHIBITED),
        answer => return answer,
    }
    let request = DestroyKeyRequest {
        namespace: object.key.namespace.clone(),
        key_id: object.key.key_id.clone(),
        reason: "C_DestroyObject".to_owned(),
        ..Default::default()
    };
    slot.call("DestroyKey", &request).map(|_: DestroyKeyResponse| ())
}
