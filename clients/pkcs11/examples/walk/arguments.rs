//! Arguments of a call, right or bad in one of the ways there are, and what each way may be answered with.

use cryptoki_sys::*;

use crate::rows::Row;
use crate::state::{Role, State};

/// What a parameter, or a pair of them, is.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Session,
    Slot,
    /// A number that is right as it is.
    Word(CK_ULONG),
    /// Like `Word`, and another number with its answer.
    WordElse(CK_ULONG, CK_ULONG, CK_RV),
    /// NULL, and nothing else is right.
    Reserved,
    Mechanism(CK_MECHANISM_TYPE),
    /// A mechanism that is used at once: there is nothing that NULL would cancel.
    Once(CK_MECHANISM_TYPE),
    /// AES-GCM, used at once, with the parameter of a message: who makes its nonce.
    OnceByMessage(CK_GENERATOR_FUNCTION),
    Key(Role),
    /// A handle of an object, whatever it is.
    Object(Role),
    /// A pointer and a length: so many bytes, and the answers when there are none.
    In(usize, &'static [CK_RV]),
    /// The bytes that the state has for this operation (a signature, a ciphertext), and answers when they are wrong.
    Made(&'static [CK_RV]),
    /// A pointer and a pointer to a length.
    Out,
    /// The same of a part, or of nothing collected: too little room may be enough, and an error of the data come first.
    OutOfPart,
    /// The parameter of a message of AES-GCM, and its length.
    MessageOfGcm,
    /// A pointer to so many bytes of output.
    Place(usize),
    /// A pointer to handles and how many there is room for.
    Handles,
    /// A pointer to attributes and their number.
    Template(&'static [(CK_ATTRIBUTE_TYPE, Value)]),
}

#[derive(Clone, Copy, Debug)]
pub enum Value {
    Word(CK_ULONG),
    Truth(bool),
    Bytes(&'static [u8]),
    /// Room for a value that is read.
    Room(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    Null,
    /// NULL that asks how long the output would be.
    AsksLength,
    /// NULL that ends an operation.
    Cancels,
    LengthOfNull,
    HugeLength,
    Empty,
    Changed,
    TooSmall,
    NoLength,
    Zero,
    Last,
    NeverGiven,
    OfOtherKind,
    Unknown,
    ParameterOfNull,
    ParameterUnknown,
    ValueOfNull,
    ValueHuge,
    ValueOdd,
    NotNull,
    Other,
}

impl Bad {
    /// The others are calls that are right.
    pub fn is_wrong(self) -> bool {
        !matches!(self, Bad::AsksLength | Bad::Cancels)
    }
}

impl Kind {
    pub fn is_session(self) -> bool {
        matches!(self, Kind::Session)
    }

    pub fn bads(self) -> &'static [Bad] {
        match self {
            Kind::Session | Kind::Slot => &[Bad::NeverGiven, Bad::Last],
            Kind::Word(_) => &[],
            Kind::WordElse(..) => &[Bad::Other],
            Kind::Reserved => &[Bad::NotNull],
            Kind::Once(_) | Kind::OnceByMessage(_) => &[Bad::Null, Bad::Unknown, Bad::ParameterOfNull, Bad::ParameterUnknown],
            Kind::Mechanism(_) => &[Bad::Cancels, Bad::Unknown, Bad::ParameterOfNull, Bad::ParameterUnknown],
            Kind::Key(_) => &[Bad::Zero, Bad::NeverGiven, Bad::Last, Bad::OfOtherKind],
            Kind::Object(_) => &[Bad::Zero, Bad::NeverGiven, Bad::Last],
            Kind::In(..) => &[Bad::LengthOfNull, Bad::HugeLength, Bad::Empty],
            Kind::Made(_) => &[Bad::LengthOfNull, Bad::HugeLength, Bad::Empty, Bad::Changed],
            Kind::Out | Kind::OutOfPart => &[Bad::AsksLength, Bad::TooSmall, Bad::NoLength],
            Kind::MessageOfGcm => &[Bad::LengthOfNull, Bad::HugeLength],
            Kind::Place(_) => &[Bad::Null],
            Kind::Handles => &[Bad::LengthOfNull, Bad::HugeLength],
            Kind::Template(_) => &[Bad::LengthOfNull, Bad::HugeLength, Bad::ValueOfNull, Bad::ValueHuge, Bad::ValueOdd],
        }
    }

    /// What the specification lets a function say of it.
    pub fn answers(self, bad: Bad) -> Vec<CK_RV> {
        match (self, bad) {
            (_, Bad::AsksLength | Bad::Cancels) => vec![],
            (Kind::Session, _) => vec![CKR_SESSION_HANDLE_INVALID],
            (Kind::Slot, _) => vec![CKR_SLOT_ID_INVALID],
            (Kind::WordElse(_, _, answer), _) => vec![answer],
            (Kind::Mechanism(_) | Kind::Once(_) | Kind::OnceByMessage(_), Bad::Unknown) => vec![CKR_MECHANISM_INVALID],
            (Kind::Mechanism(_) | Kind::Once(_) | Kind::OnceByMessage(_), _) => vec![CKR_MECHANISM_PARAM_INVALID, CKR_ARGUMENTS_BAD],
            (Kind::Key(_), Bad::OfOtherKind) => {
                vec![
                    CKR_KEY_TYPE_INCONSISTENT,
                    CKR_KEY_FUNCTION_NOT_PERMITTED,
                    CKR_WRAPPING_KEY_TYPE_INCONSISTENT,
                    CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT,
                    CKR_KEY_NOT_WRAPPABLE,
                    CKR_OBJECT_HANDLE_INVALID,
                    CKR_KEY_INDIGESTIBLE,
                ]
            }
            (Kind::Object(_), _) => vec![CKR_OBJECT_HANDLE_INVALID],
            (Kind::Key(_), _) => {
                vec![CKR_KEY_HANDLE_INVALID, CKR_OBJECT_HANDLE_INVALID, CKR_WRAPPING_KEY_HANDLE_INVALID, CKR_UNWRAPPING_KEY_HANDLE_INVALID]
            }
            (Kind::MessageOfGcm, _) => vec![CKR_MECHANISM_PARAM_INVALID, CKR_ARGUMENTS_BAD],
            (Kind::In(_, empty), Bad::Empty) => empty.to_vec(),
            (Kind::Made(wrong), Bad::Empty | Bad::Changed) => wrong.to_vec(),
            (Kind::Out, Bad::TooSmall) => vec![CKR_BUFFER_TOO_SMALL],
            (Kind::OutOfPart, Bad::TooSmall) => vec![CKR_OK, CKR_BUFFER_TOO_SMALL, CKR_ENCRYPTED_DATA_LEN_RANGE],
            (Kind::Template(_), Bad::ValueOfNull | Bad::ValueHuge | Bad::ValueOdd) => {
                vec![CKR_ATTRIBUTE_VALUE_INVALID, CKR_ARGUMENTS_BAD, CKR_TEMPLATE_INCONSISTENT, CKR_BUFFER_TOO_SMALL]
            }
            _ => vec![CKR_ARGUMENTS_BAD],
        }
    }

    fn is_template_of_room(self) -> bool {
        matches!(self, Kind::Template(values) if values.iter().any(|(_, value)| matches!(value, Value::Room(_))))
    }
}

const CANARY: u8 = 0xa5;
const BEYOND: usize = 64;
/// More than any output here is long.
const ROOM: usize = 8192;

/// Words of a call with the memory they point to.
pub struct Call<'a> {
    row: &'a Row,
    /// Where each kind's words begin.
    starts: Vec<usize>,
    words: Vec<usize>,
    memory: Vec<Box<[u8]>>,
    /// Each in a place of its own: pointers to them are handed out while more come.
    #[allow(clippy::vec_box)]
    mechanisms: Vec<Box<CK_MECHANISM>>,
    templates: Vec<Box<[CK_ATTRIBUTE]>>,
    outputs: Vec<(*const u8, Box<CK_ULONG>)>,
}

impl<'a> Call<'a> {
    pub fn new(state: &State, row: &'a Row, session: CK_SESSION_HANDLE) -> Call<'a> {
        let mut call = Call { row, starts: vec![], words: vec![], memory: vec![], mechanisms: vec![], templates: vec![], outputs: vec![] };
        for kind in row.kinds {
            call.starts.push(call.words.len());
            call.add(state, row, *kind, session);
        }
        call
    }

    pub fn words(&self) -> &[usize] {
        &self.words
    }

    fn bytes(&mut self, bytes: Vec<u8>) -> usize {
        let mut boxed = bytes.into_boxed_slice();
        let address = boxed.as_mut_ptr() as usize;
        self.memory.push(boxed);
        address
    }

    /// Six words: the nonce, its length, none of its bits fixed, who makes it; the tag and its bits.
    fn message_of_gcm(&mut self, generator: CK_GENERATOR_FUNCTION) -> usize {
        let (nonce, tag) = (self.bytes(vec![9; 12]), self.bytes(vec![0; 16]));
        let words = [nonce, 12, 0, generator as usize, tag, 128];
        self.bytes(words.iter().flat_map(|word: &usize| word.to_ne_bytes()).collect())
    }

    fn add(&mut self, state: &State, row: &Row, kind: Kind, session: CK_SESSION_HANDLE) {
        match kind {
            Kind::Session => self.words.push(session as usize),
            Kind::Slot => self.words.push(state.slot as usize),
            Kind::Word(word) | Kind::WordElse(word, ..) => self.words.push(word as usize),
            Kind::Reserved => self.words.push(0),
            Kind::Mechanism(kind) | Kind::Once(kind) => {
                let mut mechanism = Box::new(state.mechanism(kind));
                self.words.push(std::ptr::from_mut(&mut *mechanism) as usize);
                self.mechanisms.push(mechanism);
            }
            Kind::OnceByMessage(generator) => {
                let (parameter, length) = (self.message_of_gcm(generator), size_of::<CK_GCM_MESSAGE_PARAMS>() as CK_ULONG);
                let mut mechanism =
                    Box::new(CK_MECHANISM { mechanism: CKM_AES_GCM, pParameter: parameter as *mut _, ulParameterLen: length });
                self.words.push(std::ptr::from_mut(&mut *mechanism) as usize);
                self.mechanisms.push(mechanism);
            }
            Kind::Key(role) | Kind::Object(role) => self.words.push(state.key(role) as usize),
            Kind::In(length, _) => {
                let address = self.bytes(vec![7; length]);
                self.words.extend([address, length]);
            }
            Kind::Made(_) => {
                let made = state.made(row.needs.expect("made for an operation"));
                let length = made.len();
                let address = self.bytes(made);
                self.words.extend([address, length]);
            }
            Kind::Out | Kind::OutOfPart => {
                let address = self.bytes(vec![CANARY; ROOM + BEYOND]);
                let mut length = Box::new(ROOM as CK_ULONG);
                self.words.extend([address, std::ptr::from_mut(&mut *length) as usize]);
                self.outputs.push((address as *const u8, length));
            }
            Kind::Place(length) => {
                let address = self.bytes(vec![0; length]);
                self.words.push(address);
            }
            Kind::MessageOfGcm => {
                let parameter = self.message_of_gcm(CKG_NO_GENERATE);
                self.words.extend([parameter, size_of::<CK_GCM_MESSAGE_PARAMS>()]);
            }
            Kind::Handles => {
                let address = self.bytes(vec![0; 4 * size_of::<CK_ULONG>()]);
                self.words.extend([address, 4]);
            }
            Kind::Template(values) => {
                let attributes: Vec<CK_ATTRIBUTE> = values.iter().map(|(kind, value)| self.attribute(*kind, *value)).collect();
                let mut attributes = attributes.into_boxed_slice();
                self.words.extend([attributes.as_mut_ptr() as usize, attributes.len()]);
                self.templates.push(attributes);
            }
        }
    }

    fn attribute(&mut self, kind: CK_ATTRIBUTE_TYPE, value: Value) -> CK_ATTRIBUTE {
        let bytes = match value {
            Value::Word(word) => word.to_ne_bytes().to_vec(),
            Value::Truth(truth) => vec![u8::from(truth)],
            Value::Bytes(bytes) => bytes.to_vec(),
            Value::Room(room) => vec![CANARY; room],
        };
        let length = bytes.len() as CK_ULONG;
        // Memory for any length that a spoilt attribute says.
        let address = self.bytes([bytes, vec![0; size_of::<CK_ULONG>()]].concat());
        CK_ATTRIBUTE { type_: kind, pValue: address as *mut _, ulValueLen: length }
    }

    /// Makes one argument bad.
    pub fn spoil(&mut self, place: usize, bad: Bad, state: &State) {
        let (kind, word) = (self.row.kinds[place], self.starts[place]);
        let position = |wanted: fn(&Kind) -> bool| self.row.kinds[..place].iter().filter(|kind| wanted(kind)).count();
        match (kind, bad) {
            (_, Bad::Null | Bad::AsksLength | Bad::Cancels | Bad::LengthOfNull | Bad::Zero) => self.words[word] = 0,
            (_, Bad::NeverGiven) => self.words[word] = 0x00de_fec8,
            (_, Bad::Last) => self.words[word] = usize::MAX,
            (_, Bad::HugeLength) => self.words[word + 1] = usize::MAX,
            (_, Bad::NoLength) => self.words[word + 1] = 0,
            (_, Bad::NotNull) => self.words[word] = self.bytes(vec![1, 0]),
            (Kind::In(..) | Kind::Made(_), Bad::Empty) => self.words[word + 1] = 0,
            (_, Bad::Changed) => {
                let index = self.memory.iter().position(|bytes| bytes.as_ptr() as usize == self.words[word]).expect("its memory");
                self.memory[index][1] ^= 1;
            }
            (Kind::Out | Kind::OutOfPart, Bad::TooSmall) => {
                let index = position(|kind| matches!(kind, Kind::Out | Kind::OutOfPart));
                *self.outputs[index].1 = 1;
            }
            (Kind::WordElse(_, other, _), _) => self.words[word] = other as usize,
            (Kind::Key(role), Bad::OfOtherKind) => self.words[word] = state.key(role.other()) as usize,
            (Kind::Mechanism(_) | Kind::Once(_) | Kind::OnceByMessage(_), bad) => {
                let index = position(|kind| matches!(kind, Kind::Mechanism(_) | Kind::Once(_) | Kind::OnceByMessage(_)));
                let garbage = self.bytes(vec![0xee; 3]);
                let mechanism = &mut self.mechanisms[index];
                match bad {
                    Bad::Unknown => mechanism.mechanism = 0x7fff_0000,
                    Bad::ParameterOfNull => (mechanism.pParameter, mechanism.ulParameterLen) = (std::ptr::null_mut(), 16),
                    _ => (mechanism.pParameter, mechanism.ulParameterLen) = (garbage as *mut _, 3),
                }
            }
            (Kind::Template(_), bad) => {
                let index = position(|kind| matches!(kind, Kind::Template(_)));
                let last = self.templates[index].last_mut().expect("an attribute");
                match bad {
                    Bad::ValueOfNull => last.pValue = std::ptr::null_mut(),
                    Bad::ValueHuge => last.ulValueLen = CK_ULONG::MAX,
                    _ => last.ulValueLen = 3,
                }
            }
            (kind, bad) => unreachable!("{kind:?} {bad:?}"),
        }
    }

    /// What was written where there was no room, or the length that is missing.
    pub fn overrun(&self, answer: CK_RV) -> Option<String> {
        for (start, length) in &self.outputs {
            let bytes = self.memory.iter().find(|bytes| bytes.as_ptr() == *start)?;
            let told = usize::try_from(**length).unwrap_or(usize::MAX);
            let written = match answer {
                CKR_OK => told,
                _ => 0,
            };
            if answer == CKR_BUFFER_TOO_SMALL && !(2..=ROOM).contains(&told) {
                return Some(format!("too small, but {told} bytes would be needed"));
            }
            let asked = self.words.iter().all(|word| *word != *start as usize);
            let from = if asked { 0 } else { written.min(ROOM) };
            if bytes[from..].iter().any(|byte| *byte != CANARY) {
                return Some("memory after the output was written".to_owned());
            }
        }
        None
    }
}

/// Whether a bad value is none where values are read: NULL asks for a length, and room may be said to be huge.
pub fn asks_by_null(kind: Kind, bad: Bad) -> bool {
    kind.is_template_of_room() && matches!(bad, Bad::ValueOfNull | Bad::ValueHuge)
}
