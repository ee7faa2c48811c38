//! What encryption and decryption carry in and out alike: input and output as pairs of pointer and length.
//!
//! Errors of the arguments end the operation, as errors of the work do.

use cryptoki_sys::*;

use crate::crypto::cipher::Direction;
use crate::error::Answer;
use crate::ffi::current;
use crate::ffi::memory::{deliver, elements, room};

type Input = (*mut CK_BYTE, CK_ULONG);
type Output = (*mut CK_BYTE, *mut CK_ULONG);

fn flag(direction: Direction) -> CK_FLAGS {
    match direction {
        Direction::Encrypt => CKF_ENCRYPT,
        Direction::Decrypt => CKF_DECRYPT,
    }
}

pub unsafe fn whole(session: CK_SESSION_HANDLE, direction: Direction, input: Input, output: Output) -> Answer<()> {
    let module = current::module()?;
    let arguments = unsafe { elements(input.0, input.1).and_then(|data| Ok((data, room(output.0, output.1)?))) };
    let (data, room) = arguments.or_else(|refusal| module.abandon(session, flag(direction), refusal))?;
    let made = module.cipher_end(session, direction, Some(data), room)?;
    unsafe { deliver(made, output.0, output.1) }
}

pub unsafe fn part(session: CK_SESSION_HANDLE, direction: Direction, input: Input, output: Output) -> Answer<()> {
    let module = current::module()?;
    let arguments = unsafe { elements(input.0, input.1).and_then(|piece| Ok((piece, room(output.0, output.1)?))) };
    let (piece, room) = arguments.or_else(|refusal| module.abandon(session, flag(direction), refusal))?;
    let made = module.cipher_update(session, direction, piece, room)?;
    unsafe { deliver(made, output.0, output.1) }
}

pub unsafe fn last(session: CK_SESSION_HANDLE, direction: Direction, output: Output) -> Answer<()> {
    let module = current::module()?;
    let room = unsafe { room(output.0, output.1) }.or_else(|refusal| module.abandon(session, flag(direction), refusal))?;
    let made = module.cipher_end(session, direction, None, room)?;
    unsafe { deliver(made, output.0, output.1) }
}
