//! Encryption and decryption message by message (PKCS#11 3.2 §5.9, §5.11).

use std::ffi::c_void;

use cryptoki_sys::*;

use crate::crypto::cipher::Direction;
use crate::error::Answer;
use crate::ffi::memory::{deliver, elements, room};
use crate::ffi::message_parameters::message_parameter;
use crate::ffi::parameters::asked;
use crate::ffi::{current, guard};
use crate::output::Room;

/// What the functions of both directions are given.
type Bytes = (*mut CK_BYTE, CK_ULONG);
type Parameter = (*mut c_void, CK_ULONG);
type Out = (*mut CK_BYTE, *mut CK_ULONG);

unsafe fn whole(session: CK_SESSION_HANDLE, direction: Direction, parameter: Parameter, aad: Bytes, data: Bytes, out: Out) -> Answer<()> {
    let module = current::module()?;
    let (aad, data, room) = unsafe { (elements(aad.0, aad.1)?, elements(data.0, data.1)?, room(out.0, out.1)?) };
    let (parameter, places) = unsafe { message_parameter(parameter.0, parameter.1, direction == Direction::Decrypt)? };
    if direction == Direction::Encrypt && !matches!(room, Room::AsksLength) {
        places.has_room_for_tag()?;
    }
    let (output, made) = module.message(session, direction, &parameter, aad, data, room)?;
    if let Some(made) = made {
        unsafe { places.fill(&made) };
    }
    unsafe { deliver(output, out.0, out.1) }
}

unsafe fn begin(session: CK_SESSION_HANDLE, direction: Direction, parameter: Parameter, aad: Bytes) -> Answer<()> {
    let module = current::module()?;
    let aad = unsafe { elements(aad.0, aad.1)? };
    let (parameter, _) = unsafe { message_parameter(parameter.0, parameter.1, false)? };
    module.message_begin(session, direction, parameter, aad)
}

