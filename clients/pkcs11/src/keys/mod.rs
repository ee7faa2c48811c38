//! Keys that are made, taken in, changed, moved and destroyed: templates become requests, and the vault decides.

mod algorithms;
mod dates;
pub mod generate;
mod known;
pub mod mechanism_names;
mod new_key;
mod wanted;

pub use algorithms::set_of;
