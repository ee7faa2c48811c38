//! What a token holds, as PKCS#11 shows it: objects, their attributes, templates, finding.

pub mod announced;
pub mod attributes;
pub mod ending;
pub mod material;
pub mod object;
pub mod search;
pub mod template;
