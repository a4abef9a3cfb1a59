//! Address of the server and settings of its connections.

mod address;
mod proxy;
mod tls;

use crate::lakectl::discover;
use crate::{Credentials, Error, Result};
use address::Address;
use proxy::{Proxy, ProxyConnector};
use std::path::PathBuf;
use std::time::Duration;
use tls::Tls;
use tonic::transport::Channel;

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
    tls: Tls,
    proxy: Proxy,
}

impl Endpoint {
    /// Creates an endpoint from a URL: `grpc://HOST[:50051]`, or `grpcs://HOST[:443]` for TLS; `http` and `https` mean the same. Or
    /// `unix:` followed by the absolute path of a Unix socket. [`Client::connect`](crate::Client::connect) validates the URL.
    ///
    /// If the server is not on this machine, the client uses the HTTP proxy in `HTTPS_PROXY` or `ALL_PROXY`, unless `NO_PROXY` excludes
    /// the host.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            credentials: None,
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(60),
            connections: 1,
            tls: Tls::default(),
            proxy: Proxy::default(),
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

    /// Trusts the certificate authorities in this PEM file, in place of those of the system. Needs a URL with TLS.
    pub fn ca_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.tls.ca_file = Some(file.into());
        self
    }

    /// Identifies the client to the server with a certificate and its key, both PEM files. Needs a URL with TLS.
    pub fn client_certificate(mut self, certificate_file: impl Into<PathBuf>, key_file: impl Into<PathBuf>) -> Self {
        self.tls.client_files = Some((certificate_file.into(), key_file.into()));
        self
    }

    /// Expects this name in the certificate of the server. Default: the host of the URL. Needs a URL with TLS.
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.tls.server_name = Some(name.into());
        self
    }

    /// Connects through this HTTP proxy, for example `http://user:password@proxy.example:3128`. `None`: through no proxy. Default: the
    /// proxy of the environment; see [`Endpoint::new`].
    pub fn proxy(mut self, url: impl Into<Option<String>>) -> Self {
        self.proxy = url.into().map_or(Proxy::Off, Proxy::Url);
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
        let connector = self.connector()?;
        Ok((0..self.connections).map(|_| connector.lazy()).collect())
    }

    /// Establishes the first connection. The other connections are established on first use.
    pub(crate) async fn connected_channels(&self) -> Result<Vec<Channel>> {
        let connector = self.connector()?;
        let mut channels = vec![connector.connected().await?];
        channels.extend((1..self.connections).map(|_| connector.lazy()));
        Ok(channels)
    }

    fn connector(&self) -> Result<Connector> {
        let address = Address::parse(&self.url)?;
        let invalid = |error| Error::invalid_endpoint(&self.url, "the transport rejects it").with_source(error);
        let mut transport = tonic::transport::Endpoint::from_shared(address.url())
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
        if address.is_tls() {
            transport = transport.tls_config(self.tls.config()?).map_err(Error::tls)?;
        } else if self.tls != Tls::default() {
            return Err(Error::invalid_endpoint(&self.url, "settings of TLS have no effect on it; use grpcs://"));
        }
        let proxy = self.proxy.connector(&address, &|name| std::env::var(name).ok())?;
        Ok(Connector { url: self.url.clone(), is_tls: address.is_tls(), transport, proxy })
    }
}

/// Establishes connections.
struct Connector {
    url: String,
    is_tls: bool,
    transport: tonic::transport::Endpoint,
    proxy: Option<ProxyConnector>,
}

impl Connector {
    /// Returns a connection that is established on first use.
    fn lazy(&self) -> Channel {
        match &self.proxy {
            None => self.transport.connect_lazy(),
            Some(proxy) => self.transport.connect_with_connector_lazy(proxy.tunnel.clone()),
        }
    }

    async fn connected(&self) -> Result<Channel> {
        let (connected, server) = match &self.proxy {
            None => (self.transport.connect().await, self.url.clone()),
            Some(proxy) => (
                self.transport.connect_with_connector(proxy.tunnel.clone()).await,
                format!("{} through the proxy {}", self.url, proxy.address),
            ),
        };
        connected.map_err(|error| Error::connect(&server, self.is_tls, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transport_accepts_all_settings() {
        for url in ["http://localhost:50051", "https://localhost:50051", "unix:/run/s"] {
            assert!(Endpoint::new(url).connector().is_ok(), "{url}");
        }
    }

    #[test]
    fn tls_needs_a_url_with_tls() {
        for endpoint in [
            Endpoint::new("grpc://h").ca_file("ca.pem"),
            Endpoint::new("unix:/s").client_certificate("c.pem", "k.pem"),
            Endpoint::new("grpc://h").server_name("h"),
        ] {
            let error = endpoint.connector().err().unwrap();
            assert!(error.message().contains("use grpcs://"), "{error}");
        }
    }

    #[test]
    fn unusable_files_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let empty = dir.path().join("empty.pem");
        std::fs::write(&empty, "nothing").unwrap();
        let secure = || Endpoint::new("grpcs://h");
        for endpoint in [
            secure().ca_file(&empty),
            secure().ca_file(dir.path().join("missing.pem")),
            secure().client_certificate(&empty, &empty),
            secure().client_certificate(dir.path().join("missing.pem"), &empty),
        ] {
            let error = endpoint.connector().err().unwrap();
            assert!(error.message().contains(".pem"), "{error}");
        }
    }
}
