//! The module of this process. A child of a fork has none, whatever its parent had.
//!
//! No lock is taken before it is known that this process made it: a thread that the child does not have may have held
//! one of the parent's for ever. What the parent made is left alone in the child, its connections above all.

use std::process;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use cryptoki_sys::{CKR_CRYPTOKI_ALREADY_INITIALIZED, CKR_CRYPTOKI_NOT_INITIALIZED};

use crate::error::{Answer, Refusal, refuse};
use crate::module::Module;

/// One per process that ever initialised; never freed.
struct Generation {
    pid: u32,
    module: Mutex<Option<Arc<Module>>>,
}

static CURRENT: AtomicPtr<Generation> = AtomicPtr::new(ptr::null_mut());

fn own() -> Option<&'static Generation> {
    // SAFETY: null, or leaked by `own_or_new` and never changed but through its mutex.
    let generation = unsafe { CURRENT.load(Ordering::Acquire).as_ref() }?;
    (generation.pid == process::id()).then_some(generation)
}

fn own_or_new() -> &'static Generation {
    loop {
        if let Some(generation) = own() {
            return generation;
        }
        let before = CURRENT.load(Ordering::Acquire);
        let made = Box::into_raw(Box::new(Generation { pid: process::id(), module: Mutex::new(None) }));
        if CURRENT.compare_exchange(before, made, Ordering::AcqRel, Ordering::Acquire).is_err() {
            // SAFETY: nobody but this thread has ever seen it.
            drop(unsafe { Box::from_raw(made) });
        }
    }
}

pub fn initialise(make: impl FnOnce() -> Answer<Module>) -> Answer<()> {
    let mut module = own_or_new().module.lock().unwrap_or_else(PoisonError::into_inner);
    if module.is_some() {
        return refuse(CKR_CRYPTOKI_ALREADY_INITIALIZED);
    }
    *module = Some(Arc::new(make()?));
    Ok(())
}

pub fn module() -> Answer<Arc<Module>> {
    let module = own().and_then(|own| own.module.lock().unwrap_or_else(PoisonError::into_inner).clone());
    module.ok_or(Refusal(CKR_CRYPTOKI_NOT_INITIALIZED))
}

pub fn finalise() -> Answer<()> {
    let module = own().and_then(|own| own.module.lock().unwrap_or_else(PoisonError::into_inner).take());
    module.ok_or(Refusal(CKR_CRYPTOKI_NOT_INITIALIZED))?.finish();
    Ok(())
}
