//! A new key as requests of the service describe it, out of the templates of its objects.
//!
//! A pair is one key there, so both templates say one thing where both say it. What a template leaves open is left to the
//! vault, whose defaults are the strict ones: sensitive, not extractable, for everything that the algorithm can do but to
//! wrap keys. What a type of key cannot be for is not granted, and the attribute says so afterwards: applications ask for
//! all that comes to their mind. Private and secret keys are private, also when the template does not want it.

use cryptoki_sys::*;

use super::algorithms::{For, Makes};
use super::dates;
use super::mechanism_names;
use super::wanted::Wanted;
use crate::error::{Answer, refuse};
use crate::objects::object::Half;
use crate::proto::{ExportPolicy, KeyAttributes, KeyTemplate, Usage};
use crate::token::session::Session;
use crate::token::slot::Slot;

/// The templates of a key: of its one secret object, or of both halves of a pair.
pub struct Templates<'a> {
    pub hidden: Wanted<'a>,
    pub public: Option<Wanted<'a>>,
}

/// Which attribute of which object stands for a usage.
const FLAGS: &[(CK_ATTRIBUTE_TYPE, Half, Usage)] = &[
    (CKA_SIGN, Half::Private, Usage::Sign),
    (CKA_VERIFY, Half::Public, Usage::Verify),
    (CKA_DECRYPT, Half::Private, Usage::Decrypt),
    (CKA_ENCRYPT, Half::Public, Usage::Encrypt),
    (CKA_UNWRAP, Half::Private, Usage::Unwrap),
    (CKA_WRAP, Half::Public, Usage::Wrap),
    (CKA_DERIVE, Half::Private, Usage::Derive),
    (CKA_DERIVE, Half::Public, Usage::Derive),
    (CKA_DECAPSULATE, Half::Private, Usage::Decapsulate),
    (CKA_ENCAPSULATE, Half::Public, Usage::Encapsulate),
    (CKA_SIGN, Half::Secret, Usage::Mac),
    (CKA_VERIFY, Half::Secret, Usage::VerifyMac),
    (CKA_DECRYPT, Half::Secret, Usage::Decrypt),
    (CKA_ENCRYPT, Half::Secret, Usage::Encrypt),
    (CKA_UNWRAP, Half::Secret, Usage::Unwrap),
    (CKA_WRAP, Half::Secret, Usage::Wrap),
    (CKA_DERIVE, Half::Secret, Usage::Derive),
];

/// Usages that come together unless a template says otherwise.
const TWINS: &[(Usage, Usage)] = &[
    (Usage::Sign, Usage::Verify),
    (Usage::Mac, Usage::VerifyMac),
    (Usage::Encrypt, Usage::Decrypt),
    (Usage::Wrap, Usage::Unwrap),
    (Usage::Encapsulate, Usage::Decapsulate),
];

const WRAPPING: [Usage; 2] = [Usage::Wrap, Usage::Unwrap];
/// What keys of ciphers are for only when that is asked for.
const MACS: [Usage; 2] = [Usage::Mac, Usage::VerifyMac];

/// The usage that an attribute of such an object stands for.
pub fn usage_of(attribute: CK_ATTRIBUTE_TYPE, half: Half) -> Option<Usage> {
    FLAGS.iter().find(|(flag, of, _)| *flag == attribute && *of == half).map(|(_, _, usage)| *usage)
}

