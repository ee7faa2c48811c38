//! Every function: what its parameters are, what it needs and begins, and how it ends.

use cryptoki_sys::*;

use crate::arguments::{Bad, Kind, Value, asks_by_null};
use crate::state::{Operation, Role};
use Kind::*;
use Operation::*;

pub struct Row {
    pub name: &'static str,
    pub kinds: &'static [Kind],
    pub needs: Option<Operation>,
    pub begins: Option<Operation>,
    /// Success ends what it needs.
    pub ends: bool,
    /// It closes sessions, or cancels: nothing is known of their operations after it.
    pub closes: bool,
    /// Answers when nothing is wrong with the arguments.
    pub right: &'static [CK_RV],
}

const DONE: &[CK_RV] = &[CKR_OK];
const fn plain(name: &'static str, kinds: &'static [Kind], right: &'static [CK_RV]) -> Row {
    Row { name, kinds, needs: None, begins: None, ends: false, closes: false, right }
}
const fn begins(name: &'static str, kinds: &'static [Kind], operation: Operation) -> Row {
    Row { begins: Some(operation), ..plain(name, kinds, DONE) }
}
const fn goes_on(name: &'static str, kinds: &'static [Kind], operation: Operation) -> Row {
    Row { needs: Some(operation), ..plain(name, kinds, DONE) }
}
const fn ends(name: &'static str, kinds: &'static [Kind], operation: Operation) -> Row {
    Row { ends: true, ..goes_on(name, kinds, operation) }
}
const fn closes(name: &'static str, kinds: &'static [Kind], right: &'static [CK_RV]) -> Row {
    Row { closes: true, ..plain(name, kinds, right) }
}

/// Data of any length may be signed, digested and encrypted, of none too.
const ANY: Kind = In(32, DONE);
/// Of a message that was not begun.
const PART: Kind = In(32, &[CKR_OPERATION_NOT_INITIALIZED]);
const OPENS_NOT: Kind = In(32, &[CKR_AEAD_DECRYPT_FAILED]);
const BAD_SIGNATURE: Kind = Made(&[CKR_SIGNATURE_INVALID, CKR_SIGNATURE_LEN_RANGE]);
const BAD_CIPHERTEXT: Kind =
    Made(&[CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE, CKR_AEAD_DECRYPT_FAILED, CKR_BUFFER_TOO_SMALL]);
/// An empty one is refused as any other, by what is looked at first.
const PIN: Kind = In(8, NO_PIN);
const NO_PIN: &[CK_RV] = &[
    CKR_ARGUMENTS_BAD,
    CKR_USER_PIN_NOT_INITIALIZED,
    CKR_PIN_INCORRECT,
    CKR_PIN_LEN_RANGE,
    CKR_USER_TYPE_INVALID,
    CKR_USER_NOT_LOGGED_IN,
    CKR_SESSION_EXISTS,
    CKR_FUNCTION_REJECTED,
    CKR_TOKEN_WRITE_PROTECTED,
];
const HANDLE: Kind = Place(size_of::<CK_ULONG>());
const CLASS_AND_LABEL: Kind = Template(&[(CKA_LABEL, Value::Room(64)), (CKA_CLASS, Value::Room(8))]);
const OF_SECRET: Kind = Template(&[(CKA_TOKEN, Value::Truth(true)), (CKA_VALUE_LEN, Value::Word(32))]);
const OF_WRAPPED: Kind =
    Template(&[(CKA_CLASS, Value::Word(CKO_SECRET_KEY)), (CKA_KEY_TYPE, Value::Word(CKK_AES)), (CKA_TOKEN, Value::Truth(false))]);
const OF_PAIR: Kind = Template(&[(CKA_TOKEN, Value::Truth(true))]);
const OF_CURVE: Kind =
    Template(&[(CKA_EC_PARAMS, Value::Bytes(&[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7])), (CKA_VERIFY, Value::Truth(true))]);

