//! `HSM_PKCS11_TRACE`: one line for each call, on the standard error or in a file.
//!
//! Functions, mechanisms, types of attributes, lengths, handles, answers and times. Never a PIN or its length, never data,
//! signatures or the value of an attribute.

use std::ffi::c_void;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cryptoki_sys::*;

use super::environment;
use super::names;

/// An argument, as far as it is shown.
#[derive(Clone, Copy)]
pub enum Argument {
    Number(CK_ULONG),
    /// A pointer of which only this is shown.
    IsNull(bool),
    /// What stands there after the call.
    Count(*const CK_ULONG),
    Mechanism(*const CK_MECHANISM),
    /// The next argument says how many there are.
    Template(*const CK_ATTRIBUTE),
}

macro_rules! pointers {
    ($($type:ty),*) => {
        $(impl From<*mut $type> for Argument {
            fn from(pointer: *mut $type) -> Argument {
                Argument::IsNull(pointer.is_null())
            }
        })*
    };
}

pointers!(
    c_void,
    u8,
    CK_INFO,
    CK_SLOT_INFO,
    CK_TOKEN_INFO,
    CK_MECHANISM_INFO,
    CK_SESSION_INFO,
    CK_VERSION,
    CK_INTERFACE,
    *mut CK_INTERFACE,
    *mut CK_FUNCTION_LIST,
    CK_ASYNC_DATA
);

impl From<CK_ULONG> for Argument {
    fn from(number: CK_ULONG) -> Argument {
        Argument::Number(number)
    }
}

impl From<CK_BBOOL> for Argument {
    fn from(truth: CK_BBOOL) -> Argument {
        Argument::Number(truth.into())
    }
}

impl From<CK_NOTIFY> for Argument {
    fn from(callback: CK_NOTIFY) -> Argument {
        Argument::IsNull(callback.is_none())
    }
}

impl From<*mut CK_ULONG> for Argument {
    fn from(count: *mut CK_ULONG) -> Argument {
        Argument::Count(count)
    }
}

impl From<*mut CK_MECHANISM> for Argument {
    fn from(mechanism: *mut CK_MECHANISM) -> Argument {
        Argument::Mechanism(mechanism)
    }
}

impl From<*mut CK_ATTRIBUTE> for Argument {
    fn from(template: *mut CK_ATTRIBUTE) -> Argument {
        Argument::Template(template)
    }
}

/// Templates of more attributes are not looked into, as the functions do not.
const MOST_ATTRIBUTES: CK_ULONG = 4096;

/// Where lines go, opened once. No lock: a child of a fork must not wait for a thread that it does not have, and a line is
/// one write to a file that is appended to.
fn sink() -> Option<&'static File> {
    static SINK: OnceLock<Option<File>> = OnceLock::new();
    let open = || match environment::variable("HSM_PKCS11_TRACE")?.as_str() {
        "" => None,
        "stderr" => io::stderr().as_fd().try_clone_to_owned().ok().map(File::from),
        path => OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC).open(path).ok(),
    };
    SINK.get_or_init(open).as_ref()
}

pub fn is_on() -> bool {
    sink().is_some()
}

pub fn line(function: &str, arguments: &[(&str, Argument)], rv: CK_RV, took: Duration) {
    let Some(mut sink) = sink() else { return };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut text =
        format!("{}.{:06} {} {:?} {function}(", now.as_secs(), now.subsec_micros(), std::process::id(), std::thread::current().id());
    for (place, (name, argument)) in arguments.iter().enumerate().filter(|(_, (name, _))| !name.starts_with("pin")) {
        let count = match arguments.get(place + 1) {
            Some((_, Argument::Number(count))) => *count,
            _ => 0,
        };
        let separator = if place == 0 { "" } else { ", " };
        let _ = write!(text, "{separator}{name}=");
        show(&mut text, *argument, count, rv);
    }
    let _ = write!(text, ") = ");
    name_or_number(&mut text, names::of_answer(rv), rv);
    let _ = writeln!(text, " {} us", took.as_micros());
    // A trace that cannot be written ends nothing.
    let _ = sink.write_all(text.as_bytes());
}

fn show(text: &mut String, argument: Argument, count: CK_ULONG, rv: CK_RV) {
    let _ = match argument {
        Argument::Number(number) => write!(text, "{number:#x}"),
        Argument::IsNull(true) => write!(text, "NULL"),
        Argument::IsNull(false) => write!(text, "set"),
        // Only these answers promise that something was written.
        Argument::Count(pointer) if !pointer.is_null() && matches!(rv, CKR_OK | CKR_BUFFER_TOO_SMALL) => {
            // SAFETY: not NULL, and the function has just written there.
            write!(text, "{:#x}", unsafe { pointer.read_unaligned() })
        }
        Argument::Count(pointer) => write!(text, "{}", if pointer.is_null() { "NULL" } else { "set" }),
        Argument::Mechanism(pointer) => {
            // SAFETY: NULL, or by the caller's promise a mechanism.
            if let Some(mechanism) = unsafe { pointer.as_ref() } {
                name_or_number(text, names::of_mechanism(mechanism.mechanism), mechanism.mechanism);
                write!(text, "[{}]", mechanism.ulParameterLen)
            } else {
                write!(text, "NULL")
            }
        }
        Argument::Template(pointer) if pointer.is_null() || count > MOST_ATTRIBUTES => write!(text, "NULL"),
        Argument::Template(pointer) => {
            for place in 0..count as usize {
                // SAFETY: not NULL, and the caller's promise of so many attributes.
                let attribute = unsafe { pointer.add(place).read_unaligned() };
                text.push(if place == 0 { '[' } else { ' ' });
                name_or_number(text, names::of_attribute(attribute.type_), attribute.type_);
                let _ = match attribute.ulValueLen {
                    CK_UNAVAILABLE_INFORMATION => write!(text, ":none"),
                    length => write!(text, ":{length}"),
                };
            }
            write!(text, "]")
        }
    };
}

fn name_or_number(text: &mut String, name: Option<&str>, number: CK_ULONG) {
    let _ = match name {
        Some(name) => write!(text, "{name}"),
        None => write!(text, "{number:#x}"),
    };
}
