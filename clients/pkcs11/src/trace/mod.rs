//! `HSM_PKCS11_TRACE`: one line for each call, to standard error or to a file.
//!
//! A line has names, numbers and lengths: the function, handles, the mechanism, types of attributes, the return value, how long
//! it took, process and thread. It never has a PIN or the length of one, data, signatures, or the value of an attribute.
//!
//! No lock: a line leaves in one write to a file that is appended to, so a child of a fork finds nothing locked.

mod names;

use std::cell::RefCell;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::process;
use std::sync::OnceLock;
use std::thread;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use cryptoki_sys::{CK_ATTRIBUTE_TYPE, CK_MECHANISM_TYPE, CK_RV};

use crate::ffi::environment::variable;

/// Their lengths are those of PINs.
const WITH_PINS: &[&str] = &["C_Login", "C_LoginUser", "C_InitPIN", "C_SetPIN", "C_InitToken"];

static SINK: OnceLock<Option<File>> = OnceLock::new();

thread_local! {
    /// The call that this thread is in, while calls are traced.
    static CALL: RefCell<Option<Call>> = const { RefCell::new(None) };
}

struct Call {
    name: &'static str,
    said: String,
    began: Instant,
}

fn sink() -> Option<&'static File> {
    SINK.get_or_init(|| open(&variable("HSM_PKCS11_TRACE")?)).as_ref()
}

/// None when it cannot be opened: a trace is no reason to fail.
fn open(target: &str) -> Option<File> {
    if target.is_empty() {
        return None;
    }
    if target == "stderr" {
        return std::io::stderr().as_fd().try_clone_to_owned().ok().map(File::from);
    }
    let file = OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(libc::O_NOFOLLOW).open(target).ok()?;
    // A file that was there must be as private as one that is made.
    let about = file.metadata().ok()?;
    (about.is_file() && about.mode() & 0o077 == 0).then_some(file)
}

/// Runs a call, and writes its line when calls are traced. `name` is that of its closure, in which the function's stands.
pub fn traced(name: &'static str, call: impl FnOnce() -> CK_RV) -> CK_RV {
    let Some(mut sink) = sink() else { return call() };
    let name = name.split("::").find(|part| part.starts_with("C_")).unwrap_or("?");
    CALL.set(Some(Call { name, said: String::new(), began: Instant::now() }));
    let rv = call();
    if let Some(Call { name, said, began }) = CALL.take() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let (at, us, returned) = (now.as_micros(), began.elapsed().as_micros(), names::return_value(rv));
        let (seconds, micros, pid, thread) = (at / 1_000_000, at % 1_000_000, process::id(), thread::current().id());
        let line = format!("{seconds}.{micros:06} {pid} {thread:?} {name}({said}) = {returned} {us}us\n");
        let _ = sink.write_all(line.as_bytes());
    }
    rv
}

fn say(what: impl FnOnce(&mut Call)) {
    // A thread that ends has none any more.
    let _ = CALL.try_with(|call| {
        if let Some(call) = &mut *call.borrow_mut() {
            if !call.said.is_empty() {
                call.said.push_str(", ");
            }
            what(call);
        }
    });
}

/// A handle or a number of a slot.
pub fn handle(name: &str, handle: u64) {
    say(|call| _ = write!(call.said, "{name}={handle}"));
}

/// A length of input or output, unless it is that of a PIN.
pub fn length(name: &str, bytes: u64) {
    say(|call| {
        if WITH_PINS.contains(&call.name) {
            call.said.push_str("...");
        } else {
            _ = write!(call.said, "{name}={bytes}");
        }
    });
}

pub fn mechanism(kind: CK_MECHANISM_TYPE) {
    say(|call| call.said.push_str(&names::mechanism(kind)));
}

/// An attribute by its type and the length that was given for it.
pub fn attribute(kind: CK_ATTRIBUTE_TYPE, bytes: u64) {
    say(|call| _ = write!(call.said, "{}[{}]", names::attribute(kind), bytes.cast_signed()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::{env, fs};

    #[test]
    fn a_file_is_private_and_never_reached_over_a_link() {
        let folder = env::temp_dir().join(format!("keystead-trace-{}", process::id()));
        fs::create_dir(&folder).unwrap();
        let (path, link) = (folder.join("trace"), folder.join("link"));
        open(path.to_str().unwrap()).unwrap().write_all(b"first\n").unwrap();
        open(path.to_str().unwrap()).unwrap().write_all(b"second\n").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_to_string(&path).unwrap(), "first\nsecond\n");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(open(link.to_str().unwrap()).is_none());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(open(path.to_str().unwrap()).is_none());
        fs::remove_dir_all(&folder).unwrap();
    }
}
