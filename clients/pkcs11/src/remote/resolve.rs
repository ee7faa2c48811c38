//! Names of hosts, until a moment after which nobody waits for them.
//!
//! The system's lookup cannot be told when to end, so it runs in a thread of its own, which is abandoned when the call that
//! needs it must be over. There is one at most in a process, whatever asks: those who need the same name meanwhile wait for the
//! one that runs. What it found is used for [`FRESH`], also when it was found too late for whoever asked. The thread is needed
//! for names alone, and not where the application forbids threads (`CKF_LIBRARY_CANT_CREATE_OS_THREADS`) or the system refuses
//! one: then the lookup takes as long as it takes.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::ffi::signals::without_signals;

/// How long a name is not asked for again.
const FRESH: Duration = Duration::from_secs(30);
/// Between two looks at whether the thread of a module that was finished before this one has ended.
const PAUSE: Duration = Duration::from_millis(10);
const THREAD: &str = "keystead-resolve";

/// The process that has a thread of ours, or none. By its number, because a child of a fork has not got the thread.
static THREAD_OF: AtomicU32 = AtomicU32::new(0);

pub type Lookup = fn(&str, u16) -> io::Result<Vec<SocketAddr>>;

pub struct Resolver {
    shared: Arc<Shared>,
    lookup: Lookup,
    threads: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    found: Option<(Instant, Vec<SocketAddr>)>,
    looking: bool,
    /// Lookups that ended, and how the last one failed.
    ended: u64,
    failed: Option<ErrorKind>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, found: io::Result<Vec<SocketAddr>>) {
        let mut state = self.lock();
        state.looking = false;
        state.ended += 1;
        match found {
            Ok(addresses) => (state.found, state.failed) = (Some((Instant::now(), addresses)), None),
            Err(error) => state.failed = Some(error.kind()),
        }
        drop(state);
        self.changed.notify_all();
    }
}

pub fn system(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok((host, port).to_socket_addrs()?.collect())
}

impl Resolver {
    /// @param threads whether there may be a thread
    pub fn new(lookup: Lookup, threads: bool) -> Resolver {
        Resolver { shared: Arc::default(), lookup, threads }
    }

    /// What a host is to be reached at. The port is always the same for one resolver, and so is the host.
    ///
    /// @errors `TimedOut`; what the system says of the name
    pub fn addresses(&self, host: &str, port: u16, until: Instant) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let mut state = self.shared.lock();
        let before = state.ended;
        loop {
            if let Some((since, addresses)) = &state.found
                && since.elapsed() < FRESH
            {
                return Ok(addresses.clone());
            }
            if state.ended != before
                && let Some(failed) = state.failed
            {
                return Err(failed.into());
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ErrorKind::TimedOut.into());
            }
            if !state.looking && (!self.threads || claim()) {
                state.looking = true;
                drop(state);
                self.look(host, port);
                state = self.shared.lock();
                continue;
            }
            // The thread that is in the way may be of a module that was finished, and tells nobody here.
            let wait = if state.looking { left } else { left.min(PAUSE) };
            state = self.shared.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Nobody is there at the addresses: they are asked for again.
    pub fn forget(&self) {
        self.shared.lock().found = None;
    }

    fn look(&self, host: &str, port: u16) {
        let lookup = self.lookup;
        if self.threads {
            let running = Running(self.shared.clone());
            let host = host.to_owned();
            let run = move || running.0.end(lookup(&host, port));
            if without_signals(|| thread::Builder::new().name(THREAD.to_owned()).spawn(run)).is_ok() {
                return;
            }
            // What was to run in the thread is dropped, which ended it as failed; the lookup below has the last word.
        }
        self.shared.end(lookup(host, port));
    }
}

/// One thread that looks. Dropped when it ends, however it ends.
struct Running(Arc<Shared>);

