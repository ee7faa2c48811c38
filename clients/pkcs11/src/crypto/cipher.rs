//! C_EncryptInit to C_DecryptFinal: the vault encrypts and decrypts; with a public RSA key this is done here.
//!
//! What comes in parts is collected and sent whole at the end: parts give no output, so nothing of a plaintext is handed out
//! before the whole of it was accepted. Plaintexts are wiped when they were delivered.

use std::sync::Arc;

use cryptoki_sys::*;
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

use crate::crypto::digests::Hash;
use crate::crypto::mechanisms::{self, AEAD_TAG_BYTES, Asked, Mechanism, Parameter, Way};
use crate::crypto::modes::cipher_mode;
use crate::crypto::sign::check_key;
use crate::error::{Answer, Refusal, refuse};
use crate::module::Module;
use crate::objects::object::{Half, Object};
use crate::output::{Output, Room};
use crate::proto::{CiphertextFormat, DecryptRequest, DecryptResponse, EncryptRequest, EncryptResponse, EncryptionScheme, KeyMode, Usage};
use crate::token::session::Session;
use crate::token::slot::Slot;

/// The most data of one operation: no request of the service is longer.
pub const LONGEST_DATA: usize = 15 * 1024 * 1024;
const BLOCK_BYTES: usize = 16;
const RSA_PKCS1_OVERHEAD: usize = 11;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Encrypt,
    Decrypt,
}

impl Direction {
    pub fn flag(self) -> CK_FLAGS {
        if self == Direction::Encrypt { CKF_ENCRYPT } else { CKF_DECRYPT }
    }

    pub fn usage(self) -> Usage {
        if self == Direction::Encrypt { Usage::Encrypt } else { Usage::Decrypt }
    }

    /// What is wrong with data of a length that cannot be.
    pub fn length_refused<T>(self) -> Answer<T> {
        refuse(if self == Direction::Encrypt { CKR_DATA_LEN_RANGE } else { CKR_ENCRYPTED_DATA_LEN_RANGE })
    }
}

/// A key with a cipher, before it is known on what.
pub struct Ciphering {
    direction: Direction,
    mechanism: &'static Mechanism,
    parameter: Parameter,
    object: Arc<Object>,
    mode: KeyMode,
    /// RSA: bytes of the modulus.
    modulus_bytes: usize,
    collected: Zeroizing<Vec<u8>>,
    in_pieces: bool,
    /// What was made and did not fit into the caller's buffer, for when it comes again with the same data.
    waiting: Option<([u8; 32], Zeroizing<Vec<u8>>)>,
}

/// How much comes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    Exactly(usize),
    AtMost(usize),
}

impl Ciphering {
    pub fn begin(direction: Direction, asked: &Asked, object: Arc<Object>, slot: &Slot) -> Answer<Ciphering> {
        let mechanism = mechanisms::find(asked, direction.flag())?;
        let half = match (object.key_type, direction) {
            (CKK_RSA, Direction::Encrypt) => Half::Public,
            (CKK_RSA, Direction::Decrypt) => Half::Private,
            _ => Half::Secret,
        };
        check_key(mechanism, &object, half, direction.usage())?;
        let mode = cipher_mode(mechanism.way, &object.key)?;
        let modulus_bytes = if object.key_type == CKK_RSA { object.public_key(slot)?.modulus_bytes() } else { 0 };
        let parameter = asked.parameter.clone();
        let collected = Zeroizing::default();
        Ok(Ciphering { direction, mechanism, parameter, object, mode, modulus_bytes, collected, in_pieces: false, waiting: None })
    }

    fn is_rsa(&self) -> bool {
        self.modulus_bytes != 0
    }

    /// @errors all of them end the operation, which is the caller's to do.
    pub fn update(&mut self, piece: &[u8]) -> Answer<()> {
        if self.is_rsa() {
            return refuse(CKR_OPERATION_NOT_INITIALIZED);
        }
        if piece.len() > LONGEST_DATA - self.collected.len() {
            return self.direction.length_refused();
        }
        self.in_pieces = true;
        append(&mut self.collected, piece);
        Ok(())
    }

    /// One call with data, or the end of pieces without.
    pub fn end(&mut self, data: Option<&[u8]>, room: Room, slot: &Slot) -> Answer<Output> {
        match data {
            Some(_) if self.in_pieces => return refuse(CKR_OPERATION_ACTIVE),
            None if self.is_rsa() => return refuse(CKR_OPERATION_NOT_INITIALIZED),
            _ => {}
        }
        let collected = std::mem::take(&mut self.collected);
        let ended = self.end_with(data.unwrap_or(&collected), room, slot);
        self.collected = collected;
        ended
    }

