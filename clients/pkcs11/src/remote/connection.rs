//! One HTTP/1.1 connection that is kept alive: a POST, then its answer, then the next.
//!
//! It reads what our own gateway writes: a status line, headers, and a body of the length they say. Anything else ends
//! the connection; nothing is guessed.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use zeroize::Zeroizing;

/// Longest head of an answer, and longest body: a request may be 15 MiB, and no answer is longer than its request by much.
const HEAD_BYTES: u64 = 32 * 1024;
const BODY_BYTES: usize = 32 * 1024 * 1024;

pub struct HttpAnswer {
    pub status: u16,
    pub body: Zeroizing<Vec<u8>>,
}

pub struct Connection {
    stream: BufReader<StreamOwned<ClientConnection, TcpStream>>,
    host: String,
    /// False once the server said that it closes, or anything went wrong.
    pub open: bool,
}

/// Where a connection goes, and how long it may take.
pub struct Target {
    pub host: String,
    pub port: u16,
    pub tls: Arc<ClientConfig>,
    pub connect_timeout: Duration,
    pub timeout: Duration,
}

impl Connection {
    pub fn open(target: &Target) -> io::Result<Connection> {
        let mut last = io::Error::from(ErrorKind::NotFound);
        for address in (target.host.as_str(), target.port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, target.connect_timeout) {
                Ok(socket) => return Connection::over(socket, target),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn over(socket: TcpStream, target: &Target) -> io::Result<Connection> {
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(target.timeout))?;
        socket.set_write_timeout(Some(target.timeout))?;
        let name = ServerName::try_from(target.host.clone()).map_err(io::Error::other)?;
        let client = ClientConnection::new(target.tls.clone(), name).map_err(io::Error::other)?;
        let host = format!("{}:{}", target.host, target.port);
        Ok(Connection { stream: BufReader::new(StreamOwned::new(client, socket)), host, open: true })
    }

    /// Whether nothing came since the last answer. Between answers a server sends only its goodbye.
    pub fn is_quiet(&self) -> bool {
        let socket = &self.stream.get_ref().sock;
        if !self.open || !self.stream.buffer().is_empty() || socket.set_nonblocking(true).is_err() {
            return false;
        }
        let peeked = socket.peek(&mut [0]);
        let blocking = socket.set_nonblocking(false).is_ok();
        blocking && peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }

    pub fn post(&mut self, path: &str, body: &[u8], token: Option<&str>) -> io::Result<HttpAnswer> {
        let open = std::mem::replace(&mut self.open, false);
        if !open {
            return Err(ErrorKind::NotConnected.into());
        }
        let mut request = Zeroizing::new(Vec::with_capacity(body.len() + 1024));
        write!(
            request,
            "POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/proto\r\nconnect-protocol-version: 1\r\ncontent-length: {}\r\n",
            self.host,
            body.len()
        )?;
        if let Some(token) = token {
            write!(request, "authorization: Bearer {token}\r\n")?;
        }
        request.extend_from_slice(b"\r\n");
        request.extend_from_slice(body);
        let stream = self.stream.get_mut();
        stream.write_all(&request)?;
        stream.flush()?;
        let answer = self.read()?;
        Ok(answer)
    }

    fn read(&mut self) -> io::Result<HttpAnswer> {
        let bad = |what: &str| io::Error::new(ErrorKind::InvalidData, what.to_owned());
        let mut head = (&mut self.stream).take(HEAD_BYTES);
        let mut line = String::new();
        head.read_line(&mut line)?;
        let mut words = line.split(' ');
        let status = match (words.next(), words.next()) {
            (Some("HTTP/1.1"), Some(status)) => status.trim_end().parse().map_err(|_| bad("status"))?,
            _ => return Err(bad("status line")),
        };
        let (mut length, mut closes) = (None, false);
        loop {
            line.clear();
            head.read_line(&mut line)?;
            if line == "\r\n" {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| bad("header"))?;
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                length = Some(value.parse::<usize>().map_err(|_| bad("length"))?);
            } else if name.eq_ignore_ascii_case("connection") {
                closes = value.eq_ignore_ascii_case("close");
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                return Err(bad("an answer in pieces"));
            }
        }
        let length = length.filter(|length| *length <= BODY_BYTES).ok_or_else(|| bad("length"))?;
        let mut body = Zeroizing::new(vec![0; length]);
        self.stream.read_exact(&mut body)?;
        self.open = !closes;
        Ok(HttpAnswer { status, body })
    }
}
