//! Keys that are made, taken in, changed, moved and destroyed: templates become requests, and the vault decides.

mod algorithms;
mod change;
mod create;
mod dates;
mod generate;
mod known;
pub mod mechanism_names;
mod new_key;
mod public;
mod wanted;

pub use algorithms::set_of;
