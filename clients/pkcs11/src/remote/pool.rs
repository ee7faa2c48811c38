//! Connections of the process: as many as threads ask at once, kept for the next call.
//!
//! A connection that the server closed meanwhile is noticed before it is used, so that nothing is sent twice. A request
//! that got no answer is never repeated: it may have been performed.

use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use cryptoki_sys::{CKR_ARGUMENTS_BAD, CKR_DEVICE_ERROR};

use super::connection::{Connection, HttpAnswer, Target};
use super::tls;
use crate::config::Config;
use crate::error::{Answer, Refusal};

/// Idle connections that are kept.
const KEPT: usize = 32;
/// Between attempts to connect, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

pub struct Pool {
    target: Target,
    idle: Mutex<Vec<Connection>>,
}

impl Pool {
    pub fn new(config: &Config) -> Answer<Pool> {
        let (host, port) = config.authority().ok_or(Refusal(CKR_ARGUMENTS_BAD))?;
        let target = Target {
            host,
            port,
            tls: tls::client_config(config)?,
            connect_timeout: Duration::from_millis(config.connect_timeout_ms),
            timeout: Duration::from_millis(config.timeout_ms),
        };
        Ok(Pool { target, idle: Mutex::new(Vec::new()) })
    }

    /// @errors `CKR_DEVICE_ERROR` when the server cannot be reached or does not answer in time.
    pub fn post(&self, path: &str, body: &[u8], token: Option<&str>) -> Answer<HttpAnswer> {
        let mut connection = self.take().ok_or(Refusal(CKR_DEVICE_ERROR))?;
        let answer = connection.post(path, body, token).map_err(|_| Refusal(CKR_DEVICE_ERROR))?;
        if connection.open {
            let mut idle = self.idle.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            if idle.len() < KEPT {
                idle.push(connection);
            }
        }
        Ok(answer)
    }

    fn take(&self) -> Option<Connection> {
        loop {
            let kept = self.idle.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).pop();
            match kept {
                Some(connection) if connection.is_quiet() => return Some(connection),
                Some(_) => {}
                None => return self.connect(),
            }
        }
    }

    /// A server that restarts is waited for, with growing pauses, as long as a connection may take.
    fn connect(&self) -> Option<Connection> {
        let until = Instant::now() + self.target.connect_timeout;
        let mut pause = FIRST_PAUSE;
        loop {
            match Connection::open(&self.target) {
                Ok(connection) => return Some(connection),
                Err(_) if Instant::now() + pause < until => thread::sleep(pause),
                Err(_) => return None,
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}