    fn end_with(&mut self, data: &[u8], room: Room, slot: &Slot) -> Answer<Output> {
        let early = match self.length(data.len())? {
            Length::Exactly(bytes) => room.without(bytes),
            Length::AtMost(bytes) if matches!(room, Room::AsksLength) => Some(Output::Length(bytes)),
            Length::AtMost(_) => None,
        };
        if let Some(early) = early {
            return Ok(early);
        }
        let fingerprint: [u8; 32] = Sha256::digest(data).into();
        let output = match self.waiting.take() {
            Some((of, output)) if of == fingerprint => output,
            _ => self.perform(data, slot)?,
        };
        match room.without(output.len()) {
            Some(early) => {
                self.waiting = Some((fingerprint, output));
                Ok(early)
            }
            None => Ok(Output::Secret(output)),
        }
    }

    /// How much comes out of so much data. @errors when no data has that length
    fn length(&self, bytes: usize) -> Answer<Length> {
        if bytes > LONGEST_DATA {
            return self.direction.length_refused();
        }
        let whole = bytes.is_multiple_of(BLOCK_BYTES);
        let length = match (self.mechanism.way, self.direction) {
            (Way::AesGcm | Way::AesCcm | Way::ChaCha20Poly1305, Direction::Encrypt) => Some(Length::Exactly(bytes + AEAD_TAG_BYTES)),
            (Way::AesGcm | Way::AesCcm | Way::ChaCha20Poly1305, Direction::Decrypt) => {
                bytes.checked_sub(AEAD_TAG_BYTES).map(Length::Exactly)
            }
            (Way::AesCbc, _) => whole.then_some(Length::Exactly(bytes)),
            (Way::AesCbcPad, Direction::Encrypt) => Some(Length::Exactly(bytes - bytes % BLOCK_BYTES + BLOCK_BYTES)),
            (Way::AesCbcPad, Direction::Decrypt) => (whole && bytes > 0).then_some(Length::AtMost(bytes)),
            (Way::AesCtr, _) => self.counts(bytes).then_some(Length::Exactly(bytes)),
            (Way::AesXts, _) => (bytes >= BLOCK_BYTES).then_some(Length::Exactly(bytes)),
            (_, Direction::Encrypt) => (bytes + self.overhead() <= self.modulus_bytes).then_some(Length::Exactly(self.modulus_bytes)),
            (_, Direction::Decrypt) => {
                (bytes == self.modulus_bytes).then_some(Length::AtMost(self.modulus_bytes.saturating_sub(self.overhead())))
            }
        };
        let plaintext = if self.direction == Direction::Encrypt { bytes } else { bytes.saturating_sub(AEAD_TAG_BYTES) };
        let promised = match &self.parameter {
            Parameter::Aead { length: Some(promised), .. } => *promised == plaintext,
            _ => true,
        };
        match length {
            Some(length) if promised => Ok(length),
            _ => self.direction.length_refused(),
        }
    }

    /// Whether the counter's bits count the blocks without beginning anew (PKCS#11 3.2 §6.14.3).
    fn counts(&self, bytes: usize) -> bool {
        let Parameter::Ctr { bits, counter } = &self.parameter else { return false };
        let Some(limit) = 1_u128.checked_shl(*bits as u32) else { return true };
        u128::from_be_bytes(*counter) % limit + bytes.div_ceil(BLOCK_BYTES) as u128 <= limit
    }

    /// What RSA padding takes of the modulus.
    fn overhead(&self) -> usize {
        match &self.parameter {
            Parameter::Oaep { hash, .. } => Hash::of_mechanism(*hash).map_or(usize::MAX / 2, |hash| 2 * hash.bytes() + 2),
            _ => RSA_PKCS1_OVERHEAD,
        }
    }

    fn perform(&self, data: &[u8], slot: &Slot) -> Answer<Zeroizing<Vec<u8>>> {
        if data.is_empty() && self.mechanism.way == Way::AesCbc {
            return Ok(Zeroizing::default());
        }
        if self.is_rsa() && self.direction == Direction::Encrypt {
            let public = self.object.public_key(slot)?;
            let local = match &self.parameter {
                Parameter::Oaep { hash, label, .. } if label.is_empty() => {
                    Some(public.encrypt_oaep(Hash::of_mechanism(*hash).ok_or(Refusal(CKR_MECHANISM_PARAM_INVALID))?, data))
                }
                Parameter::Oaep { .. } => None,
                _ => Some(public.encrypt_pkcs1(data)),
            };
            if let Some(made) = local {
                return made.map(Zeroizing::new);
            }
        }
        let (nonce, associated_data) = match &self.parameter {
            Parameter::Block(block) => (block.to_vec(), vec![]),
            Parameter::Ctr { counter, .. } => (counter.to_vec(), vec![]),
            Parameter::Aead { nonce, data, .. } => (nonce.clone(), data.clone()),
            Parameter::Oaep { label, .. } => (vec![], label.clone()),
            _ => (vec![], vec![]),
        };
        if self.object.local.is_some() {
            return refuse(CKR_KEY_FUNCTION_NOT_PERMITTED);
        }
        let cipher = Cipher { mechanism: self.mechanism, object: &self.object, mode: self.mode, parameter: &self.parameter };
        cipher.ask(self.direction, data, nonce, associated_data, slot).map(|(output, _)| output)
    }
}

