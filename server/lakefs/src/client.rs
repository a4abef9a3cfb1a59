//! HTTP client for a lakeFS server.

use crate::budget::Budget;
use crate::credentials::Credentials;
use crate::pools::Pools;
use crate::stream::read_first;
use crate::trust::Trust;
use http::{HeaderMap, Uri};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use std::time::Duration;

/// Timeouts of requests. A transfer as a whole has no timeout, as long as bytes move.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// Timeout for opening a connection. Default: 5 s.
    pub connect: Duration,
    /// Timeout for a complete response, or for the response headers of a download. Default: 30 s. Calls that can take as
    /// long as a merge use `merge`.
    pub response: Duration,
    /// Timeout for a commit, merge, revert, cherry-pick, diff or copy, and for an upload that makes no progress. Default:
    /// 60 s.
    pub merge: Duration,
    /// Maximum time between two parts of a body. Default: 30 s.
    pub stall: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            response: Duration::from_secs(30),
            // lakeFS itself retries a contended merge for tens of seconds.
            merge: Duration::from_secs(60),
            stall: Duration::from_secs(30),
        }
    }
}

/// Connections to a lakeFS server, without credentials. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) pools: Pools,
    /// Scheme, host, port and path of the API, without a trailing slash.
    pub(crate) base: String,
    pub(crate) timeouts: Timeouts,
    pub(crate) budget: Budget,
}

/// Client that sends requests with the credentials of one user. Cheap to create and to clone.
#[derive(Clone)]
pub struct Lakefs {
    pub(crate) inner: Arc<Inner>,
    pub(crate) credentials: Credentials,
    /// Headers that are sent with every request.
    pub(crate) headers: Arc<HeaderMap>,
}

impl std::fmt::Debug for Lakefs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lakefs").field("base", &self.inner.base).finish_non_exhaustive()
    }
}

/// Error for a URL that cannot be the URL of a lakeFS server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{url:?} is not the URL of a lakeFS: {why}")]
pub struct InvalidUrl {
    url: String,
    why: &'static str,
}

impl Client {
    /// Creates a client for the lakeFS server at `http(s)://host[:port][/path]`. If the path is empty, `/api/v1` is
    /// appended, as in lakectl. Trusts the certificates of the system.
    ///
    /// # Errors
    /// Returns [`InvalidUrl`] if the URL does not have this form, or if it uses TLS and the system has no root certificates.
    pub fn new(url: &str, timeouts: Timeouts) -> Result<Self, InvalidUrl> {
        Self::trusting(&Trust::System, url, timeouts)
    }

    /// Creates a client like [`new`](Self::new) that trusts the given certificates.
    ///
    /// # Errors
    /// The same as for [`new`](Self::new).
    pub fn trusting(trust: &Trust, url: &str, timeouts: Timeouts) -> Result<Self, InvalidUrl> {
        let base = base(url)?;
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(timeouts.connect));
        connector.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls(trust, &base)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(read_first(connector));
        Ok(Self { inner: Arc::new(Inner { pools: Pools::new(connector), base, timeouts, budget: Budget::default() }) })
    }

    /// Returns a client that shares the connections of this one and sends the given credentials.
    pub fn acting_as(&self, credentials: Credentials) -> Lakefs {
        Lakefs { inner: Arc::clone(&self.inner), credentials, headers: Arc::default() }
    }
}

impl Lakefs {
    /// Returns whether both clients send the same credentials.
    pub fn is_same_account(&self, other: &Self) -> bool {
        self.credentials.as_bytes() == other.credentials.as_bytes()
    }

    /// Returns this client with headers that it sends with every request, such as those of a trace. Replaces earlier headers.
    #[must_use]
    pub fn sending(self, headers: HeaderMap) -> Self {
        Self { headers: Arc::new(headers), ..self }
    }
}

/// Returns the TLS settings. For a plaintext URL no certificates are loaded, because a container may have none installed.
fn tls(trust: &Trust, url: &str) -> Result<ClientConfig, InvalidUrl> {
    match url.starts_with("https:") {
        true => trust.config().map_err(|why| InvalidUrl { url: url.to_owned(), why }),
        false => Ok(ClientConfig::builder().with_root_certificates(RootCertStore::empty()).with_no_client_auth()),
    }
}

fn base(url: &str) -> Result<String, InvalidUrl> {
    let invalid = |why| InvalidUrl { url: url.to_owned(), why };
    let uri: Uri = url.parse().map_err(|_| invalid("it cannot be parsed"))?;
    let scheme = uri.scheme_str().filter(|scheme| ["http", "https"].contains(scheme));
    let scheme = scheme.ok_or_else(|| invalid("it must begin with http:// or https://"))?;
    let authority = uri.authority().ok_or_else(|| invalid("it has no host"))?;
    if authority.as_str().contains('@') {
        return Err(invalid(
            "it must not contain credentials; set the access key ID and the secret access key instead",
        ));
    }
    if uri.query().is_some() {
        return Err(invalid("it must not have a query"));
    }
    let path = uri.path().trim_end_matches('/');
    let path = if path.is_empty() { "/api/v1" } else { path };
    Ok(format!("{scheme}://{authority}{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[test]
    fn the_path_of_the_api_is_appended_as_in_lakectl() {
        for (url, expected) in [
            ("http://localhost:8000", "http://localhost:8000/api/v1"),
            ("https://lake.example.com/", "https://lake.example.com/api/v1"),
            ("http://h/proxy/api/v1/", "http://h/proxy/api/v1"),
        ] {
            assert_eq!(base(url).unwrap(), expected);
        }
        for url in ["", "localhost:8000", "ftp://h", "http://u:p@h", "http://h?x=1", "http://"] {
            assert!(base(url).is_err(), "{url}");
        }
    }

    #[tokio::test]
    async fn every_request_has_the_headers_of_the_client() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let received = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = vec![0; 4096];
            let length = stream.read(&mut head).await.unwrap();
            stream.write_all(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            String::from_utf8_lossy(&head[..length]).into_owned()
        });
        let lakefs = Client::new(&url, Timeouts::default()).unwrap().acting_as(Credentials::key_pair("id", "secret"));
        let headers = HeaderMap::from_iter([(http::HeaderName::from_static("x-request-id"), "abc".parse().unwrap())]);
        assert!(lakefs.sending(headers).user().await.is_err());
        assert!(received.await.unwrap().contains("x-request-id: abc\r\n"));
    }
}
