//! Signatures by many threads, in one process or in forked ones, and how long each took.

use std::ffi::c_int;
use std::thread;
use std::time::{Duration, Instant};

use ring::digest::{SHA256, digest};

use crate::Wanted;
use crate::application::{Application, Failure, Kind, Public};
use cryptoki_sys::{CK_SESSION_HANDLE, CKO_PRIVATE_KEY};

unsafe extern "C" {
    fn fork() -> c_int;
    fn waitpid(child: c_int, status: *mut c_int, options: c_int) -> c_int;
    fn _exit(status: c_int) -> !;
}

/// What threads found: how long calls took, in nanoseconds, and how many were wrong.
#[derive(Default)]
struct Found {
    nanoseconds: Vec<u64>,
    seconds: f64,
}

impl Found {
    fn report(mut self) -> String {
        self.nanoseconds.sort_unstable();
        let count = self.nanoseconds.len();
        let at = |part: f64| {
            self.nanoseconds.get(((count as f64 * part) as usize).min(count.saturating_sub(1))).map_or(0.0, |ns| *ns as f64 / 1000.0)
        };
        let (median, p95, p99) = (at(0.5), at(0.95), at(0.99));
        let rate = count as f64 / self.seconds;
        format!(
            r#"{{"calls":{count},"seconds":{:.3},"perSecond":{rate:.1},"medianUs":{median:.1},"p95Us":{p95:.1},"p99Us":{p99:.1}}}"#,
            self.seconds
        )
    }
}

/// Forks before it initialises, as a server does that starts its workers; each process then signs with its threads.
/// With `check` every signature is verified by ring, and one wrong one fails the whole.
pub fn sign(application: &Application, wanted: &Wanted) -> Result<String, Failure> {
    let processes = wanted.number("processes", 1)?;
    if processes <= 1 {
        return in_process(application, wanted).map(Found::report);
    }
    // With `parent=1` the parent works with the module before it forks, and its children begin anew.
    if wanted.number("parent", 0)? == 1 {
        application.initialize(true)?;
        application.open(wanted)?;
    }
    children(processes, &|| in_process(application, wanted).map(|_| ()))?;
    Ok(format!(r#"{{"processes":{processes}}}"#))
}

/// Forks so many children, each of which does the work and ends. @errors when one of them failed
pub fn children(count: u64, work: &dyn Fn() -> Result<(), Failure>) -> Result<(), Failure> {
    let mut running = vec![];
    for _ in 0..count {
        // SAFETY: the child does what a child of a process with threads may: it uses locks of its own and of libc alone.
        match unsafe { fork() } {
            0 => {
                let ended = work();
                if let Err(Failure(text)) = &ended {
                    eprintln!("a child: {text}");
                }
                // SAFETY: the child ends without what its parent registered.
                unsafe { _exit(c_int::from(ended.is_err())) }
            }
            child if child > 0 => running.push(child),
            _ => return Err(Failure("fork failed".into())),
        }
    }
    let mut failed = 0;
    for child in running {
        let mut status = 0;
        // SAFETY: a child of this process, waited for once.
        if unsafe { waitpid(child, &mut status, 0) } != child || status != 0 {
            failed += 1;
        }
    }
    if failed == 0 { Ok(()) } else { Err(Failure(format!("{failed} processes failed"))) }
}

fn in_process(application: &Application, wanted: &Wanted) -> Result<Found, Failure> {
    let (threads, seconds) = (wanted.number("threads", 1)?, wanted.number("seconds", 2)?);
    let kind = wanted.kind()?;
    application.initialize(wanted.number("locking", 1)? == 1)?;
    let session = application.open(wanted)?;
    let label = wanted.text("label")?;
    let public = if wanted.number("check", 0)? == 1 { Some(application.public(session, kind, label)?) } else { None };
    // Sessions first, so that the threads begin together.
    let sessions: Vec<_> = (0..threads).map(|_| application.open(wanted)).collect::<Result<_, _>>()?;
    let work = |session: CK_SESSION_HANDLE| signatures(application, session, kind, label, public.as_ref(), Duration::from_secs(seconds));
    let started = Instant::now();
    let all: Vec<Result<Vec<u64>, Failure>> = thread::scope(|scope| {
        let running: Vec<_> = sessions.iter().map(|session| scope.spawn(|| work(*session))).collect();
        running.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(Failure("a thread panicked".into())))).collect()
    });
    let mut found = Found { seconds: started.elapsed().as_secs_f64(), ..Found::default() };
    for part in all {
        found.nanoseconds.extend(part?);
    }
    application.finalize()?;
    Ok(found)
}

fn signatures(
    application: &Application,
    session: CK_SESSION_HANDLE,
    kind: Kind,
    label: &str,
    public: Option<&Public>,
    time: Duration,
) -> Result<Vec<u64>, Failure> {
    let key = application.find(session, CKO_PRIVATE_KEY, label)?;
    let (mut nanoseconds, mut signature) = (vec![], [0; 512]);
    let until = Instant::now() + time;
    let mut count = session << 32;
    while Instant::now() < until {
        count += 1;
        let message = count.to_be_bytes();
        let hashed = digest(&SHA256, &message);
        let mut data = match kind {
            Kind::Ecdsa => hashed.as_ref().to_vec(),
            Kind::Rsa => message.to_vec(),
        };
        let started = Instant::now();
        let length = application.sign(session, key, kind, &mut data, &mut signature)?;
        nanoseconds.push(started.elapsed().as_nanos() as u64);
        if public.is_some_and(|public| !public.accepts(&message, &signature[..length])) {
            return Err(Failure("a signature is wrong".into()));
        }
    }
    Ok(nanoseconds)
}

/// Finds one private key by its label, again and again.
pub fn find(application: &Application, wanted: &Wanted) -> Result<String, Failure> {
    application.initialize(true)?;
    let session = application.open(wanted)?;
    let label = wanted.text("label")?;
    let started = Instant::now();
    let mut found = Found::default();
    while started.elapsed() < Duration::from_secs(wanted.number("seconds", 2)?) {
        let began = Instant::now();
        application.find(session, CKO_PRIVATE_KEY, label)?;
        found.nanoseconds.push(began.elapsed().as_nanos() as u64);
    }
    found.seconds = started.elapsed().as_secs_f64();
    application.finalize()?;
    Ok(found.report())
}
