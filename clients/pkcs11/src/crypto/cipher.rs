//! C_EncryptInit to C_DecryptFinal: the vault encrypts and decrypts; with a public RSA key this is done here.
//!
//! Parts of what is authenticated are collected and sent whole at the end: they give no output, so nothing of a plaintext is
//! handed out before the whole of it was accepted. CBC and CTR authenticate nothing, and applications count on a block for a
//! block: their parts go to the vault as they come, each with the IV that the one before ended with. Plaintexts are wiped
//! when they were delivered.
//!
//! Long, because both directions and both ways with parts are one machine, whose states are read in one place.

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
    /// Where parts give output: the IV or counter of the next block.
    chain: Option<[u8; BLOCK_BYTES]>,
    /// Bytes of parts that went through.
    streamed: usize,
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
        let chain = match (mechanism.way, &parameter) {
            (Way::AesCbc, Parameter::Block(iv)) => Some(*iv),
            // What comes before the padding is encrypted as blocks without any, if the key may be used so.
            (Way::AesCbcPad, Parameter::Block(iv)) if may_go_without_padding(&object) => Some(*iv),
            (Way::AesCtr, Parameter::Ctr { counter, .. }) => Some(*counter),
            _ => None,
        };
        Ok(Ciphering {
            direction,
            mechanism,
            parameter,
            object,
            mode,
            modulus_bytes,
            collected: Zeroizing::default(),
            in_pieces: false,
            chain,
            streamed: 0,
            waiting: None,
        })
    }

    fn is_rsa(&self) -> bool {
        self.modulus_bytes != 0
    }

    /// @errors all of them end the operation, which is the caller's to do.
    pub fn update(&mut self, piece: &[u8], room: Room, slot: &Slot) -> Answer<Output> {
        if self.is_rsa() {
            return refuse(CKR_OPERATION_NOT_INITIALIZED);
        }
        if piece.len() > LONGEST_DATA - self.collected.len() {
            return self.direction.length_refused();
        }
        let ready = self.ready(self.collected.len() + piece.len());
        if let Some(early) = room.without(ready) {
            return Ok(early);
        }
        self.in_pieces = true;
        append(&mut self.collected, piece);
        match self.chain {
            Some(iv) if ready > 0 => self.blocks(iv, ready, slot).map(Output::Secret),
            _ => Ok(Output::Bytes(vec![])),
        }
    }

    /// How many of so many bytes give output now. To decrypt with padding, the last block waits: it may be that with the padding.
    fn ready(&self, bytes: usize) -> usize {
        if self.chain.is_none() {
            return 0;
        }
        let rest = bytes % BLOCK_BYTES;
        let last = self.mechanism.way == Way::AesCbcPad && self.direction == Direction::Decrypt && rest == 0;
        bytes.saturating_sub(if last { BLOCK_BYTES } else { rest })
    }

    /// Puts the first blocks of what was collected through.
    fn blocks(&mut self, iv: [u8; BLOCK_BYTES], bytes: usize, slot: &Slot) -> Answer<Zeroizing<Vec<u8>>> {
        let counts = self.mechanism.way == Way::AesCtr;
        if counts && !self.counts(bytes) {
            return self.direction.length_refused();
        }
        let rest = Zeroizing::new(self.collected[bytes..].to_vec());
        let mut data = std::mem::replace(&mut self.collected, rest);
        data[bytes..].zeroize();
        data.truncate(bytes);
        let mode = if counts { self.mode } else { KeyMode::CbcNoPadding };
        let cipher = Cipher { mechanism: self.mechanism, object: &self.object, mode, parameter: &self.parameter };
        let (output, _) = cipher.ask(self.direction, &data, iv.to_vec(), vec![], slot)?;
        if output.len() != bytes {
            return refuse(CKR_DEVICE_ERROR);
        }
        self.streamed += bytes;
        self.chain = Some(if counts {
            u128::from_be_bytes(iv).wrapping_add((bytes / BLOCK_BYTES) as u128).to_be_bytes()
        } else {
            let ciphertext = if self.direction == Direction::Encrypt { &output } else { &data };
            ciphertext[bytes - BLOCK_BYTES..].try_into().map_err(|_| Refusal(CKR_GENERAL_ERROR))?
        });
        Ok(output)
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
        u128::from_be_bytes(*counter) % limit + (self.streamed + bytes).div_ceil(BLOCK_BYTES) as u128 <= limit
    }

    /// What RSA padding takes of the modulus.
    fn overhead(&self) -> usize {
        match &self.parameter {
            Parameter::Oaep { hash, .. } => Hash::of_mechanism(*hash).map_or(usize::MAX / 2, |hash| 2 * hash.bytes() + 2),
            _ => RSA_PKCS1_OVERHEAD,
        }
    }

    fn perform(&self, data: &[u8], slot: &Slot) -> Answer<Zeroizing<Vec<u8>>> {
        if data.is_empty() && matches!(self.mechanism.way, Way::AesCbc | Way::AesCtr) {
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
            _ if self.chain.is_some() => (self.chain.unwrap_or_default().to_vec(), vec![]),
            Parameter::Block(block) => (block.to_vec(), vec![]),
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
        // What is authenticated opens under whatever version sealed it. Other ciphertexts are of the current one, or of that
        // whose public half was shown.
        let version = if self.mechanism.way == Way::Pkcs1 { self.object.key.version } else { 0 };
        let request =
            DecryptRequest { namespace, key_id, ciphertext: data.to_vec(), associated_data, scheme, digest, format, nonce, version, mode };
        let answer: DecryptResponse = slot.call("Decrypt", &request)?;
        Ok((Zeroizing::new(answer.plaintext), vec![]))
    }
}

