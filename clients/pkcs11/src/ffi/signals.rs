//! Signals of the host process are for its own threads: a thread of the module takes none.

use std::mem::MaybeUninit;
use std::ptr;

/// Runs with every signal held back from this thread, and so from a thread that is made meanwhile.
pub fn without_signals<T>(work: impl FnOnce() -> T) -> T {
    struct Restore(libc::sigset_t);
    impl Drop for Restore {
        fn drop(&mut self) {
            // SAFETY: the set was written by the call that changed it.
            unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, ptr::null_mut()) };
        }
    }
    let (mut all, mut before) = (MaybeUninit::uninit(), MaybeUninit::uninit());
    // SAFETY: both sets are written by these calls, the first of which cannot fail.
    let changed = unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr()) == 0
    };
    // SAFETY: written when the call succeeded.
    let _restore = changed.then(|| Restore(unsafe { before.assume_init() }));
    work()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    fn holds_back(signal: libc::c_int) -> bool {
        let mut set = MaybeUninit::uninit();
        // SAFETY: asks only, and the set is written by the call.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, ptr::null(), set.as_mut_ptr());
            libc::sigismember(set.as_ptr(), signal) == 1
        }
    }

    #[test]
    fn a_thread_that_is_made_takes_no_signal_and_its_maker_does_again() {
        let inner = without_signals(|| thread::spawn(|| holds_back(libc::SIGUSR1)));
        assert!(inner.join().unwrap());
        assert!(!holds_back(libc::SIGUSR1));
    }
}
