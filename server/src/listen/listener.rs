//! Listeners on TCP and Unix sockets, and their connections.

use super::Address;
#[cfg(unix)]
use super::unix::UnixSocket;
use std::fmt;
use std::io::Result;
use std::net::{IpAddr, SocketAddr};
use tokio::io::{AsyncRead, AsyncWrite};
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::net::{TcpListener, TcpStream};

/// Listening socket.
#[derive(Debug)]
pub enum Listener {
    /// TCP socket.
    Tcp(TcpListener),
    /// Unix socket.
    #[cfg(unix)]
    Unix(UnixSocket),
}

/// Accepted connection that is not yet registered with a runtime.
pub(super) enum Accepted {
    Tcp(std::net::TcpStream),
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixStream),
}

/// Peer of a connection: an IP address and port, or `None` for a connection to the Unix socket.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(Option<SocketAddr>);

pub(super) type Reader = Box<dyn AsyncRead + Send + Unpin>;
pub(super) type Writer = Box<dyn AsyncWrite + Send + Unpin>;

impl Listener {
    /// Binds the socket and listens.
    ///
    /// # Errors
    /// Returns an error if the address is in use or not available.
    pub async fn bind(address: &Address) -> Result<Self> {
        match address {
            Address::Tcp(address) => TcpListener::bind(address).await.map(Self::Tcp),
            #[cfg(unix)]
            Address::Unix(path) => UnixSocket::bind(path).await.map(Self::Unix),
            #[cfg(not(unix))]
            Address::Unix(_) => Err(std::io::ErrorKind::Unsupported.into()),
        }
    }

    /// Returns the bound address.
    ///
    /// # Errors
    /// Returns an error if the system does not return the address.
    pub fn address(&self) -> Result<Address> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(Address::Tcp),
            #[cfg(unix)]
            Self::Unix(socket) => Ok(Address::Unix(socket.path().to_owned())),
        }
    }

    pub(super) async fn accept(&self) -> Result<(Accepted, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((Accepted::Tcp(stream.into_std()?), Peer(Some(peer))))
            }
            #[cfg(unix)]
            Self::Unix(socket) => {
                let (stream, _) = socket.listener.accept().await?;
                Ok((Accepted::Unix(stream.into_std()?), Peer(None)))
            }
        }
    }
}

impl Accepted {
    /// Registers the connection with the current runtime, and returns its two directions.
    pub(super) fn split(self) -> Result<(Reader, Writer)> {
        match self {
            Self::Tcp(stream) => {
                let stream = TcpStream::from_std(stream)?;
                // Without TCP_NODELAY, a small response may wait for an acknowledgement. A socket that rejects the option
                // still works.
                let _ = stream.set_nodelay(true);
                let (reader, writer) = stream.into_split();
                Ok((Box::new(reader), Box::new(writer)))
            }
            #[cfg(unix)]
            Self::Unix(stream) => {
                let (reader, writer) = UnixStream::from_std(stream)?.into_split();
                Ok((Box::new(reader), Box::new(writer)))
            }
        }
    }
}

impl Peer {
    /// Returns the IP address by which connections are counted. `None` for the Unix socket, whose connections all come from
    /// one user.
    pub(super) fn ip(self) -> Option<IpAddr> {
        self.0.map(|address| address.ip())
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => address.fmt(f),
            None => f.write_str("unix"),
        }
    }
}
