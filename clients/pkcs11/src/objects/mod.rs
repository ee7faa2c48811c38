//! What a token holds, as PKCS#11 shows it: objects, their attributes, templates, finding.

pub mod attributes;
pub mod object;
mod search;
pub mod template;
