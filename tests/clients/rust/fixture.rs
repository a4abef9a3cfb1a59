//! The server fixture.

use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};

type Http = Client<HttpConnector, Full<bytes::Bytes>>;

/// The fixture, which ends when this is dropped.
pub(crate) struct Fixture {
    url: String,
    http: Http,
    process: Child,
    stdin: Option<ChildStdin>,
}

impl Fixture {
    /// # Errors
    /// The fixture does not start.
    pub(crate) fn start() -> Result<Self, String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_client-fixture"));
        let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut process = started.map_err(|error| format!("cannot start the fixture: {error}"))?;
        let mut url = String::new();
        let stdout = process.stdout.take().ok_or("the fixture has no output")?;
        BufReader::new(stdout).read_line(&mut url).map_err(|error| error.to_string())?;
        let (url, http) = (url.trim_end().to_owned(), Client::builder(TokioExecutor::new()).build_http());
        let stdin = process.stdin.take();
        Ok(Self { url, http, process, stdin })
    }

    /// Opens a sandbox.
    pub(crate) async fn sandbox(&self, settings: Value) -> Result<Sandbox, String> {
        let (base, http) = (format!("{}/sandboxes", self.url), self.http.clone());
        let described = call(&http, http::Method::POST, &base, Some(settings)).await?;
        let url = format!("{base}/{}", described["id"]);
        let text = |name: &str| described[name].as_str().unwrap_or_default().to_owned();
        Ok(Sandbox {
            url,
            http,
            address: text("address"),
            repository: text("repository"),
            key: text("access_key_id"),
            secret: text("secret_access_key"),
        })
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // Without its input, the fixture ends.
        let _ = self.process.wait();
    }
}

/// A server for one scenario.
#[derive(Clone)]
pub(crate) struct Sandbox {
    url: String,
    http: Http,
    pub(crate) address: String,
    pub(crate) repository: String,
    pub(crate) key: String,
    pub(crate) secret: String,
}

impl Sandbox {
    /// Sends a request for this sandbox.
    pub(crate) async fn call(&self, method: http::Method, path: &str, body: Option<Value>) -> Result<Value, String> {
        call(&self.http, method, &format!("{}{path}", self.url), body).await
    }
}

async fn call(http: &Http, method: http::Method, url: &str, body: Option<Value>) -> Result<Value, String> {
    let text = body.map(|body| body.to_string()).unwrap_or_default();
    let request = http::Request::builder().method(method).uri(url).header("content-type", "application/json");
    let request = request.body(Full::from(text)).map_err(|error| error.to_string())?;
    let response = http.request(request).await.map_err(|error| format!("the fixture does not respond: {error}"))?;
    let status = response.status();
    let body = response.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
    if !status.is_success() {
        return Err(format!("the fixture refuses {url}: {status} {}", String::from_utf8_lossy(&body)));
    }
    Ok(serde_json::from_slice(&body).unwrap_or_default())
}
