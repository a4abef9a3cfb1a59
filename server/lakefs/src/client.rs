//! The connections to a lakeFS.

use crate::credentials::Credentials;
use crate::pools::Pools;
use crate::request::Budget;
use crate::trust::Trust;
use http::{HeaderMap, Uri};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use std::time::Duration;

/// How long things may take. A transfer as a whole may take any time, as long as bytes move.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// Until there is a connection.
    pub connect: Duration,
    /// Until the head of an answer, for all but merges and commits.
    pub answer: Duration,
    /// Until the head of the answer to a merge, commit, revert or cherry-pick.
    pub merge: Duration,
    /// Between two pieces of a body.
    pub stall: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            answer: Duration::from_secs(30),
            // lakeFS retries a contended merge by itself for tens of seconds.
            merge: Duration::from_secs(60),
            stall: Duration::from_secs(30),
        }
    }
}

/// The connections to a lakeFS. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) pools: Pools,
    /// Scheme, host and port, and the path of the API, without a slash at its end.
    pub(crate) base: String,
    pub(crate) timeouts: Timeouts,
    pub(crate) budget: Budget,
}

/// A client that acts with somebody's credentials. Cheap to make and to clone.
#[derive(Clone)]
pub struct Lakefs {
    pub(crate) inner: Arc<Inner>,
    pub(crate) credentials: Credentials,
    /// Sent with every request.
    pub(crate) headers: Arc<HeaderMap>,
}

impl std::fmt::Debug for Lakefs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lakefs").field("base", &self.inner.base).finish_non_exhaustive()
    }
}

/// A URL that names no lakeFS.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{url:?} is not the URL of a lakeFS: {why}")]
pub struct InvalidUrl {
    url: String,
    why: &'static str,
}

impl Client {
    /// For the lakeFS at `http(s)://host[:port][/path]`. `/api/v1` is appended where the path is empty, as lakectl does.
    ///
    /// # Errors
    /// When the URL is not one of these.
    pub fn new(url: &str, timeouts: Timeouts) -> Result<Self, InvalidUrl> {
        Self::trusting(&Trust::System, url, timeouts)
    }

    /// The same, trusting these certificates.
    ///
    /// # Errors
    /// As [`new`](Self::new).
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
            .wrap_connector(connector);
        Ok(Self { inner: Arc::new(Inner { pools: Pools::new(connector), base, timeouts, budget: Budget::default() }) })
    }

    /// This client, acting with these credentials.
    pub fn acting_as(&self, credentials: Credentials) -> Lakefs {
        Lakefs { inner: Arc::clone(&self.inner), credentials, headers: Arc::default() }
    }
}

impl Lakefs {
    /// Whether both act with the same credentials.
    pub fn is_same_account(&self, other: &Self) -> bool {
        self.credentials.as_bytes() == other.credentials.as_bytes()
    }

    /// This one, sending these headers with every request: those of a trace, say.
    #[must_use]
    pub fn sending(self, headers: HeaderMap) -> Self {
        Self { headers: Arc::new(headers), ..self }
    }
}

/// Without TLS no certificates are needed: a container need not have any.
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
        return Err(invalid("credentials belong into settings of their own"));
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
    fn a_url_is_completed_as_lakectl_does() {
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
    async fn what_every_request_says_is_said() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let said = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = vec![0; 4096];
            let length = stream.read(&mut head).await.unwrap();
            stream.write_all(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            String::from_utf8_lossy(&head[..length]).into_owned()
        });
        let lakefs = Client::new(&url, Timeouts::default()).unwrap().acting_as(Credentials::key_pair("id", "secret"));
        let headers = HeaderMap::from_iter([(http::HeaderName::from_static("x-request-id"), "abc".parse().unwrap())]);
        assert!(lakefs.sending(headers).user().await.is_err());
        assert!(said.await.unwrap().contains("x-request-id: abc\r\n"));
    }
}