impl Templates<'_> {
    fn all(&self) -> impl Iterator<Item = &Wanted<'_>> {
        std::iter::once(&self.hidden).chain(self.public.as_ref())
    }

    /// What the templates that say it say. @errors `CKR_TEMPLATE_INCONSISTENT` when they do not agree
    fn agreed<T: PartialEq>(&self, of: impl Fn(&Wanted) -> Option<T>) -> Answer<Option<T>> {
        let mut said = self.all().filter_map(of);
        match (said.next(), said.next()) {
            (Some(one), Some(other)) if one != other => refuse(CKR_TEMPLATE_INCONSISTENT),
            (one, _) => Ok(one),
        }
    }

    /// @errors `CKR_TEMPLATE_INCONSISTENT` when a template says another type of key
    pub fn of_type(&self, key_type: CK_KEY_TYPE) -> Answer<()> {
        self.all().try_for_each(|wanted| wanted.of_type(key_type))
    }

    fn truth(&self, attribute: CK_ATTRIBUTE_TYPE) -> Answer<Option<bool>> {
        self.agreed(|wanted| wanted.truth(attribute))
    }

    pub fn bytes(&self, attribute: CK_ATTRIBUTE_TYPE) -> Answer<Option<Vec<u8>>> {
        self.agreed(|wanted| wanted.bytes(attribute).map(<[u8]>::to_vec))
    }

    /// Usages that are wanted, and those that are not wanted.
    fn said(&self, wanted: bool) -> impl Iterator<Item = Usage> + '_ {
        let flags = FLAGS
            .iter()
            .filter(move |(flag, half, _)| self.all().any(|template| template.half == *half && template.truth(*flag) == Some(wanted)));
        flags.map(|(_, _, usage)| *usage)
    }

    /// What the key is wanted for.
    pub fn purpose(&self) -> For {
        let is = |usages: &[Usage]| self.said(true).any(|usage| usages.contains(&usage));
        For { sign: is(&[Usage::Sign, Usage::Verify]), derive: is(&[Usage::Derive]) }
    }

    /// @errors `CKR_TEMPLATE_INCONSISTENT` when nothing of what is wanted is possible
    fn usage(&self, possible: &[Usage]) -> Answer<Vec<i32>> {
        let said: Vec<Usage> = self.said(true).chain(self.said(false)).collect();
        let mut usage: Vec<Usage> = self.said(true).filter(|usage| possible.contains(usage)).collect();
        let generic = possible.contains(&Usage::Derive) && possible.contains(&Usage::Mac);
        // Of a generic secret that is to do what only ciphers do, nothing is left: it is for what such secrets are for.
        if self.said(true).next().is_some() && !(generic && usage.is_empty()) {
            for (one, other) in TWINS.iter().flat_map(|(one, other)| [(one, other), (other, one)]) {
                if usage.contains(one) && !said.contains(other) && possible.contains(other) {
                    usage.push(*other);
                }
            }
        } else {
            let ciphers = possible.contains(&Usage::Encrypt);
            let data = possible.iter().filter(|usage| !(WRAPPING.contains(usage) || (ciphers && MACS.contains(usage))));
            usage = data.filter(|usage| !said.contains(usage)).copied().collect();
        }
        // A key that wraps others and opens them as data gives them away. Many applications ask for all of it, and few wrap.
        if !usage.iter().all(|usage| WRAPPING.contains(usage)) {
            usage.retain(|usage| !WRAPPING.contains(usage));
        }
        if usage.is_empty() {
            return refuse(CKR_TEMPLATE_INCONSISTENT);
        }
        usage.sort_unstable();
        usage.dedup();
        Ok(usage.into_iter().map(|usage| usage as i32).collect())
    }
}

/// What a new key is, as every request that makes one says it.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// A token object; else it belongs to the session.
    pub token: bool,
    pub makes: Makes,
    pub usage: Vec<i32>,
    pub exportable: ExportPolicy,
    pub attributes: KeyAttributes,
    pub tags: Vec<String>,
}

