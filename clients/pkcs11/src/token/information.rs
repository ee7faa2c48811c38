//! What the library, its slots and its tokens say of themselves: texts padded with blanks, as the specification wants.

use cryptoki_sys::*;
use sha2::{Digest, Sha256};

use crate::token::slot::{LONGEST_PIN, Slot};

const MAKER: &str = "Keystead";
/// Of this crate.
const VERSION: CK_VERSION = CK_VERSION { major: 0, minor: 1 };

pub fn library() -> CK_INFO {
    CK_INFO {
        cryptokiVersion: CK_VERSION { major: 3, minor: 2 },
        manufacturerID: padded(MAKER),
        flags: 0,
        libraryDescription: padded("Keystead PKCS#11 module"),
        libraryVersion: VERSION,
    }
}

pub fn slot(slot: &Slot) -> CK_SLOT_INFO {
    CK_SLOT_INFO {
        slotDescription: padded(&format!("Keystead namespace {}", slot.config.namespace)),
        manufacturerID: padded(MAKER),
        flags: CKF_TOKEN_PRESENT,
        hardwareVersion: VERSION,
        firmwareVersion: VERSION,
    }
}

pub fn token(slot: &Slot, (sessions, writing): (CK_ULONG, CK_ULONG)) -> CK_TOKEN_INFO {
    let login = if slot.needs_login() { CKF_LOGIN_REQUIRED | CKF_USER_PIN_INITIALIZED } else { 0 };
    CK_TOKEN_INFO {
        label: padded(&slot.config.label),
        manufacturerID: padded(MAKER),
        model: padded("Keystead"),
        serialNumber: padded(&serial(slot)),
        flags: CKF_RNG | CKF_TOKEN_INITIALIZED | login,
        ulMaxSessionCount: CK_EFFECTIVELY_INFINITE,
        ulSessionCount: sessions,
        ulMaxRwSessionCount: CK_EFFECTIVELY_INFINITE,
        ulRwSessionCount: writing,
        ulMaxPinLen: LONGEST_PIN as CK_ULONG,
        ulMinPinLen: CK_ULONG::from(slot.needs_login()),
        ulTotalPublicMemory: CK_UNAVAILABLE_INFORMATION,
        ulFreePublicMemory: CK_UNAVAILABLE_INFORMATION,
        ulTotalPrivateMemory: CK_UNAVAILABLE_INFORMATION,
        ulFreePrivateMemory: CK_UNAVAILABLE_INFORMATION,
        hardwareVersion: VERSION,
        firmwareVersion: VERSION,
        // No clock: CKF_CLOCK_ON_TOKEN is not set.
        utcTime: [b' '; 16],
    }
}

/// The same for the same view of the same namespace, another for every other.
fn serial(slot: &Slot) -> String {
    let config = &slot.config;
    let view =
        [vec![config.namespace.clone(), config.label.clone()], config.tags.clone(), config.algorithms.clone()].map(|part| part.join(","));
    let hash = Sha256::digest(view.join("\n"));
    hash[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Cut between characters, then padded with blanks; never ended by a zero.
fn padded<const N: usize>(text: &str) -> [CK_UTF8CHAR; N] {
    let mut field = [b' '; N];
    let end = (0..=N.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    field[..end].copy_from_slice(&text.as_bytes()[..end]);
    field
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_padded_and_never_cut_within_a_character() {
        assert_eq!(&padded::<6>("abc"), b"abc   ");
        assert_eq!(&padded::<4>("abcde"), b"abcd");
        assert_eq!(&padded::<4>("abcé"), b"abc ");
    }
}
