//! When a call of the application must be over, whatever it asks of the server and however often.
//!
//! A call does all its work on the thread that made it, so the thread remembers when it began.

use std::cell::Cell;
use std::time::{Duration, Instant};

thread_local! {
    static BEGAN: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Runs a call of the application: what it waits for counts from now.
pub fn within_call<T>(work: impl FnOnce() -> T) -> T {
    struct Ends;
    impl Drop for Ends {
        fn drop(&mut self) {
            BEGAN.set(None);
        }
    }
    BEGAN.set(Some(Instant::now()));
    let _ends = Ends;
    work()
}

/// The end of the call that this thread is in, when it may take so long in all.
pub fn after(longest: Duration) -> Instant {
    BEGAN.get().unwrap_or_else(Instant::now) + longest
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn a_call_has_one_end_and_the_next_one_another() {
        let first = within_call(|| {
            let end = after(Duration::from_secs(1));
            thread::sleep(Duration::from_millis(2));
            assert_eq!(after(Duration::from_secs(1)), end);
            end
        });
        assert!(within_call(|| after(Duration::from_secs(1))) > first);
    }
}
