//! Every function that does something, by the families of the specification. Each only carries arguments in and answers
//! out.
//!
//! SAFETY of all blocks here: pointers are used through `memory` and `parameters` alone, under the caller's promise that a
//! pointer which is not NULL points to as much as its length says.
#![allow(non_snake_case, clippy::missing_safety_doc)]

mod cipher;
mod decrypt;
mod digest;
mod encrypt;
mod general;
mod keys;
mod keys_of_keys;
mod message_signatures;
mod messages;
mod objects;
mod objects_changed;
mod parallel;
mod pins;
mod random;
mod sessions;
mod sign;
mod slots;
mod state;
mod verify;
mod verify_signature;

pub use decrypt::*;
pub use digest::*;
pub use encrypt::*;
pub use general::*;
pub use keys::*;
pub use keys_of_keys::*;
pub use message_signatures::*;
pub use messages::*;
pub use objects::*;
pub use objects_changed::*;
pub use parallel::*;
pub use pins::*;
pub use random::*;
pub use sessions::*;
pub use sign::*;
pub use slots::*;
pub use state::*;
pub use verify::*;
pub use verify_signature::*;
