//! The service, as blocking calls: one message in, one out, or the return value of what was refused.
//!
//! No thread and no runtime of its own: the host process may fork, and a child begins anew (`Remote` is made by
//! `C_Initialize` and never shared between processes).
//!
//! @see https://connectrpc.com/docs/protocol, "Unary-Request"

mod connection;
mod failure;
mod pool;
mod tls;

use cryptoki_sys::CKR_DEVICE_ERROR;
use prost::Message;
use zeroize::Zeroizing;

use crate::config::Config;
use crate::error::{Answer, Refusal};
use pool::Pool;

pub use failure::unpadded as base64;

pub struct Remote {
    pool: Pool,
}

/// An access token of a session at the server; wiped when dropped.
pub type Token = Zeroizing<String>;

impl Remote {
    pub fn new(config: &Config) -> Answer<Remote> {
        Ok(Remote { pool: Pool::new(config)? })
    }

    /// Asks for one operation, as whoever the token says, else as whoever the client's certificate says.
    ///
    /// @errors the return value of the error code; `CKR_DEVICE_ERROR` when there is no answer in time.
    pub fn call<Q: Message, A: Message + Default>(&self, operation: &str, request: &Q, token: Option<&Token>) -> Answer<A> {
        let body = Zeroizing::new(request.encode_to_vec());
        let path = format!("/hsm.HsmService/{operation}");
        let answer = self.pool.post(&path, &body, token.map(|token| token.as_str()))?;
        if answer.status == 200 {
            return A::decode(answer.body.as_slice()).map_err(|_| Refusal(CKR_DEVICE_ERROR));
        }
        Err(failure::refusal_of(&answer.body))
    }
}
