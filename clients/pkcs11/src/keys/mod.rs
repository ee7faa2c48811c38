//! Keys that are made, taken in, changed, moved and destroyed: templates become requests, and the vault decides.

mod algorithms;
mod change;
mod copy;
mod create;
mod dates;
mod derive;
mod generate;
mod known;
pub mod mechanism_names;
mod new_key;
mod public;
mod wanted;
mod wrap;
mod wrap_authenticated;

pub use algorithms::{hmac_of, hmac_type, set_of};
