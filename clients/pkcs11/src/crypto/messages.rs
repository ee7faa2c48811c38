//! C_MessageEncryptInit to C_MessageDecryptFinal: many messages under one key, each with a nonce and a tag of its own
//! (PKCS#11 3.2 §5.9, §5.11).
//!
//! Here the token can make the nonce: the vault draws it, and no permission to choose one is needed. An error ends the message,
//! and the process goes on until its Final.

use std::sync::Arc;

use cryptoki_sys::*;
use zeroize::Zeroizing;

use crate::crypto::cipher::{Cipher, Direction, LONGEST_DATA, append};
use crate::crypto::mechanisms::{self, AEAD_NONCE_BYTES, AEAD_TAG_BYTES, Asked, Mechanism, Parameter, Shape};
use crate::crypto::modes::cipher_mode;
use crate::crypto::sign::check_key;
use crate::error::{Answer, Refusal, refuse};
use crate::module::Module;
use crate::objects::object::{Half, Object};
use crate::output::{Output, Room};
use crate::proto::KeyMode;
use crate::token::session::Session;
use crate::token::slot::Slot;

/// Who makes the nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Caller,
    Token,
    /// In a way that the vault has not: counting, or around bits of the caller's.
    Other,
}

/// The parameter of one message, read out of memory.
#[derive(Clone, Debug)]
pub struct MessageParameter {
    pub shape: Shape,
    pub nonce: Vec<u8>,
    pub source: Source,
    pub tag_bits: CK_ULONG,
    /// To decrypt; empty where there is none.
    pub tag: Vec<u8>,
    /// CCM says beforehand how long the message is.
    pub length: Option<usize>,
}

/// What goes into the parameter again.
#[derive(Debug)]
pub struct Made {
    pub nonce: Vec<u8>,
    pub tag: Vec<u8>,
}

pub struct Messages {
    direction: Direction,
    mechanism: &'static Mechanism,
    object: Arc<Object>,
    mode: KeyMode,
    begun: Option<Begun>,
}

/// A message that comes in parts.
struct Begun {
    parameter: MessageParameter,
    associated_data: Vec<u8>,
    collected: Zeroizing<Vec<u8>>,
}

fn flag(direction: Direction) -> CK_FLAGS {
    if direction == Direction::Encrypt { CKF_MESSAGE_ENCRYPT } else { CKF_MESSAGE_DECRYPT }
}

fn place(session: &mut Session, direction: Direction) -> &mut Option<Messages> {
    if direction == Direction::Encrypt { &mut session.message_encrypting } else { &mut session.message_decrypting }
}

impl Messages {
    fn begin(direction: Direction, asked: &Asked, object: Arc<Object>) -> Answer<Messages> {
        let mechanism = mechanisms::taken_by(asked.kind, flag(direction))?;
        // The parameter comes with each message: one that comes here says nothing, and must at least be one.
        if asked.parameter == Parameter::Unknown {
            return refuse(CKR_MECHANISM_PARAM_INVALID);
        }
        check_key(mechanism, &object, Half::Secret, direction.usage())?;
        let mode = cipher_mode(mechanism.way, &object.key)?;
        Ok(Messages { direction, mechanism, object, mode, begun: None })
    }

    fn check(&self, parameter: &MessageParameter, associated_data: &[u8]) -> Answer<()> {
        let nonce = match parameter.source {
            Source::Caller => parameter.shape.nonce_fits(parameter.nonce.len()),
            // There must be room for it.
            Source::Token => self.direction == Direction::Encrypt && parameter.nonce.len() == AEAD_NONCE_BYTES,
            Source::Other => false,
        };
        let fits = nonce
            && parameter.shape == self.mechanism.shape
            && parameter.tag_bits == 8 * AEAD_TAG_BYTES as CK_ULONG
            && associated_data.len() <= mechanisms::LONGEST_ASSOCIATED_DATA;
        if fits { Ok(()) } else { refuse(CKR_MECHANISM_PARAM_INVALID) }
    }

    fn whole(
        &mut self,
        parameter: &MessageParameter,
        associated_data: &[u8],
        data: &[u8],
        room: Room,
        slot: &Slot,
    ) -> Answer<(Output, Option<Made>)> {
        if self.begun.is_some() {
            return refuse(CKR_OPERATION_ACTIVE);
        }
        self.check(parameter, associated_data)?;
        self.made(parameter, &parameter.tag, associated_data, data, room, slot)
    }

    fn start(&mut self, parameter: MessageParameter, associated_data: &[u8]) -> Answer<()> {
        if self.begun.is_some() {
            return refuse(CKR_OPERATION_ACTIVE);
        }
        self.check(&parameter, associated_data)?;
        // It would have to be told now, and the vault draws it with the whole message.
        if parameter.source == Source::Token {
            return refuse(CKR_MECHANISM_PARAM_INVALID);
        }
        self.begun = Some(Begun { parameter, associated_data: associated_data.to_vec(), collected: Zeroizing::default() });
        Ok(())
    }

