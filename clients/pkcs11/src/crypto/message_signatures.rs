//! C_MessageSignInit to C_MessageVerifyFinal: many signatures or codes with one key (PKCS#11 3.2 §5.14, §5.17).
//!
//! No mechanism here has a parameter for each message. An error ends the message, and the process goes on until its Final.

use std::sync::Arc;

use cryptoki_sys::*;
use zeroize::Zeroizing;

use crate::crypto::cipher::{LONGEST_DATA, append};
use crate::crypto::mechanisms::{self, Asked};
use crate::crypto::sign::Signing;
use crate::crypto::verify::Verifying;
use crate::error::{Answer, Refusal, refuse};
use crate::module::Module;
use crate::objects::object::Object;
use crate::output::{Output, Room};
use crate::token::slot::Slot;

/// What has come of a message that comes in parts.
type Part = Option<Zeroizing<Vec<u8>>>;

pub struct MessageSigning {
    signing: Signing,
    part: Part,
}

pub struct MessageVerifying {
    asked: Asked,
    object: Arc<Object>,
    part: Part,
}

fn start(part: &mut Part) -> Answer<()> {
    if part.is_some() {
        return refuse(CKR_OPERATION_ACTIVE);
    }
    *part = Some(Zeroizing::default());
    Ok(())
}

/// The message with one more part; whoever goes on puts it back. @errors end the message
fn longer(part: &mut Part, piece: &[u8]) -> Answer<Zeroizing<Vec<u8>>> {
    let mut collected = part.take().ok_or(Refusal(CKR_OPERATION_NOT_INITIALIZED))?;
    if piece.len() > LONGEST_DATA - collected.len() {
        return refuse(CKR_DATA_LEN_RANGE);
    }
    append(&mut collected, piece);
    Ok(collected)
}

impl MessageSigning {
    fn whole(&self, data: &[u8], room: Room, slot: &Slot) -> Answer<Output> {
        if self.part.is_some() { refuse(CKR_OPERATION_ACTIVE) } else { self.signing.end(Some(data), room, slot) }
    }

    fn next(&mut self, piece: &[u8], room: Option<Room>, slot: &Slot) -> Answer<Option<Output>> {
        let mut collected = longer(&mut self.part, piece)?;
        let Some(room) = room else {
            self.part = Some(collected);
            return Ok(None);
        };
        let ended = self.signing.end(Some(&collected), room, slot)?;
        if matches!(ended, Output::Length(_) | Output::TooSmall(_)) {
            // The last part will be given again.
            let before = collected.len() - piece.len();
            collected.truncate(before);
            self.part = Some(collected);
        }
        Ok(Some(ended))
    }
}

impl MessageVerifying {
    fn whole(&self, data: &[u8], signature: &[u8], slot: &Slot) -> Answer<()> {
        if self.part.is_some() {
            return refuse(CKR_OPERATION_ACTIVE);
        }
        Verifying::begin(&self.asked, self.object.clone())?.end(Some(data), signature, slot)
    }

    fn next(&mut self, piece: &[u8], signature: Option<&[u8]>, slot: &Slot) -> Answer<()> {
        let collected = longer(&mut self.part, piece)?;
        match signature {
            Some(signature) => self.whole(&collected, signature, slot),
            None => {
                self.part = Some(collected);
                Ok(())
            }
        }
    }
}

impl Module {
    pub fn message_sign_init(&self, handle: CK_SESSION_HANDLE, asked: Option<&Asked>, key: CK_OBJECT_HANDLE) -> Answer<()> {
        self.with(handle, |session, slot| {
            let Some(asked) = asked else {
                session.message_signing = None;
                return Ok(());
            };
            if session.message_signing.is_some() {
                return refuse(CKR_OPERATION_ACTIVE);
            }
            mechanisms::taken_by(asked.kind, CKF_MESSAGE_SIGN)?;
            let signing = Signing::begin(asked, self.key(session, slot, key)?, slot)?;
            session.message_signing = Some(MessageSigning { signing, part: None });
            Ok(())
        })
    }

    fn signing_messages<T>(&self, handle: CK_SESSION_HANDLE, work: impl FnOnce(&mut MessageSigning, &Slot) -> Answer<T>) -> Answer<T> {
        self.with(handle, |session, slot| work(session.message_signing.as_mut().ok_or(Refusal(CKR_OPERATION_NOT_INITIALIZED))?, slot))
    }

    pub fn sign_message(&self, handle: CK_SESSION_HANDLE, data: &[u8], room: Room) -> Answer<Output> {
        self.signing_messages(handle, |messages, slot| messages.whole(data, room, slot))
    }

    pub fn sign_message_begin(&self, handle: CK_SESSION_HANDLE) -> Answer<()> {
        self.signing_messages(handle, |messages, _| start(&mut messages.part))
    }

    /// @param room   with the last part alone
    pub fn sign_message_next(&self, handle: CK_SESSION_HANDLE, piece: &[u8], room: Option<Room>) -> Answer<Option<Output>> {
        self.signing_messages(handle, |messages, slot| messages.next(piece, room, slot))
    }

    pub fn message_sign_final(&self, handle: CK_SESSION_HANDLE) -> Answer<()> {
        self.with(handle, |session, _| session.message_signing.take().map(|_| ()).ok_or(Refusal(CKR_OPERATION_NOT_INITIALIZED)))
    }

    pub fn message_verify_init(&self, handle: CK_SESSION_HANDLE, asked: Option<&Asked>, key: CK_OBJECT_HANDLE) -> Answer<()> {
        self.with(handle, |session, slot| {
            let Some(asked) = asked else {
                session.message_verifying = None;
                return Ok(());
            };
            if session.message_verifying.is_some() {
                return refuse(CKR_OPERATION_ACTIVE);
            }
            mechanisms::taken_by(asked.kind, CKF_MESSAGE_VERIFY)?;
            let object = self.key(session, slot, key)?;
            Verifying::begin(asked, object.clone())?;
            session.message_verifying = Some(MessageVerifying { asked: asked.clone(), object, part: None });
            Ok(())
        })
    }

    fn verifying_messages<T>(&self, handle: CK_SESSION_HANDLE, work: impl FnOnce(&mut MessageVerifying, &Slot) -> Answer<T>) -> Answer<T> {
        self.with(handle, |session, slot| work(session.message_verifying.as_mut().ok_or(Refusal(CKR_OPERATION_NOT_INITIALIZED))?, slot))
    }

    pub fn verify_message(&self, handle: CK_SESSION_HANDLE, data: &[u8], signature: &[u8]) -> Answer<()> {
        self.verifying_messages(handle, |messages, slot| messages.whole(data, signature, slot))
    }

    pub fn verify_message_begin(&self, handle: CK_SESSION_HANDLE) -> Answer<()> {
        self.verifying_messages(handle, |messages, _| start(&mut messages.part))
    }

    /// @param signature   with the last part alone
    pub fn verify_message_next(&self, handle: CK_SESSION_HANDLE, piece: &[u8], signature: Option<&[u8]>) -> Answer<()> {
        self.verifying_messages(handle, |messages, slot| messages.next(piece, signature, slot))
    }

    pub fn message_verify_final(&self, handle: CK_SESSION_HANDLE) -> Answer<()> {
        self.with(handle, |session, _| session.message_verifying.take().map(|_| ()).ok_or(Refusal(CKR_OPERATION_NOT_INITIALIZED)))
    }
}
