//! Address of the server and settings of its connections.

use crate::lakectl::discover;
use crate::{Credentials, Error, Result};
use std::time::Duration;
use tonic::transport::{Channel, ClientTlsConfig};

/// Environment variable with the URL of the server.
const ENDPOINT: &str = "LAKEPORT_ENDPOINT";
/// Larger frames cost both sides less CPU time than HTTP/2's default of 16 KiB.
const FRAME_BYTES: u32 = 1 << 20;
/// Fixed, because the default window halves the throughput at a round-trip time of 1 ms, and adaptive windows are slower still.
const STREAM_WINDOW_BYTES: u32 = 16 << 20;
/// Twice the stream window: a stream that is not read does not block a second stream.
const CONNECTION_WINDOW_BYTES: u32 = 32 << 20;
/// A connection that dies silently is detected after this interval plus `KEEP_ALIVE_TIMEOUT`.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// Number of cancelled calls whose late frames are ignored, and the time for which they are. Frames of other cancelled calls count
/// as errors, and after 1,024 of them the connection is closed.
const CANCELLED_CALLS: usize = 10_000;
const CANCELLED_TIME: Duration = Duration::from_secs(10);

/// Address of a server and settings of its connections.
#[derive(Debug, Clone)]
pub struct Endpoint {
    url: String,
    credentials: Option<Credentials>,
    connect_timeout: Duration,
    timeout: Duration,
    connections: usize,
}

impl Endpoint {
    /// Creates an endpoint from a URL: `http://` or `grpc://` (plaintext), `https://` or `grpcs://` (TLS with the system's
    /// certificates), followed by `host:port`; or `unix:` followed by the absolute path of a Unix socket.
    /// [`Client::connect`](crate::Client::connect) validates the URL.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            credentials: None,
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(60),
            connections: 1,
        }
    }

    /// Creates an endpoint from the environment: the URL in `LAKEPORT_ENDPOINT`, and the key pair of lakectl, if there is one. See
    /// [`Credentials::from_lakectl`].
    ///
    /// # Errors
    /// `InvalidArgument` if `LAKEPORT_ENDPOINT` is not set, or if lakectl's configuration is invalid.
    pub fn from_env() -> Result<Self> {
        Self::from_variables(&|name| std::env::var(name).ok())
    }

    /// Like [`Endpoint::from_env`], with a function that reads a variable, for programs that do not use those of their process.
    ///
    /// # Errors
    /// Those of [`Endpoint::from_env`].
    pub fn from_variables(variables: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let url = variables(ENDPOINT).filter(|url| !url.is_empty());
        let url = url.ok_or_else(|| Error::invalid(&format!("set {ENDPOINT} to the URL of the lakeport server")))?;
        Ok(Self::new(url).credentials(discover(variables)?))
    }

    /// Sends these credentials with every call. Default: none.
    pub fn credentials(mut self, credentials: impl Into<Option<Credentials>>) -> Self {
        self.credentials = credentials.into();
        self
    }

    /// Sets the timeout for establishing a connection. Default: 5 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets the timeout of calls with a single response, e.g. `stat`, and the time without progress by the server after which
    /// uploads, downloads and listings fail. Default: 60 s. Uploads, downloads and listings may last as long as data flows, and
    /// [`Client::watch`](crate::Client::watch) may wait for any time.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the number of connections that reads and writes of objects use, at least 1. Default: 1. More connections increase the
    /// throughput of large transfers, because each connection has one lock. All connections except the first are established
    /// on first use.
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = connections.max(1);
        self
    }

    pub(crate) fn call_timeout(&self) -> Duration {
        self.timeout
    }

    pub(crate) fn authorization(&self) -> Option<&str> {
        self.credentials.as_ref().map(Credentials::authorization)
    }

    /// Returns connections that are established on first use.
    pub(crate) fn channels(&self) -> Result<Vec<Channel>> {
        let transport = self.transport()?;
        Ok((0..self.connections).map(|_| transport.connect_lazy()).collect())
    }

    /// Establishes the first connection. The other connections are established on first use.
    pub(crate) async fn connected_channels(&self) -> Result<Vec<Channel>> {
        let mut channels = self.channels()?;
        let first = self.transport()?.connect().await.map_err(|error| Error::connect(&self.url, error))?;
        channels.splice(..1, [first]);
        Ok(channels)
    }

    fn transport(&self) -> Result<tonic::transport::Endpoint> {
        let (url, is_tls) = transport_url(&self.url)?;
        let invalid = |error| Error::invalid_endpoint(&self.url, "the transport rejects it").with_source(error);
        let transport = tonic::transport::Endpoint::from_shared(url)
            .map_err(|error| Error::invalid_endpoint(&self.url, "it cannot be parsed").with_source(error))?
            .user_agent(concat!("lakeport-client-rust/", env!("CARGO_PKG_VERSION")))
            .map_err(invalid)?
            .connect_timeout(self.connect_timeout)
            .tcp_nodelay(true)
            .max_frame_size(FRAME_BYTES)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .http2_max_concurrent_reset_streams(CANCELLED_CALLS)
            .http2_reset_stream_duration(CANCELLED_TIME)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT);
        match is_tls {
            true => transport.tls_config(ClientTlsConfig::new().with_native_roots()).map_err(invalid),
            false => Ok(transport),
        }
    }
}

/// Returns the URL in the form that the transport expects, and whether it uses TLS.
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
        host if host.contains('@') => Err(invalid("pass the credentials as a separate setting, not in the URL")),
        host if host.contains(['/', '?', '#']) => Err(invalid("only a host and a port may follow the scheme")),
        host => Ok((format!("{}://{host}", if is_tls { "https" } else { "http" }), is_tls)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scheme_selects_plaintext_or_tls() {
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
    fn invalid_url_is_rejected() {
        for url in ["", "h:1", "ftp://h", "http://", "http://u:p@h", "http://h/path", "http://h?x", "unix:s", "unix:/"]
        {
            assert!(transport_url(url).is_err(), "{url}");
        }
    }

    #[test]
    fn transport_accepts_all_settings() {
        for url in ["http://localhost:50051", "https://localhost:50051", "unix:/run/s"] {
            assert!(Endpoint::new(url).transport().is_ok(), "{url}");
        }
    }
}
