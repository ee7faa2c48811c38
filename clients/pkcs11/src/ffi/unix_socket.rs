//! Connecting to a unix socket until a moment. The standard library only has the connect that waits for ever for a server
//! whose queue is full.

use std::io::{self, ErrorKind};
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Instant;

/// @errors `InvalidData` for a path that no socket can have; `TimedOut`; what the system says
pub fn connect(path: &Path, until: Instant) -> io::Result<UnixStream> {
    let (address, length) = address(path).ok_or(ErrorKind::InvalidData)?;
    let socket = UnixStream::from(stream_socket()?);
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        // How long a write may take is also how long Linux lets a connect wait for room in the queue (unix(7), socket(7)).
        // Other systems refuse at once when it is full.
        socket.set_write_timeout(Some(left))?;
        // SAFETY: the descriptor is open, and the address is read for its length, which it has.
        if unsafe { libc::connect(socket.as_raw_fd(), (&raw const address).cast(), length) } == 0 {
            return Ok(socket);
        }
        let error = io::Error::last_os_error();
        match error.kind() {
            ErrorKind::Interrupted => {}
            ErrorKind::WouldBlock => return Err(ErrorKind::TimedOut.into()),
            _ => return Err(error),
        }
    }
}

/// A name of the file system; none that is longer than systems take, or has a NUL in it.
fn address(path: &Path) -> Option<(libc::sockaddr_un, libc::socklen_t)> {
    let name = path.as_os_str().as_bytes();
    // SAFETY: plain numbers, of which zero is a value.
    let mut address: libc::sockaddr_un = unsafe { mem::zeroed() };
    if name.is_empty() || name.len() >= address.sun_path.len() || name.contains(&0) {
        return None;
    }
    address.sun_family = libc::AF_UNIX as libc::sa_family_t;
    for (place, byte) in address.sun_path.iter_mut().zip(name) {
        *place = *byte as libc::c_char;
    }
    let length = mem::offset_of!(libc::sockaddr_un, sun_path) + name.len() + 1;
    Some((address, length as libc::socklen_t))
}

/// A child that the application starts does not have it.
fn stream_socket() -> io::Result<OwnedFd> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let kind = libc::SOCK_STREAM;
    // SAFETY: takes numbers alone.
    let descriptor = unsafe { libc::socket(libc::AF_UNIX, kind, 0) };
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it was just made and is nobody else's.
    let socket = unsafe { OwnedFd::from_raw_fd(descriptor) };
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    // SAFETY: the descriptor is open.
    if unsafe { libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(socket)
}

/// A server that lives and accepts nobody: its queue has one place, which is taken.
#[cfg(test)]
pub fn full_server(path: &Path) -> (std::os::unix::net::UnixListener, Vec<UnixStream>) {
    use std::os::unix::net::UnixListener;
    use std::time::Duration;
    let listener = UnixListener::bind(path).unwrap();
    // SAFETY: the descriptor is open.
    assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
    let mut waiting = Vec::new();
    while let Ok(stream) = connect(path, Instant::now() + Duration::from_millis(200)) {
        waiting.push(stream);
        assert!(waiting.len() < 16, "a queue of no length has no end");
    }
    (listener, waiting)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::path::PathBuf;
    use std::time::Duration;

    fn path(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("keystead-{name}-{}", std::process::id()))
    }

    #[test]
    fn a_queue_that_is_full_ends_with_the_time_and_room_in_it_does_not() {
        let path = path("full");
        let (listener, waiting) = full_server(&path);
        let begun = Instant::now();
        let answer = connect(&path, begun + Duration::from_millis(100));
        assert_eq!(answer.unwrap_err().kind(), ErrorKind::TimedOut);
        assert!(begun.elapsed() >= Duration::from_millis(99));
        assert_eq!(connect(&path, begun).unwrap_err().kind(), ErrorKind::TimedOut);
        let _first = listener.accept().unwrap();
        connect(&path, Instant::now() + Duration::from_secs(60)).unwrap();
        drop((listener, waiting));
        assert_eq!(connect(&path, Instant::now() + Duration::from_secs(60)).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(connect(&path, Instant::now() + Duration::from_secs(60)).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn bytes_go_both_ways_and_what_can_be_no_path_is_said_so() {
        let path = path("plain");
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let mut stream = connect(&path, Instant::now() + Duration::from_secs(60)).unwrap();
        let (mut other, _) = listener.accept().unwrap();
        other.write_all(b"hello").unwrap();
        let mut bytes = [0; 5];
        stream.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"hello");
        std::fs::remove_file(&path).unwrap();
        for bad in ["".to_owned(), "/a\0b".to_owned(), format!("/{}", "a".repeat(200))] {
            assert_eq!(connect(Path::new(&bad), Instant::now() + Duration::from_secs(1)).unwrap_err().kind(), ErrorKind::InvalidData);
        }
    }
}
