//! C_GenerateRandom: bytes of the vault's generator.

use cryptoki_sys::*;

use crate::error::{Answer, refuse};
use crate::module::Module;
use crate::proto::{GenerateRandomRequest, GenerateRandomResponse};

/// The most random bytes the service gives at once.
const RANDOM_PIECE: usize = 65_536;

impl Module {
    /// Fills the buffer with random bytes of the vault.
    pub fn random(&self, handle: CK_SESSION_HANDLE, buffer: &mut [u8]) -> Answer<()> {
        self.with(handle, |_, slot| {
            for piece in buffer.chunks_mut(RANDOM_PIECE) {
                let request = GenerateRandomRequest { size_bytes: piece.len() as u32 };
                let mut answer: GenerateRandomResponse = slot.call("GenerateRandom", &request)?;
                if answer.random.len() != piece.len() {
                    return refuse(CKR_DEVICE_ERROR);
                }
                piece.copy_from_slice(&answer.random);
                zeroize::Zeroize::zeroize(&mut answer.random);
            }
            Ok(())
        })
    }
}
