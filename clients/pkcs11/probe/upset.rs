//! What applications do to a module while it works: fork amid other threads' calls, finalize under them, and go on for hours
//! while its server comes and goes.

use std::io::BufRead;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use cryptoki_sys::{CK_SESSION_HANDLE, CKO_PRIVATE_KEY, CKO_PUBLIC_KEY, CKR_CRYPTOKI_NOT_INITIALIZED, CKR_SESSION_HANDLE_INVALID};
use ring::digest::{SHA256, digest};

use crate::Wanted;
use crate::application::{Application, Failure, Kind};
use crate::load::children;

/// A key of a session, found once.
struct Signer {
    session: CK_SESSION_HANDLE,
    private: u64,
    public: u64,
    kind: Kind,
}

impl Signer {
    fn find(application: &Application, wanted: &Wanted) -> Result<Signer, Failure> {
        let (session, kind, label) = (application.open(wanted)?, wanted.kind()?, wanted.text("label")?);
        let private = application.find(session, CKO_PRIVATE_KEY, label)?;
        let public = application.find(session, CKO_PUBLIC_KEY, label)?;
        Ok(Signer { session, private, public, kind })
    }

    /// One signature, checked with the public half that the module shows afterwards.
    fn sign(&self, application: &Application, message: &[u8]) -> Result<(), Failure> {
        let mut data = match self.kind {
            Kind::Ecdsa => digest(&SHA256, message).as_ref().to_vec(),
            Kind::Rsa => message.to_vec(),
        };
        let mut signature = [0; 512];
        let length = application.sign(self.session, self.private, self.kind, &mut data, &mut signature)?;
        let public = application.public_of(self.session, self.kind, self.public)?;
        if public.accepts(message, &signature[..length]) { Ok(()) } else { Err(Failure("a signature is wrong".into())) }
    }
}

/// Signs once for each line on standard input, and answers each with a line: `ok`, or what failed.
pub fn serve(application: &Application, wanted: &Wanted) -> Result<String, Failure> {
    application.initialize(true)?;
    let signer = Signer::find(application, wanted)?;
    println!("ready");
    for line in std::io::stdin().lock().lines() {
        let message = line.map_err(|error| Failure(error.to_string()))?;
        match signer.sign(application, message.as_bytes()) {
            Ok(()) => println!("ok"),
            Err(Failure(text)) => println!("{text}"),
        }
    }
    application.finalize()?;
    Ok("{}".into())
}

/// Forks again and again while threads of the parent sign; each child begins anew and signs.
pub fn fork_amid(application: &Application, wanted: &Wanted) -> Result<String, Failure> {
    application.initialize(true)?;
    let until = Instant::now() + Duration::from_secs(wanted.number("seconds", 2)?);
    let signers: Vec<Signer> = (0..wanted.number("threads", 4)?).map(|_| Signer::find(application, wanted)).collect::<Result<_, _>>()?;
    let working = |signer: &Signer| -> Result<u64, Failure> {
        let mut count = 0_u64;
        while Instant::now() < until {
            signer.sign(application, &count.to_be_bytes())?;
            count += 1;
        }
        Ok(count)
    };
    let (signatures, forks) = thread::scope(|scope| {
        let threads: Vec<_> = signers.iter().map(|signer| scope.spawn(move || working(signer))).collect();
        let mut forks = Ok(0);
        while Instant::now() < until && forks.is_ok() {
            let child = || {
                application.initialize(true)?;
                Signer::find(application, wanted)?.sign(application, b"of a child")?;
                application.finalize()
            };
            forks = children(1, &child).and_then(|()| forks.map(|count: u64| count + 1));
        }
        let signatures = threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(Failure("a thread panicked".into())))).sum();
        (signatures, forks)
    });
    application.finalize()?;
    let (signatures, forks): (Result<u64, Failure>, _) = (signatures, forks);
    Ok(format!(r#"{{"signatures":{},"forks":{}}}"#, signatures?, forks?))
}

/// Finalizes while threads sign. Each of them hears of it by a return value, and the module begins again.
pub fn finalize_amid(application: &Application, wanted: &Wanted) -> Result<String, Failure> {
    let told = [format!("0x{CKR_CRYPTOKI_NOT_INITIALIZED:x}"), format!("0x{CKR_SESSION_HANDLE_INVALID:x}")];
    for _ in 0..wanted.number("times", 5)? {
        application.initialize(true)?;
        let signers: Vec<Signer> =
            (0..wanted.number("threads", 8)?).map(|_| Signer::find(application, wanted)).collect::<Result<_, _>>()?;
        let signed = AtomicU64::new(0);
        let working = |signer: &Signer| -> Failure {
            loop {
                match signer.sign(application, b"until the end") {
                    Ok(()) => signed.fetch_add(1, Ordering::Relaxed),
                    Err(failure) => return failure,
                };
            }
        };
        let ends: Vec<Failure> = thread::scope(|scope| {
            let threads: Vec<_> = signers.iter().map(|signer| scope.spawn(|| working(signer))).collect();
            while signed.load(Ordering::Relaxed) < signers.len() as u64 {
                thread::yield_now();
            }
            let ended = application.finalize();
            let ends = threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Failure("a thread panicked".into()))).collect();
            ended.map(|()| ends)
        })?;
        if let Some(Failure(other)) = ends.into_iter().find(|Failure(text)| !told.iter().any(|answer| text.ends_with(answer))) {
            return Err(Failure(other));
        }
    }
    Ok("{}".into())
}
