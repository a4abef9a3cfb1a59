//! Where the server is, and how to talk to it.

use crate::{Credentials, Error, Result};
use std::time::Duration;
use tonic::transport::{Channel, ClientTlsConfig};

/// Larger frames cost both sides less than the 16 KiB of HTTP/2's default.
const FRAME_BYTES: u32 = 1 << 20;
/// Fixed, since the default loses half of the throughput at a round trip of 1 ms and adaptive windows are worse.
const STREAM_WINDOW_BYTES: u32 = 16 << 20;
/// Room for a second stream while a first one is not read.
const CONNECTION_WINDOW_BYTES: u32 = 32 << 20;
/// A connection that is lost without a word is noticed after this and the timeout.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// A server, and how to connect to it.
#[derive(Debug, Clone)]
pub struct Endpoint {
    url: String,
    credentials: Option<Credentials>,
    connect_timeout: Duration,
    connections: usize,
}

impl Endpoint {
    /// A server at `http://` or `grpc://` (plaintext), `https://` or `grpcs://` (TLS with the certificates of the system),
    /// then `host:port`; or `unix:` and the absolute path of a Unix socket.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), credentials: None, connect_timeout: Duration::from_secs(5), connections: 1 }
    }

    /// Sends these credentials with every call.
    pub fn credentials(mut self, credentials: impl Into<Option<Credentials>>) -> Self {
        self.credentials = credentials.into();
        self
    }

    /// How long to wait for a connection; 5 s unless told.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How many connections reads and writes of objects are spread over; 1 unless told. More are faster for bulk, since each
    /// has one lock. Those after the first are made when they are needed.
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = connections.max(1);
        self
    }

    pub(crate) fn authorization(&self) -> Option<&str> {
        self.credentials.as_ref().map(Credentials::authorization)
    }

    /// Connects once, and prepares the other connections.
    pub(crate) async fn channels(&self) -> Result<Vec<Channel>> {
        let transport = self.transport()?;
        let first = transport.connect().await.map_err(|error| Error::connect(&self.url, error))?;
        let others = (1..self.connections).map(|_| transport.connect_lazy());
        Ok(std::iter::once(first).chain(others).collect())
    }

    fn transport(&self) -> Result<tonic::transport::Endpoint> {
        let (url, is_tls) = transport_url(&self.url)?;
        let invalid = |error| Error::invalid_endpoint(&self.url, "it cannot be used").caused_by(error);
        let transport = tonic::transport::Endpoint::from_shared(url)
            .map_err(|error| Error::invalid_endpoint(&self.url, "it cannot be parsed").caused_by(error))?
            .user_agent(concat!("lakeport-client-rust/", env!("CARGO_PKG_VERSION")))
            .map_err(invalid)?
            .connect_timeout(self.connect_timeout)
            .tcp_nodelay(true)
            .max_frame_size(FRAME_BYTES)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT);
        match is_tls {
            true => transport.tls_config(ClientTlsConfig::new().with_native_roots()).map_err(invalid),
            false => Ok(transport),
        }
    }
}

/// The URL as the transport takes it, and whether it is TLS.
fn transport_url(url: &str) -> Result<(String, bool)> {
    let invalid = |why| Error::invalid_endpoint(url, why);
    if let Some(path) = url.strip_prefix("unix://").or_else(|| url.strip_prefix("unix:")) {
        return match path.strip_prefix('/') {
            Some(rest) if !rest.is_empty() => Ok((format!("unix:{path}"), false)),
            _ => Err(invalid("the path of a Unix socket must be absolute")),
        };
    }
    let (scheme, rest) =
        url.split_once("://").ok_or_else(|| invalid("it must begin with a scheme, such as http://"))?;
    let is_tls = match scheme {
        "http" | "grpc" => false,
        "https" | "grpcs" => true,
        _ => return Err(invalid("its scheme must be http, https, grpc, grpcs or unix")),
    };
    match rest.trim_end_matches('/') {
        "" => Err(invalid("it has no host")),
        host if host.contains('@') => Err(invalid("credentials belong into settings of their own")),
        host if host.contains(['/', '?', '#']) => Err(invalid("only a host and a port may follow the scheme")),
        host => Ok((format!("{}://{host}", if is_tls { "https" } else { "http" }), is_tls)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheme_says_whether_it_is_tls() {
        for (url, expected) in [
            ("http://h:1", ("http://h:1", false)),
            ("grpc://h:1/", ("http://h:1", false)),
            ("https://h", ("https://h", true)),
            ("grpcs://h:1", ("https://h:1", true)),
            ("unix:/run/a b.sock", ("unix:/run/a b.sock", false)),
            ("unix:///run/s", ("unix:/run/s", false)),
        ] {
            assert_eq!(transport_url(url).unwrap(), (expected.0.to_owned(), expected.1), "{url}");
        }
    }

    #[test]
    fn what_is_no_endpoint_is_refused() {
        for url in ["", "h:1", "ftp://h", "http://", "http://u:p@h", "http://h/path", "http://h?x", "unix:s", "unix:/"]
        {
            assert!(transport_url(url).is_err(), "{url}");
        }
    }

    #[test]
    fn every_setting_is_one_that_the_transport_takes() {
        for url in ["http://localhost:50051", "https://localhost:50051", "unix:/run/s"] {
            assert!(Endpoint::new(url).transport().is_ok(), "{url}");
        }
    }
}
