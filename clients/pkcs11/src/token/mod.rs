//! Slots with their tokens, who is logged in, and sessions.

pub mod information;
pub mod session;
pub mod slot;
