//! Bytes to and from the server, over TLS or a unix socket, until a moment after which every read and write fails.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::endpoint::Endpoint;
use super::resolve::Resolver;
use crate::ffi::unix_socket;

/// Closer than this, the time that a socket may take is as good as the time that is left.
const CLOSE: Duration = Duration::from_millis(20);

enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// A socket that knows when it must be done. The system is told only when that changed by much: a call costs it nothing.
pub struct Timed {
    socket: Socket,
    until: Instant,
    /// What reads and writes may take, as the system was told last.
    told: [Duration; 2],
}

impl Timed {
    fn new(socket: Socket, until: Instant) -> Timed {
        Timed { socket, until, told: [Duration::MAX; 2] }
    }

    fn in_time(&mut self, writing: bool) -> io::Result<()> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        let told = &mut self.told[usize::from(writing)];
        if told.abs_diff(left) > CLOSE.min(left / 2) {
            match (&self.socket, writing) {
                (Socket::Tcp(socket), false) => socket.set_read_timeout(Some(left)),
                (Socket::Tcp(socket), true) => socket.set_write_timeout(Some(left)),
                (Socket::Unix(socket), false) => socket.set_read_timeout(Some(left)),
                (Socket::Unix(socket), true) => socket.set_write_timeout(Some(left)),
            }?;
            *told = left;
        }
        Ok(())
    }

    fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        match &self.socket {
            Socket::Tcp(socket) => socket.set_nonblocking(nonblocking),
            Socket::Unix(socket) => socket.set_nonblocking(nonblocking),
        }
    }

    fn read_socket(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.socket {
            Socket::Tcp(socket) => socket.read(buffer),
            Socket::Unix(socket) => socket.read(buffer),
        }
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.in_time(false)?;
        self.read_socket(buffer)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.in_time(true)?;
        match &mut self.socket {
            Socket::Tcp(socket) => socket.write(bytes),
            Socket::Unix(socket) => socket.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub enum Stream {
    Tls(Box<StreamOwned<ClientConnection, Timed>>),
    Plain(Timed),
}

impl Stream {
    /// Connects, and proves who is who. @errors `InvalidData` when another try would end the same: the server is not the one.
    pub fn open(endpoint: &Endpoint, tls: Option<&Arc<ClientConfig>>, resolver: &Resolver, until: Instant) -> io::Result<Stream> {
        match (endpoint, tls) {
            (Endpoint::Socket(path), _) => Ok(Stream::Plain(Timed::new(Socket::Unix(unix_socket::connect(path, until)?), until))),
            (Endpoint::Tls { host, port }, Some(tls)) => {
                let mut socket = Timed::new(Socket::Tcp(dial(host, *port, resolver, until)?), until);
                let name = ServerName::try_from(host.clone()).map_err(|_| io::Error::from(ErrorKind::InvalidData))?;
                let mut client = ClientConnection::new(tls.clone(), name).map_err(|_| io::Error::from(ErrorKind::InvalidData))?;
                while client.is_handshaking() {
                    client.complete_io(&mut socket)?;
                }
                Ok(Stream::Tls(Box::new(StreamOwned::new(client, socket))))
            }
            _ => Err(ErrorKind::InvalidData.into()),
        }
    }

    fn timed(&mut self) -> &mut Timed {
        match self {
            Stream::Tls(stream) => &mut stream.sock,
            Stream::Plain(stream) => stream,
        }
    }

    pub fn set_end(&mut self, until: Instant) {
        self.timed().until = until;
    }

    /// Whether nothing came, not even an end. What came is lost, so a stream that is not quiet is of no more use.
    pub fn is_quiet(&mut self) -> bool {
        let socket = self.timed();
        if socket.set_nonblocking(true).is_err() {
            return false;
        }
        let read = socket.read_socket(&mut [0]);
        let blocking = socket.set_nonblocking(false).is_ok();
        blocking && read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }
}

fn dial(host: &str, port: u16, resolver: &Resolver, until: Instant) -> io::Result<TcpStream> {
    let mut last = io::Error::from(ErrorKind::NotFound);
    for address in resolver.addresses(host, port, until)? {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        match TcpStream::connect_timeout(&address, left) {
            Ok(socket) => {
                socket.set_nodelay(true)?;
                return Ok(socket);
            }
            Err(error) => last = error,
        }
    }
    resolver.forget();
    Err(last)
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tls(stream) => stream.read(buffer),
            Stream::Plain(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tls(stream) => stream.write(bytes),
            Stream::Plain(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Tls(stream) => stream.flush(),
            Stream::Plain(stream) => stream.flush(),
        }
    }
}
