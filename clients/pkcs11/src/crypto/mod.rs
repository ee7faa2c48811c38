//! Work with keys: what the vault does when it is asked, and what needs nothing of it (digests, public halves).

pub mod cipher;
mod codes;
pub mod der;
pub mod digests;
pub mod mechanisms;
pub mod message_signatures;
pub mod messages;
pub mod modes;
pub mod public_key;
mod random;
pub mod raw;
pub mod sign;
pub mod verify;
pub mod verify_signature;