    fn next(&mut self, tag: &[u8], piece: &[u8], room: Room, last: bool, slot: &Slot) -> Answer<(Output, Option<Made>)> {
        let mut begun = self.begun.take().ok_or(Refusal(CKR_OPERATION_NOT_INITIALIZED))?;
        if !last && matches!(room, Room::AsksLength) {
            self.begun = Some(begun);
            return Ok((Output::Length(0), None));
        }
        if piece.len() > LONGEST_DATA - begun.collected.len() {
            return self.direction.length_refused();
        }
        let before = begun.collected.len();
        append(&mut begun.collected, piece);
        if !last {
            self.begun = Some(begun);
            return Ok((Output::Bytes(vec![]), None));
        }
        let ended = self.made(&begun.parameter, tag, &begun.associated_data, &begun.collected, room, slot)?;
        if matches!(ended.0, Output::Length(_) | Output::TooSmall(_)) {
            // The last part will be given again.
            begun.collected.truncate(before);
            self.begun = Some(begun);
        }
        Ok(ended)
    }

    fn made(
        &self,
        parameter: &MessageParameter,
        tag: &[u8],
        associated_data: &[u8],
        data: &[u8],
        room: Room,
        slot: &Slot,
    ) -> Answer<(Output, Option<Made>)> {
        if data.len() > LONGEST_DATA || parameter.length.is_some_and(|promised| promised != data.len()) {
            return self.direction.length_refused();
        }
        if let Some(early) = room.without(data.len()) {
            return Ok((early, None));
        }
        let none = Parameter::None;
        let cipher = Cipher { mechanism: self.mechanism, object: &self.object, mode: self.mode, parameter: &none };
        let nonce = if parameter.source == Source::Token { vec![] } else { parameter.nonce.clone() };
        if self.direction == Direction::Decrypt {
            if tag.len() != AEAD_TAG_BYTES {
                return refuse(CKR_MECHANISM_PARAM_INVALID);
            }
            let sealed = [data, tag].concat();
            let (plaintext, _) = cipher.ask(self.direction, &sealed, nonce, associated_data.to_vec(), slot).map_err(undecipherable)?;
            return if plaintext.len() == data.len() { Ok((Output::Secret(plaintext), None)) } else { refuse(CKR_DEVICE_ERROR) };
        }
        let (mut sealed, nonce) = cipher.ask(self.direction, data, nonce, associated_data.to_vec(), slot)?;
        if sealed.len() != data.len() + AEAD_TAG_BYTES || nonce.len() != parameter.nonce.len() {
            return refuse(CKR_DEVICE_ERROR);
        }
        let tag = sealed.split_off(data.len());
        Ok((Output::Secret(sealed), Some(Made { nonce, tag })))
    }
}

/// What a message that does not open is called here.
fn undecipherable(refusal: Refusal) -> Refusal {
    if refusal == Refusal(CKR_ENCRYPTED_DATA_INVALID) { Refusal(CKR_AEAD_DECRYPT_FAILED) } else { refusal }
}

impl Module {
    pub fn messages_init(
        &self,
        handle: CK_SESSION_HANDLE,
        direction: Direction,
        asked: Option<&Asked>,
        key: CK_OBJECT_HANDLE,
    ) -> Answer<()> {
        self.with(handle, |session, slot| {
            let Some(asked) = asked else {
                *place(session, direction) = None;
                return Ok(());
            };
            if place(session, direction).is_some() {
                return refuse(CKR_OPERATION_ACTIVE);
            }
            let begun = Messages::begin(direction, asked, self.key(session, slot, key)?)?;
            *place(session, direction) = Some(begun);
            Ok(())
        })
    }

    fn messages<T>(
        &self,
        handle: CK_SESSION_HANDLE,
        direction: Direction,
        work: impl FnOnce(&mut Messages, &Slot) -> Answer<T>,
    ) -> Answer<T> {
        self.with(handle, |session, slot| work(place(session, direction).as_mut().ok_or(Refusal(CKR_OPERATION_NOT_INITIALIZED))?, slot))
    }

    pub fn message(
        &self,
        handle: CK_SESSION_HANDLE,
        direction: Direction,
        parameter: &MessageParameter,
        associated_data: &[u8],
        data: &[u8],
        room: Room,
    ) -> Answer<(Output, Option<Made>)> {
        self.messages(handle, direction, |messages, slot| messages.whole(parameter, associated_data, data, room, slot))
    }

    pub fn message_begin(
        &self,
        handle: CK_SESSION_HANDLE,
        direction: Direction,
        parameter: MessageParameter,
        associated_data: &[u8],
    ) -> Answer<()> {
        self.messages(handle, direction, |messages, _| messages.start(parameter, associated_data))
    }

    /// @param tag   to decrypt, with the last part
    pub fn message_next(
        &self,
        handle: CK_SESSION_HANDLE,
        direction: Direction,
        tag: &[u8],
        piece: &[u8],
        room: Room,
        last: bool,
    ) -> Answer<(Output, Option<Made>)> {
        self.messages(handle, direction, |messages, slot| messages.next(tag, piece, room, last, slot))
    }

    pub fn messages_final(&self, handle: CK_SESSION_HANDLE, direction: Direction) -> Answer<()> {
        self.with(handle, |session, _| match place(session, direction).take() {
            Some(_) => Ok(()),
            None => refuse(CKR_OPERATION_NOT_INITIALIZED),
        })
    }
}
