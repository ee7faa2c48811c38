//! Memory of the caller: read as slices, written as values.
//!
//! Every function is unsafe for one reason, which is the caller's promise in PKCS#11: a pointer that is not NULL points
//! to as much as its length says, and stays so during the call.

use std::slice;

use cryptoki_sys::*;
use zeroize::Zeroizing;

use crate::error::{Answer, Refusal, refuse};
use crate::objects::template::Template;
use crate::output::{Output, Room};
use crate::trace;

/// More attributes than any object has.
const MOST_ATTRIBUTES: CK_ULONG = 4096;

/// @errors `CKR_ARGUMENTS_BAD` for NULL with a length, and for a length that no memory has. NULL without one is empty.
pub unsafe fn elements<'a, T>(start: *const T, count: CK_ULONG) -> Answer<&'a [T]> {
    trace::length("in", count);
    // SAFETY: the caller's promise.
    unsafe { untraced(start, count) }
}

unsafe fn untraced<'a, T>(start: *const T, count: CK_ULONG) -> Answer<&'a [T]> {
    if start.is_null() {
        return if count == 0 { Ok(&[]) } else { refuse(CKR_ARGUMENTS_BAD) };
    }
    let count = countable::<T>(count)?;
    // SAFETY: not NULL, the caller's promise, and not longer than a slice may be.
    Ok(unsafe { slice::from_raw_parts(start, count) })
}

pub unsafe fn elements_mut<'a, T>(start: *mut T, count: CK_ULONG) -> Answer<&'a mut [T]> {
    if start.is_null() {
        return if count == 0 { Ok(&mut []) } else { refuse(CKR_ARGUMENTS_BAD) };
    }
    let count = countable::<T>(count)?;
    // SAFETY: as above; what the caller gave as output is not looked at by anybody else meanwhile.
    Ok(unsafe { slice::from_raw_parts_mut(start, count) })
}

fn countable<T>(count: CK_ULONG) -> Answer<usize> {
    let count = usize::try_from(count).map_err(|_| Refusal(CKR_ARGUMENTS_BAD))?;
    let bytes = count.checked_mul(size_of::<T>()).filter(|bytes| isize::try_from(*bytes).is_ok());
    bytes.map(|_| count).ok_or(Refusal(CKR_ARGUMENTS_BAD))
}

/// Whether a place for output is one. Asked before anything is done, so that no answer is lost.
pub fn place<T>(place: *mut T) -> Answer<*mut T> {
    if place.is_null() { refuse(CKR_ARGUMENTS_BAD) } else { Ok(place) }
}

pub unsafe fn put<T>(to: *mut T, value: T) -> Answer<()> {
    let to = place(to)?;
    // SAFETY: not NULL, and the caller's promise.
    unsafe { to.write(value) };
    Ok(())
}

/// What `pData` and `pulDataLen` say there is room for.
pub unsafe fn room(start: *const CK_BYTE, length: *const CK_ULONG) -> Answer<Room> {
    place(length.cast_mut())?;
    if start.is_null() {
        return Ok(Room::AsksLength);
    }
    // SAFETY: not NULL, and the caller's promise.
    let bytes = unsafe { length.read() };
    trace::length("room", bytes);
    Ok(Room::Bytes(usize::try_from(bytes).unwrap_or(usize::MAX)))
}

/// @errors `CKR_BUFFER_TOO_SMALL`, with the length that is needed.
pub unsafe fn deliver(output: Output, to: *mut CK_BYTE, length: *mut CK_ULONG) -> Answer<()> {
    // SAFETY: `room` was asked of both and said that so many bytes fit.
    unsafe {
        match output {
            Output::Length(needed) => {
                trace::length("needs", needed as CK_ULONG);
                put(length, needed as CK_ULONG)
            }
            Output::TooSmall(needed) => {
                trace::length("needs", needed as CK_ULONG);
                put(length, needed as CK_ULONG)?;
                refuse(CKR_BUFFER_TOO_SMALL)
            }
            Output::Bytes(bytes) => {
                trace::length("out", bytes.len() as CK_ULONG);
                place(to)?.copy_from(bytes.as_ptr(), bytes.len());
                put(length, bytes.len() as CK_ULONG)
            }
            Output::Secret(bytes) => {
                trace::length("out", bytes.len() as CK_ULONG);
                place(to)?.copy_from(bytes.as_ptr(), bytes.len());
                put(length, bytes.len() as CK_ULONG)
            }
        }
    }
}

/// Hands out a list by the same convention, its length counted in elements.
pub unsafe fn deliver_list<T: Copy>(list: &[T], to: *mut T, count: *mut CK_ULONG) -> Answer<()> {
    place(count)?;
    // SAFETY: not NULL, and the caller's promise.
    let room = unsafe { count.read() };
    // SAFETY: as above.
    unsafe { put(count, list.len() as CK_ULONG)? };
    if to.is_null() {
        return Ok(());
    }
    if room < list.len() as CK_ULONG {
        return refuse(CKR_BUFFER_TOO_SMALL);
    }
    // SAFETY: there is room for them.
    unsafe { to.copy_from(list.as_ptr(), list.len()) };
    Ok(())
}

pub unsafe fn attributes<'a>(start: *mut CK_ATTRIBUTE, count: CK_ULONG) -> Answer<&'a mut [CK_ATTRIBUTE]> {
    if count > MOST_ATTRIBUTES {
        return refuse(CKR_ARGUMENTS_BAD);
    }
    // SAFETY: the caller's promise.
    let attributes = unsafe { elements_mut(start, count)? };
    for attribute in attributes.iter() {
        trace::attribute(attribute.type_, attribute.ulValueLen);
    }
    Ok(attributes)
}

pub unsafe fn template(start: *mut CK_ATTRIBUTE, count: CK_ULONG) -> Answer<Template> {
    // SAFETY: the caller's promise, for the attributes and for what they point to.
    unsafe {
        let value = |attribute: &CK_ATTRIBUTE| {
            let value = untraced(attribute.pValue.cast::<u8>(), attribute.ulValueLen).map_err(|_| Refusal(CKR_ATTRIBUTE_VALUE_INVALID))?;
            Ok((attribute.type_, Zeroizing::new(value.to_vec())))
        };
        Ok(Template(attributes(start, count)?.iter().map(value).collect::<Answer<_>>()?))
    }
}

/// Writes one attribute's value, or only its length (§5.7.5). What cannot be had gets the length -1.
pub unsafe fn put_attribute(attribute: &mut CK_ATTRIBUTE, value: Answer<Zeroizing<Vec<u8>>>) -> Answer<()> {
    let value = value.inspect_err(|_| attribute.ulValueLen = CK_UNAVAILABLE_INFORMATION)?;
    let length = value.len() as CK_ULONG;
    if !attribute.pValue.is_null() {
        if attribute.ulValueLen < length {
            attribute.ulValueLen = CK_UNAVAILABLE_INFORMATION;
            return refuse(CKR_BUFFER_TOO_SMALL);
        }
        // SAFETY: not NULL, and the caller's promise of room.
        unsafe { attribute.pValue.cast::<u8>().copy_from(value.as_ptr(), value.len()) };
    }
    attribute.ulValueLen = length;
    Ok(())
}
