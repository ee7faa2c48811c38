//! The three lists of functions, and the interfaces through which 3.x hands them out (PKCS#11 3.2 §5.4).

use cryptoki_sys::*;

use super::functions::*;
use super::unsupported::*;

/// A value that other languages read and nobody writes.
#[repr(transparent)]
pub struct Shared<T>(pub T);

// SAFETY: nothing writes what the pointers within point to, which lives as long as the library.
unsafe impl<T> Sync for Shared<T> {}

const fn version(major: u8, minor: u8) -> CK_VERSION {
    CK_VERSION { major, minor }
}

/// Each version has the functions of the one before, in their order, and then its own: only these are named.
macro_rules! functions {
    (list $list:ident, $major:literal, $minor:literal; $($function:ident),*) => {
        $list { version: version($major, $minor), $($function: Some($function)),* }
    };
    (names $list:ident, $major:literal, $minor:literal; $($function:ident),*) => {
        &[$(stringify!($function)),*]
    };
    (2.40 $what:ident $list:ident, $major:literal, $minor:literal; $($more:ident),*) => {
        functions!($what $list, $major, $minor;
            C_Initialize, C_Finalize, C_GetInfo, C_GetFunctionList, C_GetSlotList, C_GetSlotInfo, C_GetTokenInfo,
            C_GetMechanismList, C_GetMechanismInfo, C_InitToken, C_InitPIN, C_SetPIN, C_OpenSession, C_CloseSession,
            C_CloseAllSessions, C_GetSessionInfo, C_GetOperationState, C_SetOperationState, C_Login, C_Logout,
            C_CreateObject, C_CopyObject, C_DestroyObject, C_GetObjectSize, C_GetAttributeValue, C_SetAttributeValue,
            C_FindObjectsInit, C_FindObjects, C_FindObjectsFinal, C_EncryptInit, C_Encrypt, C_EncryptUpdate,
            C_EncryptFinal, C_DecryptInit, C_Decrypt, C_DecryptUpdate, C_DecryptFinal, C_DigestInit, C_Digest,
            C_DigestUpdate, C_DigestKey, C_DigestFinal, C_SignInit, C_Sign, C_SignUpdate, C_SignFinal,
            C_SignRecoverInit, C_SignRecover, C_VerifyInit, C_Verify, C_VerifyUpdate, C_VerifyFinal,
            C_VerifyRecoverInit, C_VerifyRecover, C_DigestEncryptUpdate, C_DecryptDigestUpdate, C_SignEncryptUpdate,
            C_DecryptVerifyUpdate, C_GenerateKey, C_GenerateKeyPair, C_WrapKey, C_UnwrapKey, C_DeriveKey,
            C_SeedRandom, C_GenerateRandom, C_GetFunctionStatus, C_CancelFunction, C_WaitForSlotEvent
            $(, $more)*)
    };
    (3.0 $what:ident $list:ident, $major:literal, $minor:literal; $($more:ident),*) => {
        functions!(2.40 $what $list, $major, $minor;
            C_GetInterfaceList, C_GetInterface, C_LoginUser, C_SessionCancel, C_MessageEncryptInit, C_EncryptMessage,
            C_EncryptMessageBegin, C_EncryptMessageNext, C_MessageEncryptFinal, C_MessageDecryptInit,
            C_DecryptMessage, C_DecryptMessageBegin, C_DecryptMessageNext, C_MessageDecryptFinal, C_MessageSignInit,
            C_SignMessage, C_SignMessageBegin, C_SignMessageNext, C_MessageSignFinal, C_MessageVerifyInit,
            C_VerifyMessage, C_VerifyMessageBegin, C_VerifyMessageNext, C_MessageVerifyFinal
            $(, $more)*)
    };
    (3.2 $what:ident $list:ident, $major:literal, $minor:literal) => {
        functions!(3.0 $what $list, $major, $minor;
            C_EncapsulateKey, C_DecapsulateKey, C_VerifySignatureInit, C_VerifySignature, C_VerifySignatureUpdate,
            C_VerifySignatureFinal, C_GetSessionValidationFlags, C_AsyncComplete, C_AsyncGetID, C_AsyncJoin,
            C_WrapKeyAuthenticated, C_UnwrapKeyAuthenticated)
    };
}

pub static LIST_2_40: CK_FUNCTION_LIST = functions!(2.40 list CK_FUNCTION_LIST, 2, 40;);
pub static LIST_3_0: CK_FUNCTION_LIST_3_0 = functions!(3.0 list CK_FUNCTION_LIST_3_0, 3, 0;);
pub static LIST_3_2: CK_FUNCTION_LIST_3_2 = functions!(3.2 list CK_FUNCTION_LIST_3_2, 3, 2);

/// Names of the newest list, in its order.
#[cfg(test)]
pub static NAMES: &[&str] = functions!(3.2 names CK_FUNCTION_LIST_3_2, 3, 2);

/// The one name the specification gives.
pub const NAME: &[u8] = b"PKCS 11\0";

const fn interface<T>(list: &'static T) -> CK_INTERFACE {
    CK_INTERFACE {
        pInterfaceName: NAME.as_ptr().cast_mut(),
        pFunctionList: std::ptr::from_ref(list).cast_mut().cast(),
        // Not CKF_INTERFACE_FORK_SAFE: a child does not have its parent's sessions, it begins anew.
        flags: 0,
    }
}

/// Newest first: the first is what is given to whoever does not choose.
pub static INTERFACES: Shared<[CK_INTERFACE; 3]> = Shared([interface(&LIST_3_2), interface(&LIST_3_0), interface(&LIST_2_40)]);

/// Versions of the interfaces, in their order.
pub static VERSIONS: [CK_VERSION; 3] = [version(3, 2), version(3, 0), version(2, 40)];
