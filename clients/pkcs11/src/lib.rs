//! `libhsm_pkcs11.so`: PKCS#11 3.2 in front of a Keystead server.
//!
//! The module holds no key and decides nothing: it turns calls of the specification into operations of the service, and
//! what was refused there into `CKR_*` by the one table of errors. Digests and checks with public keys are done here,
//! because they need nothing of the vault.
//!
//! Only `ffi` touches pointers; everything else is safe Rust, and the compiler holds us to that.

mod config;
mod crypto;
mod error;
mod ffi;
mod generated;
mod keys;
mod module;
mod objects;
mod output;
mod remote;
mod stored;
mod token;
mod trace;

/// Messages of proto/, written by build.rs.
mod proto {
    // The proto is the whole service; the module uses a part of it.
    #![allow(dead_code, clippy::all, clippy::pedantic)]
    include!(concat!(env!("OUT_DIR"), "/hsm.rs"));
}
