//! Connections of the process: as many as threads ask at once, kept for the next call.
//!
//! A connection that the server closed meanwhile is noticed before it is used. A request that surely did not leave is sent
//! again over another one; one that left without an answer may have been performed, and is repeated only when its caller
//! says that twice is as good as once.

use std::io::ErrorKind;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use cryptoki_sys::{CKR_ARGUMENTS_BAD, CKR_DEVICE_ERROR};
use rustls::ClientConfig;

use super::connection::{Connection, HttpAnswer, Lost, Post};
use super::endpoint::Endpoint;
use super::resolve::{self, Resolver};
use super::stream::Stream;
use super::tls;
use crate::config::Config;
use crate::error::{Answer, Refusal, refuse};

/// Idle connections that are kept.
const KEPT: usize = 128;
/// Between attempts, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

pub struct Pool {
    endpoint: Endpoint,
    authority: String,
    tls: Option<Arc<ClientConfig>>,
    resolver: Resolver,
    /// How long a server that is not there is waited for.
    connect_timeout: Duration,
    idle: Mutex<Vec<Connection>>,
}

/// Pauses that grow, up to an end.
pub struct BackOff {
    pause: Duration,
    until: Instant,
}

impl BackOff {
    pub fn until(until: Instant) -> BackOff {
        BackOff { pause: FIRST_PAUSE, until }
    }

    /// Waits. @returns false without waiting, when it would take longer than there is time
    pub fn wait(&mut self) -> bool {
        if Instant::now() + self.pause >= self.until {
            return false;
        }
        thread::sleep(self.pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        true
    }
}

impl Pool {
    pub fn new(config: &Config) -> Answer<Pool> {
        let endpoint = config.server().ok_or(Refusal(CKR_ARGUMENTS_BAD))?;
        let tls = match endpoint {
            Endpoint::Tls { .. } => Some(tls::client_config(config)?),
            Endpoint::Socket(_) => None,
        };
        let connect_timeout = Duration::from_millis(config.connect_timeout_ms);
        let resolver = Resolver::new(resolve::system, config.threads);
        Ok(Pool { authority: endpoint.authority(), endpoint, tls, resolver, connect_timeout, idle: Mutex::new(Vec::new()) })
    }

    /// No later than this is a server waited for that is away.
    pub fn patience(&self, until: Instant) -> Instant {
        until.min(Instant::now() + self.connect_timeout)
    }

    /// @errors `CKR_DEVICE_ERROR` when the server cannot be reached or does not answer until then.
    pub fn post(&self, path: &str, body: &[u8], token: Option<&str>, repeatable: bool, until: Instant) -> Answer<HttpAnswer> {
        let mut back_off = BackOff::until(self.patience(until));
        let post = Post { authority: &self.authority, path, token, body };
        loop {
            let mut connection = self.take(until)?;
            match connection.post(&post, until) {
                Ok(answer) => {
                    self.keep(connection);
                    return Ok(answer);
                }
                Err(lost) if (repeatable || matches!(lost, Lost::Unsent)) && back_off.wait() => {}
                Err(_) => return refuse(CKR_DEVICE_ERROR),
            }
        }
    }

    fn keep(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if connection.open && idle.len() < KEPT {
            idle.push(connection);
        }
    }

    fn take(&self, until: Instant) -> Answer<Connection> {
        loop {
            let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            match kept {
                Some(mut connection) => {
                    if connection.is_quiet() {
                        return Ok(connection);
                    }
                }
                None => return self.connect(until),
            }
        }
    }

    /// A server that restarts is waited for, with growing pauses, as long as a connection may take.
    fn connect(&self, until: Instant) -> Answer<Connection> {
        let patience = self.patience(until);
        let mut back_off = BackOff::until(patience);
        loop {
            match Stream::open(&self.endpoint, self.tls.as_ref(), &self.resolver, patience) {
                Ok(stream) => return Ok(Connection::over(stream)),
                Err(error) if error.kind() != ErrorKind::InvalidData && back_off.wait() => {}
                Err(_) => return refuse(CKR_DEVICE_ERROR),
            }
        }
    }
}