/// Whether the key's allowed mechanisms, if it has any, have CBC without padding.
fn may_go_without_padding(object: &Object) -> bool {
    let allowed = object.key.attributes.as_ref().map_or(&[][..], |attributes| &attributes.allowed_mechanisms);
    allowed.is_empty() || allowed.iter().any(|name| name.ends_with("-CBC-NO-PADDING"))
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

    pub fn cipher_update(&self, handle: CK_SESSION_HANDLE, direction: Direction, piece: &[u8], room: Room) -> Answer<Output> {
        self.with(handle, |session, slot| {
            let active = place(session, direction);
            let updated = active.as_mut().ok_or(Refusal(CKR_OPERATION_NOT_INITIALIZED))?.update(piece, room, slot);
            updated.inspect_err(|_| *active = None)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::{Algorithm, Key, KeyAttributes};

    fn ciphering(kind: CK_MECHANISM_TYPE, direction: Direction, parameter: Parameter, allowed: &[&str]) -> Ciphering {
        let attributes = KeyAttributes {
            key_type: Some("CKK_AES".into()),
            object_class: Some("secret".into()),
            allowed_mechanisms: allowed.iter().map(|name| (*name).to_owned()).collect(),
            ..Default::default()
        };
        let key = Key { key_id: "k".into(), algorithm: Algorithm::Aes256 as i32, attributes: Some(attributes), ..Default::default() };
        let object = Arc::new(Object::of_key(0, &key, None).remove(0));
        let chain = match &parameter {
            Parameter::Block(iv) if may_go_without_padding(&object) => Some(*iv),
            Parameter::Ctr { counter, .. } => Some(*counter),
            _ => None,
        };
        Ciphering {
            direction,
            mechanism: mechanisms::named(kind).unwrap(),
            parameter,
            object,
            mode: KeyMode::Unspecified,
            modulus_bytes: 0,
            collected: Zeroizing::default(),
            in_pieces: false,
            chain,
            streamed: 0,
            waiting: None,
        }
    }

    const IV: Parameter = Parameter::Block([0; 16]);

    #[test]
    fn parts_keep_pace_where_nothing_is_authenticated_and_padding_waits_for_the_end() {
        use Direction::{Decrypt, Encrypt};
        let ctr = || Parameter::Ctr { bits: 128, counter: [0; 16] };
        let aead = || Parameter::Aead { nonce: vec![0; 12], data: vec![], tag_bits: 128, length: None };
        for (kind, direction, parameter, ready) in [
            (CKM_AES_CBC, Encrypt, IV, [0, 0, 16, 16, 32]),
            (CKM_AES_CBC, Decrypt, IV, [0, 0, 16, 16, 32]),
            (CKM_AES_CBC_PAD, Encrypt, IV, [0, 0, 16, 16, 32]),
            (CKM_AES_CBC_PAD, Decrypt, IV, [0, 0, 0, 16, 16]),
            (CKM_AES_CTR, Encrypt, ctr(), [0, 0, 16, 16, 32]),
            (CKM_AES_GCM, Decrypt, aead(), [0, 0, 0, 0, 0]),
        ] {
            let active = ciphering(kind, direction, parameter, &[]);
            assert_eq!([0, 15, 16, 17, 32].map(|bytes| active.ready(bytes)), ready, "{kind:#x} {direction:?}");
        }
        let padded_alone = ciphering(CKM_AES_CBC_PAD, Encrypt, IV, &["AES-256-CBC"]);
        assert_eq!(padded_alone.ready(64), 0);
        assert_eq!(ciphering(CKM_AES_CBC_PAD, Encrypt, IV, &["AES-256-CBC", "AES-256-CBC-NO-PADDING"]).ready(64), 64);
    }

    #[test]
    fn how_much_comes_out_is_known_before_it_is_asked_for() {
        use Direction::{Decrypt, Encrypt};
        let of = |kind, direction, bytes| ciphering(kind, direction, IV, &[]).length(bytes);
        assert_eq!(of(CKM_AES_CBC_PAD, Encrypt, 32), Ok(Length::Exactly(48)));
        assert_eq!(of(CKM_AES_CBC_PAD, Decrypt, 32), Ok(Length::AtMost(32)));
        assert_eq!(of(CKM_AES_CBC_PAD, Decrypt, 31), refuse(CKR_ENCRYPTED_DATA_LEN_RANGE));
        assert_eq!(of(CKM_AES_CBC, Encrypt, 31), refuse(CKR_DATA_LEN_RANGE));
        assert_eq!(of(CKM_AES_GCM, Decrypt, 15), refuse(CKR_ENCRYPTED_DATA_LEN_RANGE));
        assert_eq!(of(CKM_AES_GCM, Encrypt, LONGEST_DATA + 1), refuse(CKR_DATA_LEN_RANGE));
        assert_eq!(of(CKM_AES_GCM, Encrypt, 5), Ok(Length::Exactly(21)));
    }

    #[test]
    fn a_counter_never_begins_anew() {
        let mut last = [0; 16];
        last[15] = 254;
        let mut active = ciphering(CKM_AES_CTR, Direction::Encrypt, Parameter::Ctr { bits: 8, counter: last }, &[]);
        assert!(active.counts(32));
        assert!(!active.counts(33));
        active.streamed = 32;
        assert!(active.counts(0));
        assert!(!active.counts(1));
    }

    #[test]
    fn what_grows_keeps_its_bytes() {
        let mut grown = Zeroizing::new(vec![]);
        for byte in 0..100u8 {
            append(&mut grown, &[byte, byte]);
        }
        assert_eq!(grown.len(), 200);
        assert!(grown.chunks(2).enumerate().all(|(index, pair)| pair == [index as u8; 2]));
    }
}
