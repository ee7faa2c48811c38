//! Requests that wait for approval.
//!
//! A request that policy holds is refused with CKR_ACTION_PROHIBITED and a line on the standard error that says how it is
//! approved. When the application asks for the very same thing again, in this process, it gets the answer of the request
//! that was approved, once; with `approval_wait_ms` the call itself waits for it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::proto::{ApprovalState, GetApprovalResponse};

/// A request by operation and content: nothing of it is kept but its digest. Whose it is, the server knows, which gives
/// answers to nobody else.
pub type Name = [u8; 32];

/// More would be an application that asks for ever new things; the oldest are not special, so all are forgotten.
const MOST: usize = 1024;
/// Between two looks at a request that is waited for.
const PAUSE: Duration = Duration::from_millis(250);

#[derive(Default)]
pub struct Held {
    /// Ids of the requests that wait.
    ids: Mutex<HashMap<Name, String>>,
}

pub fn name(operation: &str, body: &[u8]) -> Name {
    let mut digest = Sha256::new();
    for part in [operation.as_bytes(), body] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

/// What became of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Fate {
    Waits,
    /// The answer of the operation, as its message.
    Answered(Zeroizing<Vec<u8>>),
    /// It ended without an answer: asked again, it is a new request.
    Ended,
}

pub fn fate(answer: GetApprovalResponse) -> Fate {
    let result = Zeroizing::new(answer.result);
    let Some(approval) = answer.approval else { return Fate::Ended };
    match approval.state() {
        ApprovalState::Pending | ApprovalState::Approved | ApprovalState::Executing => Fate::Waits,
        // An empty message is an answer too, of an operation that has nothing to say.
        ApprovalState::Done => Fate::Answered(result),
        _ => Fate::Ended,
    }
}

impl Held {
    /// Whether anything waits. Asked before a name is made, which costs a digest of the request.
    pub fn any(&self) -> bool {
        !self.ids.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    pub fn id(&self, name: &Name) -> Option<String> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    pub fn forget(&self, name: &Name) {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// Remembers a request and says once how it is approved.
    pub fn hold(&self, name: Name, operation: &str, id: &str) {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        if ids.len() >= MOST {
            ids.clear();
        }
        if ids.insert(name, id.to_owned()).is_none() {
            eprintln!(
                "libhsm_pkcs11: {operation} waits for approval {id}: `keystead approvals approve {id}` by those who may, then ask again"
            );
        }
    }
}

/// Looks until the request does not wait any more, or the time is over.
///
/// @errors those of `look`
pub fn wait<E>(time: Duration, mut look: impl FnMut() -> Result<Fate, E>) -> Result<Fate, E> {
    let until = Instant::now() + time;
    loop {
        let fate = look()?;
        let left = until.saturating_duration_since(Instant::now());
        if fate != Fate::Waits || left.is_zero() {
            return Ok(fate);
        }
        std::thread::sleep(PAUSE.min(left));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::Approval;

    #[test]
    fn a_request_is_the_same_only_by_operation_and_content() {
        let names = [name("Sign", b"x"), name("Sign", b"y"), name("SignDigest", b"x"), name("Sig", b"nx")];
        for (place, one) in names.iter().enumerate() {
            assert!(names[place + 1..].iter().all(|other| other != one));
        }
        assert_eq!(name("Sign", b"x"), names[0]);
    }

    #[test]
    fn only_what_is_done_has_an_answer_and_only_what_may_still_be_waits() {
        let answer = |state: ApprovalState| GetApprovalResponse {
            approval: Some(Approval { state: state as i32, ..Default::default() }),
            result: vec![1],
            ..Default::default()
        };
        assert_eq!(fate(answer(ApprovalState::Done)), Fate::Answered(Zeroizing::new(vec![1])));
        for state in [ApprovalState::Pending, ApprovalState::Approved, ApprovalState::Executing] {
            assert_eq!(fate(answer(state)), Fate::Waits);
        }
        for state in [ApprovalState::Denied, ApprovalState::Expired, ApprovalState::Cancelled, ApprovalState::Failed] {
            assert_eq!(fate(answer(state)), Fate::Ended);
        }
    }

    #[test]
    fn waiting_ends_with_the_answer_or_with_the_time() {
        let mut looks = 0;
        let fate: Result<Fate, ()> = wait(Duration::from_secs(60), || {
            looks += 1;
            Ok(if looks < 3 { Fate::Waits } else { Fate::Ended })
        });
        assert_eq!((fate, looks), (Ok(Fate::Ended), 3));
        assert_eq!(wait(Duration::ZERO, || Ok::<_, ()>(Fate::Waits)), Ok(Fate::Waits));
    }
}
