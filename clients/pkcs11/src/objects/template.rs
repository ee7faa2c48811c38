//! A template of attributes, read out of memory: types with their values as bytes, which are wiped when it is dropped.

use cryptoki_sys::*;
use zeroize::Zeroizing;

use crate::objects::attributes;
use crate::objects::object::Object;
use crate::token::slot::Slot;

#[derive(Clone, Default)]
pub struct Template(pub Vec<(CK_ATTRIBUTE_TYPE, Zeroizing<Vec<u8>>)>);

impl Template {
    pub fn bytes(&self, kind: CK_ATTRIBUTE_TYPE) -> Option<&[u8]> {
        self.0.iter().find(|(own, _)| *own == kind).map(|(_, value)| value.as_slice())
    }

    pub fn number(&self, kind: CK_ATTRIBUTE_TYPE) -> Option<CK_ULONG> {
        Some(CK_ULONG::from_ne_bytes(self.bytes(kind)?.try_into().ok()?))
    }

    /// Whether the object has every attribute of the template with exactly its value. Key material fits nothing.
    pub fn fits(&self, object: &Object, slot: &Slot) -> bool {
        self.0.iter().all(|(kind, wanted)| attributes::value(object, slot, *kind).is_ok_and(|value| value == **wanted))
    }
}