/// A request to the vault.
pub struct Cipher<'a> {
    pub mechanism: &'static Mechanism,
    pub object: &'a Object,
    pub mode: KeyMode,
    pub parameter: &'a Parameter,
}

impl Cipher<'_> {
    /// What comes out, and to encrypt the nonce that the vault took.
    pub fn ask(
        &self,
        direction: Direction,
        data: &[u8],
        nonce: Vec<u8>,
        associated_data: Vec<u8>,
        slot: &Slot,
    ) -> Answer<(Zeroizing<Vec<u8>>, Vec<u8>)> {
        let digest = match &self.parameter {
            Parameter::Oaep { hash, .. } => Hash::of_mechanism(*hash).map_or(0, Hash::number),
            _ => 0,
        };
        let scheme = match self.mechanism.way {
            Way::Oaep => EncryptionScheme::Oaep,
            Way::Pkcs1 => EncryptionScheme::Pkcs1,
            _ => EncryptionScheme::Unspecified,
        } as i32;
        let (namespace, key_id) = (self.object.key.namespace.clone(), self.object.key.key_id.clone());
        let (format, mode) = (CiphertextFormat::Raw as i32, self.mode as i32);
        if direction == Direction::Encrypt {
            let mut request =
                EncryptRequest { namespace, key_id, plaintext: data.to_vec(), associated_data, scheme, digest, format, nonce, mode };
            let answer: Answer<EncryptResponse> = slot.call("Encrypt", &request);
            request.plaintext.zeroize();
            return answer.map(|answer| (Zeroizing::new(answer.ciphertext), answer.nonce));
        }
        // A pair decrypts under the version whose public half was shown; what a secret key encrypted is of its current one.
        let version = if self.object.key_type == CKK_RSA { self.object.key.version } else { 0 };
        let request =
            DecryptRequest { namespace, key_id, ciphertext: data.to_vec(), associated_data, scheme, digest, format, nonce, version, mode };
        let answer: DecryptResponse = slot.call("Decrypt", &request)?;
        Ok((Zeroizing::new(answer.plaintext), vec![]))
    }
}

/// Appends without leaving a copy behind where the bytes stood before.
pub fn append(to: &mut Zeroizing<Vec<u8>>, piece: &[u8]) {
    if to.capacity() - to.len() < piece.len() {
        let mut grown = Zeroizing::new(Vec::with_capacity((to.len() + piece.len()).max(2 * to.capacity())));
        grown.extend_from_slice(to);
        *to = grown;
    }
    to.extend_from_slice(piece);
}

fn place(session: &mut Session, direction: Direction) -> &mut Option<Ciphering> {
    if direction == Direction::Encrypt { &mut session.encrypting } else { &mut session.decrypting }
}

impl Module {
    pub fn cipher_init(&self, handle: CK_SESSION_HANDLE, direction: Direction, asked: Option<&Asked>, key: CK_OBJECT_HANDLE) -> Answer<()> {
        self.with(handle, |session, slot| {
            let Some(asked) = asked else {
                *place(session, direction) = None;
                return Ok(());
            };
            if place(session, direction).is_some() {
                return refuse(CKR_OPERATION_ACTIVE);
            }
            let begun = Ciphering::begin(direction, asked, self.key(session, slot, key)?, slot)?;
            *place(session, direction) = Some(begun);
            Ok(())
        })
    }

    /// Whether there is room decides nothing here: a part gives no output. Only a question for the length takes no data.
    pub fn cipher_update(&self, handle: CK_SESSION_HANDLE, direction: Direction, piece: &[u8], room: Room) -> Answer<Output> {
        self.with(handle, |session, _| {
            let active = place(session, direction);
            let ciphering = active.as_mut().ok_or(Refusal(CKR_OPERATION_NOT_INITIALIZED))?;
            if matches!(room, Room::AsksLength) {
                return Ok(Output::Length(0));
            }
            let updated = ciphering.update(piece);
            updated.inspect_err(|_| *active = None).map(|()| Output::Bytes(vec![]))
        })
    }

    pub fn cipher_end(&self, handle: CK_SESSION_HANDLE, direction: Direction, data: Option<&[u8]>, room: Room) -> Answer<Output> {
        self.with(handle, |session, slot| {
            let active = place(session, direction);
            let ended = active.as_mut().ok_or(Refusal(CKR_OPERATION_NOT_INITIALIZED))?.end(data, room, slot);
            if !matches!(ended, Ok(Output::Length(_) | Output::TooSmall(_))) {
                *active = None;
            }
            ended
        })
    }
}
