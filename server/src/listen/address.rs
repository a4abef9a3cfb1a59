//! Address on which gRPC is served: an IP address and a port, or a Unix socket.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// Address on which gRPC is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// IP address and port.
    Tcp(SocketAddr),
    /// Absolute path of a Unix socket, which only the user of the server can open. Not supported on Windows.
    Unix(PathBuf),
}

impl Address {
    /// Returns whether only programs on this machine can connect.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().is_loopback(),
            Self::Unix(_) => true,
        }
    }

    /// Returns the endpoint for clients: `http://` and the address, or `unix:` and the path.
    pub fn endpoint(&self) -> String {
        match self {
            Self::Tcp(address) => format!("http://{address}"),
            Self::Unix(_) => self.to_string(),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl FromStr for Address {
    /// Rule that the text violates.
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // gRPC clients use both forms.
        match text.strip_prefix("unix://").or_else(|| text.strip_prefix("unix:")) {
            #[cfg(unix)]
            Some(path) => super::unix::socket_path(path).map(Self::Unix),
            #[cfg(not(unix))]
            Some(_) => Err(
                "Unix sockets are not supported on this system: use an IP address and a port, such as 127.0.0.1:50051",
            ),
            None => text.parse().map(Self::Tcp).map_err(
                |_| "must be an IP address and a port, such as 127.0.0.1:50051, or unix: and the path of a Unix socket",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_unix_socket_must_be_absolute() {
        for text in ["unix:/run/user/1000/lakeport.sock", "unix:///run/user/1000/lakeport.sock"] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address, Address::Unix("/run/user/1000/lakeport.sock".into()), "{text}");
            assert!(address.is_local());
            assert_eq!(address.endpoint(), "unix:/run/user/1000/lakeport.sock");
        }
        let long = format!("unix:/{}", "x".repeat(108));
        for bad in ["unix:", "unix:x.sock", "unix://x.sock", "unix:/", "unix:/run/", "unix:/run/..", &long] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }

    #[test]
    fn only_a_loopback_ip_address_is_local() {
        for (text, is_local) in [("127.0.0.1:1", true), ("[::1]:1", true), ("0.0.0.0:1", false), ("10.0.0.1:1", false)]
        {
            assert_eq!(text.parse::<Address>().unwrap().is_local(), is_local, "{text}");
        }
        assert!("localhost:1".parse::<Address>().is_err());
    }
}
