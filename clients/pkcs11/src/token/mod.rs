//! Slots with their tokens, who is logged in, and sessions.

mod discovery;
pub mod information;
pub mod once;
mod pins;
pub mod session;
pub mod slot;
pub mod view;

pub use discovery::slots;
