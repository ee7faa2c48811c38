//! C_VerifySignatureInit to C_VerifySignatureFinal: the signature first, then what it is of (PKCS#11 3.2 §5.16).
//!
//! The same verification as C_VerifyInit's; only the signature waits here until the data is whole.

use cryptoki_sys::*;

use crate::crypto::mechanisms::Asked;
use crate::crypto::verify::Verifying;
use crate::error::{Answer, Refusal, refuse};
use crate::module::Module;

pub struct VerifyingSignature {
    verifying: Verifying,
    signature: Vec<u8>,
}

impl Module {
    pub fn verify_signature_init(
        &self,
        handle: CK_SESSION_HANDLE,
        asked: Option<&Asked>,
        key: CK_OBJECT_HANDLE,
        signature: &[u8],
    ) -> Answer<()> {
        self.with(handle, |session, slot| {
            let Some(asked) = asked else {
                session.verifying_signature = None;
                return Ok(());
            };
            if session.verifying_signature.is_some() {
                return refuse(CKR_OPERATION_ACTIVE);
            }
            let verifying = Verifying::begin(asked, self.key(session, slot, key)?)?;
            session.verifying_signature = Some(VerifyingSignature { verifying, signature: signature.to_vec() });
            Ok(())
        })
    }

    pub fn verify_signature_update(&self, handle: CK_SESSION_HANDLE, piece: &[u8]) -> Answer<()> {
        self.with(handle, |session, _| {
            let active = session.verifying_signature.as_mut().ok_or(Refusal(CKR_OPERATION_NOT_INITIALIZED))?;
            active.verifying.update(piece).inspect_err(|_| session.verifying_signature = None)
        })
    }

    /// C_VerifySignature with data, C_VerifySignatureFinal without.
    pub fn verify_signature_end(&self, handle: CK_SESSION_HANDLE, data: Option<&[u8]>) -> Answer<()> {
        self.with(handle, |session, slot| {
            let active = session.verifying_signature.take().ok_or(Refusal(CKR_OPERATION_NOT_INITIALIZED))?;
            active.verifying.end(data, &active.signature, slot)
        })
    }
}