pub static ROWS: &[Row] = &[
    plain("C_Initialize", &[Word(0)], &[CKR_CRYPTOKI_ALREADY_INITIALIZED]),
    // With a NULL of its own it would end the walk: only what is wrong is tried.
    plain("C_Finalize", &[WordElse(1, 1, CKR_ARGUMENTS_BAD)], &[CKR_ARGUMENTS_BAD]),
    plain("C_GetInfo", &[Place(size_of::<CK_INFO>())], DONE),
    plain("C_GetFunctionList", &[HANDLE], DONE),
    plain("C_GetInterfaceList", &[Word(0), HANDLE], DONE),
    plain("C_GetInterface", &[Word(0), Word(0), HANDLE, WordElse(0, 1 << 9, CKR_FUNCTION_FAILED)], DONE),
    plain("C_GetSlotList", &[Word(1), Word(0), HANDLE], DONE),
    plain("C_GetSlotInfo", &[Slot, Place(size_of::<CK_SLOT_INFO>())], DONE),
    plain("C_GetTokenInfo", &[Slot, Place(size_of::<CK_TOKEN_INFO>())], DONE),
    plain("C_GetMechanismList", &[Slot, Word(0), HANDLE], DONE),
    plain(
        "C_GetMechanismInfo",
        &[Slot, WordElse(CKM_ECDSA, 0x7fff_0000, CKR_MECHANISM_INVALID), Place(size_of::<CK_MECHANISM_INFO>())],
        DONE,
    ),
    plain("C_WaitForSlotEvent", &[Word(CKF_DONT_BLOCK), Word(0), Reserved], &[CKR_NO_EVENT]),
    plain("C_InitToken", &[Slot, PIN, Place(32)], NO_PIN),
    plain("C_InitPIN", &[Session, PIN], NO_PIN),
    plain("C_SetPIN", &[Session, PIN, PIN], NO_PIN),
    plain(
        "C_OpenSession",
        &[Slot, WordElse(CKF_SERIAL_SESSION, CKF_RW_SESSION, CKR_SESSION_PARALLEL_NOT_SUPPORTED), Word(0), Word(0), HANDLE],
        DONE,
    ),
    closes("C_CloseSession", &[Session], DONE),
    closes("C_CloseAllSessions", &[Slot], DONE),
    plain("C_GetSessionInfo", &[Session, Place(size_of::<CK_SESSION_INFO>())], DONE),
    closes("C_SessionCancel", &[Session, Word(CKF_SIGN | CKF_DIGEST | CKF_FIND_OBJECTS | CKF_VERIFY)], DONE),
    plain("C_Login", &[Session, WordElse(CKU_USER, 77, CKR_USER_TYPE_INVALID), PIN], NO_PIN),
    plain("C_LoginUser", &[Session, WordElse(CKU_USER, 77, CKR_USER_TYPE_INVALID), PIN, In(3, NO_PIN)], NO_PIN),
    plain("C_Logout", &[Session], &[CKR_USER_NOT_LOGGED_IN]),
    plain(
        "C_CreateObject",
        &[
            Session,
            Template(&[
                (CKA_CLASS, Value::Word(CKO_SECRET_KEY)),
                (CKA_KEY_TYPE, Value::Word(CKK_AES)),
                (CKA_VALUE, Value::Bytes(&[7; 16])),
                (CKA_TOKEN, Value::Truth(false)),
                (CKA_MODIFIABLE, Value::Truth(true)),
            ]),
            HANDLE,
        ],
        DONE,
    ),
    plain(
        "C_CopyObject",
        &[Session, Object(Role::Fresh), Template(&[(CKA_LABEL, Value::Bytes(b"copy")), (CKA_TOKEN, Value::Truth(true))]), HANDLE],
        DONE,
    ),
    plain("C_DestroyObject", &[Session, Object(Role::Fresh)], DONE),
    plain("C_GetObjectSize", &[Session, Object(Role::Private), HANDLE], DONE),
    plain("C_GetAttributeValue", &[Session, Object(Role::Private), CLASS_AND_LABEL], DONE),
    plain("C_SetAttributeValue", &[Session, Object(Role::Fresh), Template(&[(CKA_DERIVE, Value::Truth(false))])], DONE),
    begins("C_FindObjectsInit", &[Session, Template(&[(CKA_CLASS, Value::Word(CKO_PRIVATE_KEY))])], Find),
    goes_on("C_FindObjects", &[Session, Handles, HANDLE], Find),
    ends("C_FindObjectsFinal", &[Session], Find),
    begins("C_EncryptInit", &[Session, Mechanism(CKM_AES_GCM), Key(Role::Secret)], Encrypt),
    ends("C_Encrypt", &[Session, ANY, Out], Encrypt),
    goes_on("C_EncryptUpdate", &[Session, ANY, OutOfPart], Encrypt),
    ends("C_EncryptFinal", &[Session, Out], Encrypt),
    begins("C_DecryptInit", &[Session, Mechanism(CKM_AES_GCM), Key(Role::Secret)], Decrypt),
    ends("C_Decrypt", &[Session, BAD_CIPHERTEXT, Out], Decrypt),
    goes_on("C_DecryptUpdate", &[Session, ANY, OutOfPart], Decrypt),
    // Of nothing, which has no tag.
    Row { right: &[CKR_ENCRYPTED_DATA_LEN_RANGE], ..ends("C_DecryptFinal", &[Session, OutOfPart], Decrypt) },
    begins("C_DigestInit", &[Session, Mechanism(CKM_SHA256)], Digest),
    ends("C_Digest", &[Session, ANY, Out], Digest),
    goes_on("C_DigestUpdate", &[Session, ANY], Digest),
    Row { right: &[CKR_KEY_INDIGESTIBLE], ..goes_on("C_DigestKey", &[Session, Key(Role::Secret)], Digest) },
    ends("C_DigestFinal", &[Session, Out], Digest),
    begins("C_SignInit", &[Session, Mechanism(CKM_ECDSA_SHA256), Key(Role::Private)], Sign),
    ends("C_Sign", &[Session, ANY, Out], Sign),
    goes_on("C_SignUpdate", &[Session, ANY], Sign),
    ends("C_SignFinal", &[Session, Out], Sign),
    begins("C_VerifyInit", &[Session, Mechanism(CKM_ECDSA_SHA256), Key(Role::Public)], Verify),
    ends("C_Verify", &[Session, In(32, &[CKR_SIGNATURE_INVALID]), BAD_SIGNATURE], Verify),
    goes_on("C_VerifyUpdate", &[Session, ANY], Verify),
    // Of no data, where nothing was given before.
    Row { right: &[CKR_SIGNATURE_INVALID], ..ends("C_VerifyFinal", &[Session, BAD_SIGNATURE], Verify) },
    begins("C_VerifySignatureInit", &[Session, Mechanism(CKM_ECDSA_SHA256), Key(Role::Public), In(64, DONE)], VerifySignature),
    ends("C_VerifySignature", &[Session, In(32, &[CKR_SIGNATURE_INVALID])], VerifySignature),
    goes_on("C_VerifySignatureUpdate", &[Session, ANY], VerifySignature),
    Row { right: &[CKR_SIGNATURE_INVALID], ..ends("C_VerifySignatureFinal", &[Session], VerifySignature) },
    begins("C_MessageEncryptInit", &[Session, Mechanism(CKM_AES_GCM), Key(Role::Secret)], MessageEncrypt),
    goes_on("C_EncryptMessage", &[Session, MessageOfGcm, ANY, ANY, Out], MessageEncrypt),
    goes_on("C_EncryptMessageBegin", &[Session, MessageOfGcm, ANY], MessageEncrypt),
    // Of a message that was not begun.
    Row {
        right: &[CKR_OPERATION_NOT_INITIALIZED],
        ..goes_on("C_EncryptMessageNext", &[Session, MessageOfGcm, PART, Word(0), HANDLE, Word(CKF_END_OF_MESSAGE)], MessageEncrypt)
    },
    ends("C_MessageEncryptFinal", &[Session], MessageEncrypt),
    begins("C_MessageDecryptInit", &[Session, Mechanism(CKM_AES_GCM), Key(Role::Secret)], MessageDecrypt),
    // Of no ciphertext; a question for the length does not look at it.
    Row {
        right: &[CKR_AEAD_DECRYPT_FAILED, CKR_OK],
        ..goes_on("C_DecryptMessage", &[Session, MessageOfGcm, OPENS_NOT, OPENS_NOT, Out], MessageDecrypt)
    },
    goes_on("C_DecryptMessageBegin", &[Session, MessageOfGcm, ANY], MessageDecrypt),
    Row {
        right: &[CKR_OPERATION_NOT_INITIALIZED],
        ..goes_on("C_DecryptMessageNext", &[Session, MessageOfGcm, PART, Word(0), HANDLE, Word(CKF_END_OF_MESSAGE)], MessageDecrypt)
    },
    ends("C_MessageDecryptFinal", &[Session], MessageDecrypt),
    begins("C_MessageSignInit", &[Session, Mechanism(CKM_ECDSA_SHA256), Key(Role::Private)], MessageSign),
    goes_on("C_SignMessage", &[Session, Word(0), Word(0), ANY, Out], MessageSign),
    goes_on("C_SignMessageBegin", &[Session, Word(0), Word(0)], MessageSign),
    Row {
        right: &[CKR_OPERATION_NOT_INITIALIZED],
        ..goes_on("C_SignMessageNext", &[Session, Word(0), Word(0), PART, Word(0), Word(0)], MessageSign)
    },
    ends("C_MessageSignFinal", &[Session], MessageSign),
    begins("C_MessageVerifyInit", &[Session, Mechanism(CKM_ECDSA_SHA256), Key(Role::Public)], MessageVerify),
    goes_on("C_VerifyMessage", &[Session, Word(0), Word(0), In(32, &[CKR_SIGNATURE_INVALID]), BAD_SIGNATURE], MessageVerify),
    goes_on("C_VerifyMessageBegin", &[Session, Word(0), Word(0)], MessageVerify),
    Row {
        right: &[CKR_OPERATION_NOT_INITIALIZED],
        ..goes_on("C_VerifyMessageNext", &[Session, Word(0), Word(0), PART, Word(0), Word(0)], MessageVerify)
    },
    ends("C_MessageVerifyFinal", &[Session], MessageVerify),
    plain("C_GetOperationState", &[Session, Word(0), HANDLE], &[CKR_OPERATION_NOT_INITIALIZED, CKR_STATE_UNSAVEABLE]),
    plain("C_SetOperationState", &[Session, In(8, &[CKR_SAVED_STATE_INVALID]), Word(0), Word(0)], &[CKR_SAVED_STATE_INVALID]),
    plain("C_GetSessionValidationFlags", &[Session, WordElse(CKS_LAST_VALIDATION_OK, 77, CKR_ARGUMENTS_BAD), HANDLE], DONE),
    plain("C_GenerateKey", &[Session, Once(CKM_GENERIC_SECRET_KEY_GEN), OF_SECRET, HANDLE], DONE),
    plain("C_GenerateKeyPair", &[Session, Once(CKM_EC_KEY_PAIR_GEN), OF_CURVE, OF_PAIR, HANDLE, HANDLE], DONE),
    plain("C_WrapKey", &[Session, Once(CKM_AES_KEY_WRAP_KWP), Key(Role::Wraps), Key(Role::Leaves), Out], DONE),
    plain(
        "C_UnwrapKey",
        &[Session, Once(CKM_AES_KEY_WRAP_KWP), Key(Role::Wraps), In(40, &[CKR_WRAPPED_KEY_LEN_RANGE]), OF_WRAPPED, HANDLE],
        &[CKR_WRAPPED_KEY_INVALID],
    ),
    plain("C_WrapKeyAuthenticated", &[Session, OnceByMessage(CKG_GENERATE), Key(Role::Wraps), Key(Role::Leaves), In(16, DONE), Out], DONE),
    plain(
        "C_UnwrapKeyAuthenticated",
        &[
            Session,
            OnceByMessage(CKG_NO_GENERATE),
            Key(Role::Wraps),
            In(32, &[CKR_WRAPPED_KEY_LEN_RANGE]),
            OF_WRAPPED,
            In(16, &[CKR_WRAPPED_KEY_INVALID]),
            HANDLE,
        ],
        &[CKR_WRAPPED_KEY_INVALID],
    ),
    plain("C_DeriveKey", &[Session, Once(CKM_HKDF_DERIVE), Key(Role::Derives), OF_SECRET, HANDLE], DONE),
    plain("C_EncapsulateKey", &[Session, Once(CKM_ML_KEM), Key(Role::Encapsulates), OF_SECRET, Out, HANDLE], DONE),
    // Any ciphertext of the right length yields a secret (FIPS 203 §6.3).
    plain(
        "C_DecapsulateKey",
        &[Session, Once(CKM_ML_KEM), Key(Role::Decapsulates), OF_SECRET, In(1088, &[CKR_WRAPPED_KEY_LEN_RANGE]), HANDLE],
        DONE,
    ),
    plain("C_SeedRandom", &[Session, Word(0), Word(0)], &[CKR_RANDOM_SEED_NOT_SUPPORTED]),
    plain("C_GenerateRandom", &[Session, In(32, DONE)], DONE),
    plain("C_GetFunctionStatus", &[Session], &[CKR_FUNCTION_NOT_PARALLEL]),
    plain("C_CancelFunction", &[Session], &[CKR_FUNCTION_NOT_PARALLEL]),
];

impl Row {
    /// Whether an operation should be active after the call; none where the specification leaves it open.
    pub fn leaves_active(&self, operation: Operation, before: &[Operation], bads: &[(usize, Bad)], answer: CK_RV) -> Option<bool> {
        let was = before.contains(&operation);
        let has = |wanted| bads.iter().any(|(_, bad)| *bad == wanted);
        if self.begins == Some(operation) {
            return Some(if has(Bad::Cancels) { false } else { was || answer == CKR_OK });
        }
        if self.needs != Some(operation) || !was {
            return Some(was);
        }
        match answer {
            CKR_OK if has(Bad::AsksLength) => Some(true),
            CKR_OK => Some(!self.ends),
            CKR_BUFFER_TOO_SMALL => Some(true),
            _ if operation.is_of_messages() => Some(true),
            // Searches are not among the operations of §5.1.
            _ if operation == Find => None,
            _ => Some(false),
        }
    }

    /// Whether a bad value is right here after all.
    pub fn reads_only(&self, place: usize, bad: Bad) -> bool {
        asks_by_null(self.kinds[place], bad)
    }
}