impl Drop for Running {
    fn drop(&mut self) {
        // First what may not be of the next thread, which is made from then on.
        let looking = self.0.lock().looking;
        if looking {
            self.0.end(Err(ErrorKind::Other.into()));
        }
        THREAD_OF.store(0, Ordering::Release);
        self.0.changed.notify_all();
    }
}

/// Whether this process may make the thread now. @returns false while it has one
fn claim() -> bool {
    let own = process::id();
    let other = THREAD_OF.load(Ordering::Acquire);
    other != own && THREAD_OF.compare_exchange(other, own, Ordering::AcqRel, Ordering::Acquire).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    /// Tests of one process share the one thread that it may have.
    static ALONE: Mutex<()> = Mutex::new(());
    static LOOKUPS: AtomicUsize = AtomicUsize::new(0);
    static STUCK: Mutex<()> = Mutex::new(());

    fn alone() -> MutexGuard<'static, ()> {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        while THREAD_OF.load(Ordering::Acquire) != 0 {
            thread::yield_now();
        }
        LOOKUPS.store(0, Ordering::SeqCst);
        alone
    }

    fn counted(_: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        LOOKUPS.fetch_add(1, Ordering::SeqCst);
        drop(STUCK.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(vec![SocketAddr::from(([192, 0, 2, 1], port))])
    }

    fn fails(_: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
        Err(ErrorKind::NotFound.into())
    }

    fn panics(_: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
        panic!("a lookup that ends so");
    }

    const LONG: Duration = Duration::from_secs(60);

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(50)
    }

    #[test]
    fn a_lookup_that_hangs_is_abandoned_in_time_alone_and_its_answer_is_used_when_it_comes() {
        let _alone = alone();
        let resolver = Resolver::new(counted, true);
        let stuck = STUCK.lock().unwrap();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert_eq!(resolver.addresses("a", 1, soon()).unwrap_err().kind(), ErrorKind::TimedOut));
            }
        });
        // Of a module that begins anew, too.
        let next = Resolver::new(counted, true);
        assert_eq!(next.addresses("a", 1, soon()).unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(LOOKUPS.load(Ordering::SeqCst), 1);
        drop(stuck);
        let wanted = vec![SocketAddr::from(([192, 0, 2, 1], 1))];
        assert_eq!(resolver.addresses("a", 1, Instant::now() + LONG).unwrap(), wanted);
        assert_eq!(LOOKUPS.load(Ordering::SeqCst), 1);
        assert_eq!(next.addresses("a", 1, Instant::now() + LONG).unwrap(), wanted);
        assert_eq!(LOOKUPS.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_name_is_remembered_until_nobody_is_there_and_a_failure_is_not() {
        let _alone = alone();
        for threads in [true, false] {
            LOOKUPS.store(0, Ordering::SeqCst);
            let resolver = Resolver::new(counted, threads);
            for _ in 0..3 {
                resolver.addresses("a", 1, Instant::now() + LONG).unwrap();
            }
            assert_eq!(LOOKUPS.load(Ordering::SeqCst), 1);
            resolver.forget();
            resolver.addresses("a", 1, Instant::now() + LONG).unwrap();
            assert_eq!(LOOKUPS.load(Ordering::SeqCst), 2);
            let failing = Resolver::new(fails, threads);
            for _ in 0..2 {
                assert_eq!(failing.addresses("a", 1, Instant::now() + LONG).unwrap_err().kind(), ErrorKind::NotFound);
            }
        }
    }

    #[test]
    fn a_thread_that_dies_is_no_lookup_for_ever() {
        let _alone = alone();
        let resolver = Resolver::new(panics, true);
        for _ in 0..2 {
            assert_eq!(resolver.addresses("a", 1, Instant::now() + LONG).unwrap_err().kind(), ErrorKind::Other);
        }
    }

    #[test]
    fn an_address_is_nothing_to_look_up() {
        let resolver = Resolver::new(panics, true);
        assert_eq!(resolver.addresses("::1", 8443, Instant::now()).unwrap(), [SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 8443))]);
    }
}
