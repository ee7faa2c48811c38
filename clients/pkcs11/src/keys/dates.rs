//! CK_DATE: eight digits, year, month, day; here in UTC. How they are shown is in objects/attributes.rs.

use std::time::{SystemTime, UNIX_EPOCH};

use cryptoki_sys::CKR_ATTRIBUTE_VALUE_INVALID;
use prost_types::Timestamp;

use crate::error::{Answer, Refusal, refuse};

const DAY: i64 = 86_400;

/// Days since 1970-01-01.
///
/// @errors `CKR_ATTRIBUTE_VALUE_INVALID` for what is no day of the calendar
fn day(value: &[u8]) -> Answer<i64> {
    let invalid = Refusal(CKR_ATTRIBUTE_VALUE_INVALID);
    if value.len() != 8 || !value.iter().all(u8::is_ascii_digit) {
        return Err(invalid);
    }
    let number = |digits: &[u8]| digits.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    let (year, month, day) = (number(&value[..4]), number(&value[4..6]), number(&value[6..]));
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let longest = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        1..=12 => 31,
        _ => 0,
    };
    if year < 1970 || day < 1 || day > longest {
        return Err(invalid);
    }
    // Years begin in March here, so that a leap day is a year's last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    Ok(365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468)
}

fn today() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64 / DAY)
}

/// When a key becomes active, or none for today and for no date. @errors `CKR_ATTRIBUTE_VALUE_INVALID` for a day that has passed
pub fn start(value: &[u8]) -> Answer<Option<Timestamp>> {
    if value.is_empty() {
        return Ok(None);
    }
    match day(value)? - today() {
        ..0 => refuse(CKR_ATTRIBUTE_VALUE_INVALID),
        0 => Ok(None),
        ahead => Ok(Some(Timestamp { seconds: (today() + ahead) * DAY, nanos: 0 })),
    }
}

/// When a key ends: with the last second of the day. @errors as [`start`]
pub fn end(value: &[u8]) -> Answer<Option<Timestamp>> {
    if value.is_empty() {
        return Ok(None);
    }
    match day(value)? {
        past if past < today() => refuse(CKR_ATTRIBUTE_VALUE_INVALID),
        day => Ok(Some(Timestamp { seconds: day * DAY + DAY - 1, nanos: 0 })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        // Days from `date -u -d DATE +%s`.
        for (text, days) in [("19700101", 0), ("20000229", 11_016), ("20000301", 11_017), ("21000228", 47_540), ("29991231", 376_199)] {
            assert_eq!(day(text.as_bytes()), Ok(days), "{text}");
        }
        for text in ["20010229", "21000229", "20001301", "20000100", "2000-1-1", "200001", "19691231", "00000000"] {
            assert_eq!(day(text.as_bytes()), refuse(CKR_ATTRIBUTE_VALUE_INVALID), "{text}");
        }
    }

    #[test]
    fn a_key_ends_with_its_last_day_and_begins_with_its_first() {
        assert_eq!(end(b"20991231").unwrap().unwrap().seconds % DAY, DAY - 1);
        assert_eq!(start(b"20991231").unwrap().unwrap().seconds % DAY, 0);
        assert_eq!((start(b""), end(b"")), (Ok(None), Ok(None)));
        assert_eq!((start(b"20200101"), end(b"20200101")), (refuse(CKR_ATTRIBUTE_VALUE_INVALID), refuse(CKR_ATTRIBUTE_VALUE_INVALID)));
    }
}
