//! The C side of the module, and all of its `unsafe`: pointers become slices and values here, once, checked for NULL and
//! for lengths that cannot be; a panic becomes `CKR_GENERAL_ERROR`. Nothing else happens here.
#![allow(unsafe_code)]

mod current;
pub mod environment;
mod functions;
mod lists;
mod memory;
mod message_parameters;
mod parameters;
pub mod signals;
pub mod unix_socket;
mod unsupported;

#[cfg(test)]
mod tests;

use std::any::type_name;
use std::panic::{AssertUnwindSafe, catch_unwind};

use cryptoki_sys::{CK_RV, CKR_GENERAL_ERROR, CKR_OK};

use crate::error::Answer;
use crate::remote::deadline::within_call;
use crate::trace::traced;

/// The return value of a call, whatever happens in it.
fn guard<W: FnOnce() -> Answer<()>>(work: W) -> CK_RV {
    // The closure is named after the function that it is in.
    traced(type_name::<W>(), || match catch_unwind(AssertUnwindSafe(|| within_call(work))) {
        Ok(Ok(())) => CKR_OK,
        Ok(Err(refusal)) => refusal.0,
        Err(_) => CKR_GENERAL_ERROR,
    })
}
