//! The service, as blocking calls: one message in, one out, or the return value of what was refused.
//!
//! No thread and no runtime of its own: the host process may fork, and a child begins anew (`Remote` is made by
//! `C_Initialize` and never shared between processes).
//!
//! @see https://connectrpc.com/docs/protocol, "Unary-Request"

mod connection;
mod failure;
mod held;
mod pool;
mod tls;

use std::cell::LazyCell;
use std::time::Duration;

use cryptoki_sys::{CKR_ACTION_PROHIBITED, CKR_DEVICE_ERROR};
use prost::Message;
use zeroize::Zeroizing;

use crate::config::Config;
use crate::error::{Answer, Refusal};
use crate::proto::{GetApprovalRequest, GetApprovalResponse};
use failure::Failure;
use held::{Fate, Held};
use pool::Pool;

pub use failure::unpadded as base64;

pub struct Remote {
    pool: Pool,
    held: Held,
    approval_wait: Duration,
}

/// An access token of a session at the server; wiped when dropped.
pub type Token = Zeroizing<String>;

impl Remote {
    pub fn new(config: &Config) -> Answer<Remote> {
        Ok(Remote { pool: Pool::new(config)?, held: Held::default(), approval_wait: Duration::from_millis(config.approval_wait_ms) })
    }

    /// Asks for one operation, as whoever the token says, else as whoever the client's certificate says.
    ///
    /// @errors the return value of the error code; `CKR_DEVICE_ERROR` when there is no answer in time.
    pub fn call<Q: Message, A: Message + Default>(&self, operation: &str, request: &Q, token: Option<&Token>) -> Answer<A> {
        let body = Zeroizing::new(request.encode_to_vec());
        let token = token.map(|token| token.as_str());
        let answer = self.ask(operation, &body, token)?;
        A::decode(answer.as_slice()).map_err(|_| Refusal(CKR_DEVICE_ERROR))
    }

    fn ask(&self, operation: &str, body: &[u8], token: Option<&str>) -> Answer<Zeroizing<Vec<u8>>> {
        let name = LazyCell::new(|| held::name(operation, body));
        if self.held.any()
            && let Some(id) = self.held.id(&name)
        {
            match self.fate(&id, token)? {
                Fate::Waits => {}
                Fate::Answered(answer) => {
                    self.held.forget(&name);
                    return Ok(answer);
                }
                Fate::Ended => self.held.forget(&name),
            }
        }
        let id = match self.send(operation, body, token)? {
            Ok(answer) => return Ok(answer),
            Err(Failure { refusal, approval_id: None }) => return Err(refusal),
            Err(Failure { approval_id: Some(id), .. }) => id,
        };
        self.held.hold(*name, operation, &id);
        match held::wait(self.approval_wait, || self.fate(&id, token))? {
            Fate::Answered(answer) if !self.approval_wait.is_zero() => {
                self.held.forget(&name);
                Ok(answer)
            }
            _ => Err(Refusal(CKR_ACTION_PROHIBITED)),
        }
    }

    fn fate(&self, id: &str, token: Option<&str>) -> Answer<Fate> {
        let request = GetApprovalRequest { approval_id: id.to_owned(), with_result: true, ..Default::default() };
        match self.send("GetApproval", &request.encode_to_vec(), token)? {
            Ok(answer) => Ok(held::fate(GetApprovalResponse::decode(answer.as_slice()).map_err(|_| Refusal(CKR_DEVICE_ERROR))?)),
            // Gone, or of another session by now: asked again, it is a new request.
            Err(_) => Ok(Fate::Ended),
        }
    }

    /// One request, one answer: what the server refused stands in the inner result.
    fn send(&self, operation: &str, body: &[u8], token: Option<&str>) -> Answer<Result<Zeroizing<Vec<u8>>, Failure>> {
        let answer = self.pool.post(&format!("/hsm.HsmService/{operation}"), body, token)?;
        Ok(if answer.status == 200 { Ok(answer.body) } else { Err(failure::of(&answer.body)) })
    }
}
