//! A listener of either kind, and what it accepts.

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

/// What connections come from.
#[derive(Debug)]
pub enum Listener {
    /// The network.
    Tcp(TcpListener),
    /// This machine.
    #[cfg(unix)]
    Unix(UnixSocket),
}

/// A connection that belongs to no runtime.
pub(super) enum Accepted {
    Tcp(std::net::TcpStream),
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixStream),
}

/// Who connects: an address, or somebody at the Unix socket.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(Option<SocketAddr>);

pub(super) type Reader = Box<dyn AsyncRead + Send + Unpin>;
pub(super) type Writer = Box<dyn AsyncWrite + Send + Unpin>;

impl Listener {
    /// Listens.
    ///
    /// # Errors
    /// When somebody else does there, or nobody can.
    pub async fn bind(address: &Address) -> Result<Self> {
        match address {
            Address::Tcp(address) => TcpListener::bind(address).await.map(Self::Tcp),
            #[cfg(unix)]
            Address::Unix(path) => UnixSocket::bind(path).await.map(Self::Unix),
            #[cfg(not(unix))]
            Address::Unix(_) => Err(std::io::ErrorKind::Unsupported.into()),
        }
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not say so.
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
    /// Its two directions. From here on they belong to the runtime of this task.
    pub(super) fn split(self) -> Result<(Reader, Writer)> {
        match self {
            Self::Tcp(stream) => {
                let stream = TcpStream::from_std(stream)?;
                // Small answers must not wait for an acknowledgement; a socket that refuses is as good without.
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
    /// What its connections are counted by: all at the Unix socket are of one user.
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