impl NewKey {
    /// @errors `CKR_TEMPLATE_INCONSISTENT`; `CKR_ATTRIBUTE_VALUE_INVALID`; `CKR_SESSION_READ_ONLY`;
    ///   `CKR_USER_NOT_LOGGED_IN`
    pub fn of(templates: &Templates, makes: Makes, session: &Session, slot: &Slot) -> Answer<NewKey> {
        let token = templates.truth(CKA_TOKEN)?.unwrap_or(false);
        may_make(token, session, slot)?;
        // A public half is seen by everybody who sees the token.
        if templates.public.as_ref().and_then(|public| public.truth(CKA_PRIVATE)) == Some(true) {
            return refuse(CKR_TEMPLATE_INCONSISTENT);
        }
        let view = slot.view();
        if !view.has(makes.algorithm) {
            return refuse(CKR_TEMPLATE_INCONSISTENT);
        }
        let hidden = &templates.hidden;
        // Not sensitive and not extractable is a key that nobody reads, which is what "never" is.
        let exportable = match (hidden.truth(CKA_EXTRACTABLE), hidden.truth(CKA_SENSITIVE)) {
            (Some(true), Some(false)) => ExportPolicy::Plain,
            (Some(true), _) => ExportPolicy::Wrapped,
            _ => ExportPolicy::Never,
        };
        Ok(NewKey {
            token,
            makes,
            usage: templates.usage(makes.usages)?,
            exportable,
            attributes: attributes(templates, makes)?,
            tags: view.tags.clone(),
        })
    }
}

impl NewKey {
    /// As what an established, derived or unwrapped secret becomes.
    ///
    /// @param size_bytes of a generic secret; 0 = the algorithm's own. Attributes of an unwrapped key go beside it.
    pub fn into_template(self, size_bytes: u32) -> KeyTemplate {
        KeyTemplate {
            algorithm: self.makes.algorithm as i32,
            usage: self.usage,
            tags: self.tags,
            exportable: self.exportable as i32,
            size_bytes,
            session_key: !self.token,
            ..Default::default()
        }
    }

    /// The session that the key's objects end with, when they are no token objects.
    pub fn owner(&self, session: CK_SESSION_HANDLE) -> Option<CK_SESSION_HANDLE> {
        (!self.token).then_some(session)
    }
}

/// Whether a private object may be made in the session. @errors `CKR_SESSION_READ_ONLY`; `CKR_USER_NOT_LOGGED_IN`
pub fn may_make(token: bool, session: &Session, slot: &Slot) -> Answer<()> {
    if token && !session.read_write {
        return refuse(CKR_SESSION_READ_ONLY);
    }
    if slot.is_open() { Ok(()) } else { refuse(CKR_USER_NOT_LOGGED_IN) }
}

fn attributes(templates: &Templates, makes: Makes) -> Answer<KeyAttributes> {
    let text = templates.bytes(CKA_LABEL)?.filter(|label| !label.is_empty());
    let mechanisms = templates.agreed(|wanted| wanted.mechanisms())?;
    Ok(KeyAttributes {
        label: text.map(|label| String::from_utf8_lossy(&label).into_owned()),
        id: templates.bytes(CKA_ID)?.filter(|id| !id.is_empty()),
        subject: templates.bytes(CKA_SUBJECT)?.filter(|subject| !subject.is_empty()),
        modifiable: templates.truth(CKA_MODIFIABLE)?,
        copyable: templates.truth(CKA_COPYABLE)?,
        destroyable: templates.truth(CKA_DESTROYABLE)?,
        wrap_with_trusted: templates.truth(CKA_WRAP_WITH_TRUSTED)?,
        always_authenticate: templates.truth(CKA_ALWAYS_AUTHENTICATE)?,
        // Asked for only by those who may say it.
        trusted: templates.truth(CKA_TRUSTED)?.filter(|trusted| *trusted),
        start_date: dates::start(&templates.bytes(CKA_START_DATE)?.unwrap_or_default())?,
        end_date: dates::end(&templates.bytes(CKA_END_DATE)?.unwrap_or_default())?,
        allowed_mechanisms: mechanisms.map_or(Ok(vec![]), |kinds| mechanism_names::names(&kinds, makes.algorithm))?,
        ..Default::default()
    })
}
