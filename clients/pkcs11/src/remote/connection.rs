//! One HTTP/1.1 connection that is kept alive: a POST, then its answer, then the next.
//!
//! It reads what our own gateway writes: a status line, headers, and a body of the length they say. Anything else ends
//! the connection; nothing is guessed.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::time::Instant;

use zeroize::Zeroizing;

use super::stream::Stream;

/// Longest head of an answer, and longest body: a request may be 15 MiB, and no answer is longer than its request by much.
const HEAD_BYTES: u64 = 32 * 1024;
const BODY_BYTES: usize = 32 * 1024 * 1024;

pub struct HttpAnswer {
    pub status: u16,
    pub body: Zeroizing<Vec<u8>>,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Lost {
    /// Not all of the request left this process, so nobody has performed it.
    Unsent,
    /// All of it left. It may have been performed.
    Unanswered,
}

pub struct Connection {
    stream: BufReader<Stream>,
    /// False once the server said that it closes, or anything went wrong.
    pub open: bool,
}

/// A request without its head.
pub struct Post<'a> {
    pub authority: &'a str,
    pub path: &'a str,
    pub token: Option<&'a str>,
    pub body: &'a [u8],
}

impl Post<'_> {
    /// The bytes of the request, which leave in one write.
    fn bytes(&self) -> Zeroizing<Vec<u8>> {
        let token = self.token.unwrap_or_default();
        let mut bytes = Zeroizing::new(Vec::with_capacity(self.body.len() + token.len() + 512));
        let length = self.body.len().to_string();
        let (named, ended) = if self.token.is_some() { ("\r\nauthorization: Bearer ", "\r\n\r\n") } else { ("", "\r\n\r\n") };
        for part in [
            "POST ",
            self.path,
            " HTTP/1.1\r\nhost: ",
            self.authority,
            "\r\ncontent-type: application/proto\r\nconnect-protocol-version: 1\r\ncontent-length: ",
            &length,
            named,
            token,
            ended,
        ] {
            bytes.extend_from_slice(part.as_bytes());
        }
        bytes.extend_from_slice(self.body);
        bytes
    }
}

impl Connection {
    pub fn over(stream: Stream) -> Connection {
        Connection { stream: BufReader::new(stream), open: true }
    }

    /// Whether nothing came since the last answer. Between answers a server sends only its goodbye.
    pub fn is_quiet(&mut self) -> bool {
        self.open && self.stream.buffer().is_empty() && self.stream.get_mut().is_quiet()
    }

    pub fn post(&mut self, post: &Post, until: Instant) -> Result<HttpAnswer, Lost> {
        let open = std::mem::replace(&mut self.open, false);
        if !open {
            return Err(Lost::Unsent);
        }
        let request = post.bytes();
        let stream = self.stream.get_mut();
        stream.set_end(until);
        stream.write_all(&request).and_then(|()| stream.flush()).map_err(|_| Lost::Unsent)?;
        self.read().map_err(|_| Lost::Unanswered)
    }

    fn read(&mut self) -> io::Result<HttpAnswer> {
        let bad = |what: &str| io::Error::new(ErrorKind::InvalidData, what.to_owned());
        let mut head = (&mut self.stream).take(HEAD_BYTES);
        let mut line = String::with_capacity(256);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_its_token_in_the_head_and_its_body_behind_it() {
        let mut post = Post { authority: "localhost", path: "/hsm.HsmService/Sign", token: None, body: b"body" };
        assert_eq!(
            post.bytes().as_slice(),
            b"POST /hsm.HsmService/Sign HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/proto\r\nconnect-protocol-version: 1\r\ncontent-length: 4\r\n\r\nbody"
        );
        post.token = Some("abc");
        assert!(String::from_utf8_lossy(&post.bytes()).ends_with("content-length: 4\r\nauthorization: Bearer abc\r\n\r\nbody"));
    }
}
