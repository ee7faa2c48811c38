//! What the library, its slots and its tokens say of themselves: texts padded with blanks, as the specification wants.

use cryptoki_sys::*;
use sha2::{Digest, Sha256};

use crate::error::{Answer, Refusal, refuse};
use crate::proto::Token;
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
        slotDescription: padded(&match &slot.config.token {
            Some(token) => format!("Keystead token {token}"),
            None => format!("Keystead namespace {}", slot.config.namespace),
        }),
        manufacturerID: padded(MAKER),
        flags: CKF_TOKEN_PRESENT,
        hardwareVersion: VERSION,
        firmwareVersion: VERSION,
    }
}

/// @param now what the vault tells of the slot's token
///
/// @errors `CKR_DEVICE_ERROR` when it could not be asked.
pub fn token(slot: &Slot, now: Answer<Option<Token>>, (sessions, writing): (CK_ULONG, CK_ULONG)) -> Answer<CK_TOKEN_INFO> {
    let unpinned = if slot.needs_login() { CKF_LOGIN_REQUIRED | CKF_USER_PIN_INITIALIZED } else { 0 };
    let (flags, label, least) = match (&slot.config.token, now) {
        (Some(_), Ok(Some(token))) => (flags_of(&token), token.label, CK_ULONG::from(token.min_pin_length)),
        (Some(_), Ok(None)) => (CKF_LOGIN_REQUIRED, String::new(), 1),
        // Nobody is known to ask, so nothing is told of it.
        (Some(_), Err(Refusal(CKR_USER_NOT_LOGGED_IN | CKR_ACTION_PROHIBITED))) => {
            (CKF_TOKEN_INITIALIZED | unpinned, slot.config.label.clone(), 1)
        }
        (Some(_), Err(_)) => return refuse(CKR_DEVICE_ERROR),
        (None, _) => (CKF_TOKEN_INITIALIZED | unpinned, slot.config.label.clone(), CK_ULONG::from(slot.needs_login())),
    };
    Ok(CK_TOKEN_INFO {
        label: padded(&label),
        manufacturerID: padded(MAKER),
        model: padded("Keystead"),
        serialNumber: padded(&serial(slot)),
        flags: CKF_RNG | flags,
        ulMaxSessionCount: CK_EFFECTIVELY_INFINITE,
        ulSessionCount: sessions,
        ulMaxRwSessionCount: CK_EFFECTIVELY_INFINITE,
        ulRwSessionCount: writing,
        ulMaxPinLen: LONGEST_PIN as CK_ULONG,
        ulMinPinLen: least,
        ulTotalPublicMemory: CK_UNAVAILABLE_INFORMATION,
        ulFreePublicMemory: CK_UNAVAILABLE_INFORMATION,
        ulTotalPrivateMemory: CK_UNAVAILABLE_INFORMATION,
        ulFreePrivateMemory: CK_UNAVAILABLE_INFORMATION,
        hardwareVersion: VERSION,
        firmwareVersion: VERSION,
        // No clock: CKF_CLOCK_ON_TOKEN is not set.
        utcTime: [b' '; 16],
    })
}

/// What CK_TOKEN_INFO says of the token's PINs (PKCS#11 3.2 §3.2).
fn flags_of(token: &Token) -> CK_FLAGS {
    let when = |truth: bool, flag: CK_FLAGS| if truth { flag } else { 0 };
    let (so, user) = (token.so_pin.unwrap_or_default(), token.user_pin.unwrap_or_default());
    CKF_TOKEN_INITIALIZED
        | CKF_LOGIN_REQUIRED
        | when(user.initialized, CKF_USER_PIN_INITIALIZED)
        | when(user.count_low, CKF_USER_PIN_COUNT_LOW)
        | when(user.final_try, CKF_USER_PIN_FINAL_TRY)
        | when(user.locked, CKF_USER_PIN_LOCKED)
        | when(so.count_low, CKF_SO_PIN_COUNT_LOW)
        | when(so.final_try, CKF_SO_PIN_FINAL_TRY)
        | when(so.locked, CKF_SO_PIN_LOCKED)
}

/// The same for the same view of the same namespace, another for every other.
fn serial(slot: &Slot) -> String {
    let config = &slot.config;
    if !config.serial.is_empty() {
        return config.serial.clone();
    }
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
