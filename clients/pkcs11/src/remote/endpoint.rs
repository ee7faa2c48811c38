//! Where the server is: an origin over TLS, or a unix socket of this machine.

use std::path::PathBuf;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    Tls { host: String, port: u16 },
    Socket(PathBuf),
}

impl Endpoint {
    /// `https://host:port` or `unix:///path`. Nothing else: over a network the module never sends a key's work in plain.
    pub fn of(text: &str) -> Option<Endpoint> {
        if let Some(path) = text.strip_prefix("unix://") {
            return path.starts_with('/').then(|| Endpoint::Socket(path.into()));
        }
        let rest = text.strip_prefix("https://")?.trim_end_matches('/');
        if rest.contains(['/', '@', '?', '#']) {
            return None;
        }
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
            _ => (rest, 443),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        (!host.is_empty()).then(|| Endpoint::Tls { host: host.to_owned(), port })
    }

    /// What stands in the head of a request.
    pub fn authority(&self) -> String {
        match self {
            Endpoint::Tls { host, port } if host.contains(':') => format!("[{host}]:{port}"),
            Endpoint::Tls { host, port } => format!("{host}:{port}"),
            Endpoint::Socket(_) => "localhost".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_or_a_socket_and_nothing_else() {
        let tls = |host: &str, port| Some(Endpoint::Tls { host: host.into(), port });
        assert_eq!(Endpoint::of("https://hsm.example.com"), tls("hsm.example.com", 443));
        assert_eq!(Endpoint::of("https://[::1]:8443/"), tls("::1", 8443));
        assert_eq!(Endpoint::of("unix:///run/keystead/api.sock"), Some(Endpoint::Socket("/run/keystead/api.sock".into())));
        for bad in ["http://a", "https://a/path", "https://", "https://user@a", "unix://run/api.sock", "unix:/run", "unix://", ""] {
            assert_eq!(Endpoint::of(bad), None, "{bad}");
        }
        assert_eq!(Endpoint::of("https://[::1]:8443").unwrap().authority(), "[::1]:8443");
    }
}
