//! The value of an attribute of a certificate or of data, as bytes of PKCS#11 (3.2 §4.4 to §4.6).

use cryptoki_sys::*;
use sha1::{Digest, Sha1};

use super::Stored;
use crate::error::{Answer, refuse};
use crate::proto::CertificateCategory;
use crate::token::slot::Slot;

/// CKA_CHECK_VALUE: the first bytes of the SHA-1 of the value (§4.6.2).
const CHECK_VALUE_BYTES: usize = 3;

/// Attributes that objects of the class have.
pub const CERTIFICATE: &[CK_ATTRIBUTE_TYPE] = &[
    CKA_CERTIFICATE_TYPE,
    CKA_TRUSTED,
    CKA_CERTIFICATE_CATEGORY,
    CKA_CHECK_VALUE,
    CKA_START_DATE,
    CKA_END_DATE,
    CKA_SUBJECT,
    CKA_ID,
    CKA_ISSUER,
    CKA_SERIAL_NUMBER,
    CKA_VALUE,
    CKA_URL,
    CKA_HASH_OF_SUBJECT_PUBLIC_KEY,
    CKA_HASH_OF_ISSUER_PUBLIC_KEY,
    CKA_JAVA_MIDP_SECURITY_DOMAIN,
    CKA_NAME_HASH_ALGORITHM,
];
pub const DATA: &[CK_ATTRIBUTE_TYPE] = &[CKA_APPLICATION, CKA_OBJECT_ID, CKA_VALUE];
pub const EVERY: &[CK_ATTRIBUTE_TYPE] =
    &[CKA_CLASS, CKA_TOKEN, CKA_PRIVATE, CKA_MODIFIABLE, CKA_LABEL, CKA_COPYABLE, CKA_DESTROYABLE, CKA_UNIQUE_ID];

/// @errors `CKR_ATTRIBUTE_TYPE_INVALID` for what the object does not have.
pub fn value(stored: &Stored, slot: &Slot, kind: CK_ATTRIBUTE_TYPE) -> Answer<Vec<u8>> {
    let object = &stored.object;
    let certificate = stored.is_certificate();
    let own = if certificate { CERTIFICATE } else { DATA };
    if !EVERY.contains(&kind) && !own.contains(&kind) {
        return refuse(CKR_ATTRIBUTE_TYPE_INVALID);
    }
    Ok(match kind {
        CKA_CLASS => number(if certificate { CKO_CERTIFICATE } else { CKO_DATA }),
        CKA_TOKEN => truth(stored.owner.is_none()),
        CKA_PRIVATE => truth(object.private),
        CKA_MODIFIABLE => truth(object.modifiable),
        CKA_COPYABLE => truth(object.copyable),
        CKA_DESTROYABLE => truth(object.destroyable),
        CKA_LABEL => object.label.clone().into_bytes(),
        CKA_UNIQUE_ID => object.object_id.clone().into_bytes(),
        CKA_CERTIFICATE_TYPE => number(CKC_X_509),
        CKA_TRUSTED => truth(object.trusted),
        CKA_CERTIFICATE_CATEGORY => number(match object.category() {
            CertificateCategory::Unspecified => CK_CERTIFICATE_CATEGORY_UNSPECIFIED,
            CertificateCategory::TokenUser => CK_CERTIFICATE_CATEGORY_TOKEN_USER,
            CertificateCategory::Authority => CK_CERTIFICATE_CATEGORY_AUTHORITY,
            CertificateCategory::OtherEntity => CK_CERTIFICATE_CATEGORY_OTHER_ENTITY,
        }),
        CKA_CHECK_VALUE => Sha1::digest(stored.value(slot)?)[..CHECK_VALUE_BYTES].to_vec(),
        CKA_SUBJECT => object.subject.clone(),
        CKA_ISSUER => object.issuer.clone(),
        CKA_SERIAL_NUMBER => object.serial_number.clone(),
        CKA_ID => object.id.clone(),
        CKA_VALUE => stored.value(slot)?,
        CKA_JAVA_MIDP_SECURITY_DOMAIN => number(CK_SECURITY_DOMAIN_UNSPECIFIED),
        CKA_NAME_HASH_ALGORITHM => number(CKM_SHA_1),
        CKA_APPLICATION => object.application.clone().into_bytes(),
        CKA_OBJECT_ID => object.data_object_id.clone(),
        // What nobody said: dates, an address, digests of keys.
        _ => vec![],
    })
}

fn truth(value: bool) -> Vec<u8> {
    vec![if value { CK_TRUE } else { CK_FALSE }]
}

fn number(value: CK_ULONG) -> Vec<u8> {
    value.to_ne_bytes().to_vec()
}
