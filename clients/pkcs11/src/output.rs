//! The convention of functions that return output of variable length (PKCS#11 3.2 §5.2), without its pointers.

use zeroize::Zeroizing;

/// What the caller has room for.
#[derive(Clone, Copy, Debug)]
pub enum Room {
    /// It only asks how much it would be.
    AsksLength,
    Bytes(usize),
}

/// What it gets.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// The length it asked for; the operation stays active.
    Length(usize),
    /// So much was needed; the operation stays active.
    TooSmall(usize),
    Bytes(Vec<u8>),
    /// The same, wiped once it was delivered.
    Secret(Zeroizing<Vec<u8>>),
}

impl Room {
    /// The answer that needs no output to be made: the caller asks, or has too little room.
    pub fn without(self, length: usize) -> Option<Output> {
        match self {
            Room::AsksLength => Some(Output::Length(length)),
            Room::Bytes(room) if room < length => Some(Output::TooSmall(length)),
            Room::Bytes(_) => None,
        }
    }
}