unsafe fn next(
    session: CK_SESSION_HANDLE,
    direction: Direction,
    parameter: Parameter,
    part: Bytes,
    out: Out,
    flags: CK_FLAGS,
) -> Answer<()> {
    let module = current::module()?;
    let last = flags & CKF_END_OF_MESSAGE != 0;
    let (piece, room) = unsafe { (elements(part.0, part.1)?, room(out.0, out.1)?) };
    // The parameter says what is new with the end alone: where the tag is.
    let given = if last { Some(unsafe { message_parameter(parameter.0, parameter.1, direction == Direction::Decrypt)? }) } else { None };
    if let (Some((_, places)), Direction::Encrypt, false) = (&given, direction, matches!(room, Room::AsksLength)) {
        places.has_room_for_tag()?;
    }
    let tag = given.as_ref().map_or(&[][..], |(parameter, _)| &parameter.tag);
    let (output, made) = module.message_next(session, direction, tag, piece, room, last)?;
    if let (Some((_, places)), Some(made)) = (given, made) {
        unsafe { places.fill(&made) };
    }
    unsafe { deliver(output, out.0, out.1) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_MessageEncryptInit(hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM, hKey: CK_OBJECT_HANDLE) -> CK_RV {
    guard(|| current::module()?.messages_init(hSession, Direction::Encrypt, unsafe { asked(pMechanism)? }.as_ref(), hKey))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_EncryptMessage(
    hSession: CK_SESSION_HANDLE,
    pParameter: *mut c_void,
    ulParameterLen: CK_ULONG,
    pAssociatedData: *mut CK_BYTE,
    ulAssociatedDataLen: CK_ULONG,
    pPlaintext: *mut CK_BYTE,
    ulPlaintextLen: CK_ULONG,
    pCiphertext: *mut CK_BYTE,
    pulCiphertextLen: *mut CK_ULONG,
) -> CK_RV {
    let (aad, data) = ((pAssociatedData, ulAssociatedDataLen), (pPlaintext, ulPlaintextLen));
    guard(|| unsafe { whole(hSession, Direction::Encrypt, (pParameter, ulParameterLen), aad, data, (pCiphertext, pulCiphertextLen)) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_EncryptMessageBegin(
    hSession: CK_SESSION_HANDLE,
    pParameter: *mut c_void,
    ulParameterLen: CK_ULONG,
    pAssociatedData: *mut CK_BYTE,
    ulAssociatedDataLen: CK_ULONG,
) -> CK_RV {
    guard(|| unsafe { begin(hSession, Direction::Encrypt, (pParameter, ulParameterLen), (pAssociatedData, ulAssociatedDataLen)) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_EncryptMessageNext(
    hSession: CK_SESSION_HANDLE,
    pParameter: *mut c_void,
    ulParameterLen: CK_ULONG,
    pPlaintextPart: *mut CK_BYTE,
    ulPlaintextPartLen: CK_ULONG,
    pCiphertextPart: *mut CK_BYTE,
    pulCiphertextPartLen: *mut CK_ULONG,
    flags: CK_FLAGS,
) -> CK_RV {
    let (part, out) = ((pPlaintextPart, ulPlaintextPartLen), (pCiphertextPart, pulCiphertextPartLen));
    guard(|| unsafe { next(hSession, Direction::Encrypt, (pParameter, ulParameterLen), part, out, flags) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_MessageEncryptFinal(hSession: CK_SESSION_HANDLE) -> CK_RV {
    guard(|| current::module()?.messages_final(hSession, Direction::Encrypt))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_MessageDecryptInit(hSession: CK_SESSION_HANDLE, pMechanism: *mut CK_MECHANISM, hKey: CK_OBJECT_HANDLE) -> CK_RV {
    guard(|| current::module()?.messages_init(hSession, Direction::Decrypt, unsafe { asked(pMechanism)? }.as_ref(), hKey))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_DecryptMessage(
    hSession: CK_SESSION_HANDLE,
    pParameter: *mut c_void,
    ulParameterLen: CK_ULONG,
    pAssociatedData: *mut CK_BYTE,
    ulAssociatedDataLen: CK_ULONG,
    pCiphertext: *mut CK_BYTE,
    ulCiphertextLen: CK_ULONG,
    pPlaintext: *mut CK_BYTE,
    pulPlaintextLen: *mut CK_ULONG,
) -> CK_RV {
    let (aad, data) = ((pAssociatedData, ulAssociatedDataLen), (pCiphertext, ulCiphertextLen));
    guard(|| unsafe { whole(hSession, Direction::Decrypt, (pParameter, ulParameterLen), aad, data, (pPlaintext, pulPlaintextLen)) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_DecryptMessageBegin(
    hSession: CK_SESSION_HANDLE,
    pParameter: *mut c_void,
    ulParameterLen: CK_ULONG,
    pAssociatedData: *mut CK_BYTE,
    ulAssociatedDataLen: CK_ULONG,
) -> CK_RV {
    guard(|| unsafe { begin(hSession, Direction::Decrypt, (pParameter, ulParameterLen), (pAssociatedData, ulAssociatedDataLen)) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_DecryptMessageNext(
    hSession: CK_SESSION_HANDLE,
    pParameter: *mut c_void,
    ulParameterLen: CK_ULONG,
    pCiphertextPart: *mut CK_BYTE,
    ulCiphertextPartLen: CK_ULONG,
    pPlaintextPart: *mut CK_BYTE,
    pulPlaintextPartLen: *mut CK_ULONG,
    flags: CK_FLAGS,
) -> CK_RV {
    let (part, out) = ((pCiphertextPart, ulCiphertextPartLen), (pPlaintextPart, pulPlaintextPartLen));
    guard(|| unsafe { next(hSession, Direction::Decrypt, (pParameter, ulParameterLen), part, out, flags) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_MessageDecryptFinal(hSession: CK_SESSION_HANDLE) -> CK_RV {
    guard(|| current::module()?.messages_final(hSession, Direction::Decrypt))
}
