//! The address in the URL of a server.

use crate::{Error, Result};
use http::uri::Authority;
use std::net::IpAddr;

/// Default ports of servers without and with TLS.
const PLAINTEXT_PORT: u16 = 50051;
const TLS_PORT: u16 = 443;

/// Address of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    /// Absolute path of a Unix socket.
    Socket(String),
    /// Host and port. An IPv6 address is in brackets.
    Tcp { host: String, port: u16, is_tls: bool },
}

impl Address {
    pub(super) fn parse(url: &str) -> Result<Self> {
        let invalid = |why| Error::invalid_endpoint(url, why);
        if let Some(path) = url.strip_prefix("unix://").or_else(|| url.strip_prefix("unix:")) {
            return match path.strip_prefix('/') {
                Some(rest) if !rest.is_empty() => Ok(Self::Socket(path.to_owned())),
                _ => Err(invalid("the path of a Unix socket must be absolute")),
            };
        }
        let (scheme, rest) =
            url.split_once("://").ok_or_else(|| invalid("it must begin with a scheme, such as grpc://"))?;
        let is_tls = match scheme.to_ascii_lowercase().as_str() {
            "grpc" | "http" => false,
            "grpcs" | "https" => true,
            _ => return Err(invalid("its scheme must be grpc, grpcs, http, https or unix")),
        };
        match rest.trim_end_matches('/') {
            "" => Err(invalid("it has no host")),
            host if host.contains('@') => Err(invalid("pass the credentials as a separate setting, not in the URL")),
            host if host.contains(['/', '?', '#']) => Err(invalid("only a host and a port may follow the scheme")),
            host => Self::tcp(host, is_tls).map_err(invalid),
        }
    }

    fn tcp(text: &str, is_tls: bool) -> Result<Self, &'static str> {
        const BAD_PORT: &str = "its port must be a number from 1 to 65535";
        let authority: Authority = text.parse().map_err(|_| "it cannot be parsed")?;
        let host = authority.host().to_owned();
        let port = match text.get(host.len()..).unwrap_or_default() {
            "" if is_tls => TLS_PORT,
            "" => PLAINTEXT_PORT,
            port => port.trim_start_matches(':').parse().map_err(|_| BAD_PORT)?,
        };
        match (host.as_str(), port) {
            ("", _) => Err("it has no host"),
            (_, 0) => Err(BAD_PORT),
            _ => Ok(Self::Tcp { host, port, is_tls }),
        }
    }

    pub(super) fn is_tls(&self) -> bool {
        matches!(self, Self::Tcp { is_tls: true, .. })
    }

    /// Returns whether the server is on this machine.
    pub(super) fn is_local(&self) -> bool {
        match self {
            Self::Socket(_) => true,
            Self::Tcp { host, .. } if host == "localhost" => true,
            Self::Tcp { host, .. } => {
                let ip: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
                ip.is_some_and(|ip| ip.is_loopback())
            }
        }
    }

    /// Returns the URL in the form that the transport expects.
    pub(super) fn url(&self) -> String {
        match self {
            Self::Socket(path) => format!("unix:{path}"),
            Self::Tcp { host, port, is_tls } => format!("{}://{host}:{port}", if *is_tls { "https" } else { "http" }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scheme_selects_plaintext_or_tls_and_the_default_port() {
        for (url, expected) in [
            ("http://h:1", "http://h:1"),
            ("grpc://h:1/", "http://h:1"),
            ("grpc://h", "http://h:50051"),
            ("HTTP://h", "http://h:50051"),
            ("https://h", "https://h:443"),
            ("grpcs://h:1", "https://h:1"),
            ("grpc://[::1]", "http://[::1]:50051"),
            ("grpcs://[::1]:2", "https://[::1]:2"),
            ("unix:/run/a b.sock", "unix:/run/a b.sock"),
            ("unix:///run/s", "unix:/run/s"),
        ] {
            let address = Address::parse(url).unwrap();
            assert_eq!((address.url().as_str(), address.is_tls()), (expected, expected.starts_with("https")), "{url}");
        }
    }

    #[test]
    fn invalid_url_is_rejected() {
        for url in [
            "",
            "h:1",
            "ftp://h",
            "http://",
            "http://u:p@h",
            "http://h/path",
            "http://h?x",
            "unix:s",
            "unix:/",
            "grpc://h:",
            "grpc://h:0",
            "grpc://h:65536",
            "grpc://h:x",
            "grpc://:1",
            "grpc://a b",
            "grpc://::1",
            "grpc://[::1",
        ] {
            assert!(Address::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn this_machine_is_local() {
        for (url, expected) in [
            ("grpc://localhost", true),
            ("grpc://127.3.2.1:1", true),
            ("grpcs://[::1]:1", true),
            ("unix:/s", true),
            ("grpc://10.0.0.1", false),
            ("grpc://localhost.example", false),
        ] {
            assert_eq!(Address::parse(url).unwrap().is_local(), expected, "{url}");
        }
    }
}
