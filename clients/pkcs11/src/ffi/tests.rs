//! The lists hold every function, and the table of those that are not built says the truth.

use cryptoki_sys::*;

use super::lists::{INTERFACES, LIST_2_40, LIST_3_2, NAMES};
use super::unsupported::UNSUPPORTED;

#[test]
fn every_function_of_every_list_is_there() {
    let words = |bytes: usize| (bytes - size_of::<*const ()>()) / size_of::<*const ()>();
    for (list, count) in INTERFACES.0.iter().zip([
        words(size_of::<CK_FUNCTION_LIST_3_2>()),
        words(size_of::<CK_FUNCTION_LIST_3_0>()),
        words(size_of::<CK_FUNCTION_LIST>()),
    ]) {
        // SAFETY: a list is its version, padded to a pointer's size, and so many pointers.
        let pointers = unsafe { std::slice::from_raw_parts(list.pFunctionList.cast::<usize>().add(1), count) };
        assert!(pointers.iter().all(|pointer| *pointer != 0));
    }
}

#[test]
fn a_list_of_an_older_version_is_the_beginning_of_the_newer_one() {
    assert_eq!(LIST_2_40.C_WaitForSlotEvent.map(|f| f as usize), LIST_3_2.C_WaitForSlotEvent.map(|f| f as usize));
}

/// Every function of the newest list by its name, as an address.
fn functions() -> Vec<(&'static str, usize)> {
    // SAFETY: a list is its version, padded to a pointer's size, and as many pointers as it has names.
    let pointers = unsafe { std::slice::from_raw_parts(std::ptr::from_ref(&LIST_3_2).cast::<usize>().add(1), NAMES.len()) };
    NAMES.iter().copied().zip(pointers.iter().copied()).collect()
}

#[test]
fn before_initialisation_every_function_says_so_or_that_it_is_not_built() {
    let functions = functions();
    assert_eq!(functions.len(), 104);
    let mut refused = vec![];
    for (name, address) in functions {
        if name == "C_Initialize" {
            continue;
        }
        // SAFETY: no function takes more arguments than these, all are words, and the C convention ignores those too many.
        let function: extern "C" fn(usize, usize, usize, usize, usize, usize, usize, usize, usize, usize) -> CK_RV =
            unsafe { std::mem::transmute(address) };
        let rv = function(0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
        match name {
            "C_GetFunctionList" | "C_GetInterfaceList" | "C_GetInterface" => assert_eq!(rv, CKR_ARGUMENTS_BAD, "{name}"),
            _ if rv == CKR_FUNCTION_NOT_SUPPORTED => refused.push(name),
            _ => assert_eq!(rv, CKR_CRYPTOKI_NOT_INITIALIZED, "{name}"),
        }
    }
    assert_eq!(refused, UNSUPPORTED);
}
