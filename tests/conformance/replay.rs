//! Sends recorded requests and compares the responses.

use crate::pattern::Bindings;
use crate::recorded::{Exchange, Request, Scenario};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, HeaderValue};
use http::{HeaderMap, HeaderName, Method};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;

/// The server to test, with the credentials of its account.
pub(crate) struct Target {
    pub address: SocketAddr,
    pub user: String,
    pub access_key_id: String,
    pub secret_access_key: String,
}

/// A difference between a response and its recording.
pub(crate) struct Mismatch {
    pub scenario: String,
    pub step: u32,
    about: String,
    what: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({}):\n  {}", self.scenario, self.step, self.about, self.what)
    }
}

/// Headers that are compared. Each must be present with the recorded value, or absent if the recording lacks it.
const COMPARED: [&str; 11] = [
    "content-type",
    "etag",
    "content-range",
    "accept-ranges",
    "location",
    "last-modified",
    "cache-control",
    "content-disposition",
    "www-authenticate",
    "retry-after",
    "set-cookie",
];

struct Received {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

/// Replays all exchanges of a scenario in order.
pub(crate) async fn scenario(target: &Target, scenario: &Scenario) -> Vec<Mismatch> {
    let nonce = format!("r{:016x}", rand::random::<u64>());
    let mut bindings = Bindings::default();
    bindings.bind("namespace", format!("local://{nonce}"));
    bindings.bind("repo", nonce);
    bindings.bind("user", &target.user);
    bindings.bind("access_key_id", &target.access_key_id);
    bindings.bind("secret_access_key", &target.secret_access_key);
    let mut mismatches = Vec::new();
    for exchange in &scenario.exchanges {
        if let Err(what) = replay(target, exchange, &mut bindings).await {
            let (scenario, about) = (scenario.name.clone(), exchange.about.clone());
            mismatches.push(Mismatch { scenario, step: exchange.step, about, what });
        }
    }
    mismatches
}

async fn replay(target: &Target, exchange: &Exchange, bindings: &mut Bindings) -> Result<(), String> {
    let tries = if exchange.eventually { 100 } else { 1 };
    let mut last = Ok(());
    for _ in 0..tries {
        let response = send(target, &exchange.request, bindings).await?;
        last = compare(exchange, &response, bindings);
        if last.is_ok() {
            break;
        }
        if exchange.eventually {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    last
}

async fn send(target: &Target, request: &Request, bindings: &Bindings) -> Result<Received, String> {
    let stream = TcpStream::connect(target.address).await.map_err(|error| error.to_string())?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    let connection = tokio::spawn(connection);
    let response = sender.send_request(build(target, request, bindings)?).await.map_err(|error| error.to_string())?;
    let (parts, body) = response.into_parts();
    let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
    drop(sender);
    // The response is complete, so errors at the end of the connection are ignored.
    let _ = connection.await;
    Ok(Received { status: parts.status.as_u16(), headers: parts.headers, body })
}

type Body = BoxBody<Bytes, Infallible>;

fn build(target: &Target, request: &Request, bindings: &Bindings) -> Result<http::Request<Body>, String> {
    let mut uri = bindings.fill(&request.path)?;
    if let Some(query) = query(request, bindings)? {
        uri = format!("{uri}?{query}");
    }
    let body = match (&request.body, &request.body_base64) {
        (Some(text), _) => Some(bindings.fill(text)?.into_bytes()),
        (_, Some(encoded)) => Some(STANDARD.decode(encoded).unwrap()),
        _ => None,
    };
    let method: Method = request.method.parse().unwrap();
    let has_length = !request.chunked && (body.is_some() || matches!(method, Method::POST | Method::PUT));
    let body = Bytes::from(body.unwrap_or_default());
    let mut built = http::Request::builder().method(method).uri(uri);
    let headers = built.headers_mut().ok_or("no headers")?;
    headers.insert(HOST, HeaderValue::from_static("lakefs"));
    if has_length {
        headers.insert(CONTENT_LENGTH, body.len().into());
    }
    if request.auth.as_deref() != Some("none") && !request.headers.contains_key("Authorization") {
        let pair = STANDARD.encode(format!("{}:{}", target.access_key_id, target.secret_access_key));
        headers.insert(AUTHORIZATION, format!("Basic {pair}").parse().unwrap());
    }
    for (name, value) in &request.headers {
        let value = HeaderValue::from_bytes(bindings.fill(value)?.as_bytes()).unwrap();
        headers.append(name.parse::<HeaderName>().unwrap(), value);
    }
    let body = if request.chunked {
        let pieces = futures_util::stream::iter([Ok(Frame::data(body))]);
        BodyExt::boxed(StreamBody::new(pieces))
    } else {
        BodyExt::boxed(Full::new(body))
    };
    built.body(body).map_err(|error| error.to_string())
}

fn query(request: &Request, bindings: &Bindings) -> Result<Option<String>, String> {
    if let Some(raw) = &request.query_raw {
        return Ok(Some(bindings.fill(raw)?));
    }
    let Some(query) = &request.query else { return Ok(None) };
    let mut pairs = Vec::new();
    for (key, values) in query {
        for value in values.values() {
            pairs.push(format!("{}={}", escape(key), escape(&bindings.fill(value)?)));
        }
    }
    Ok(Some(pairs.join("&")))
}

fn escape(text: &str) -> String {
    let escaped = text.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    });
    escaped.collect()
}

fn compare(exchange: &Exchange, response: &Received, bindings: &mut Bindings) -> Result<(), String> {
    let expected = &exchange.response;
    let text = String::from_utf8_lossy(&response.body).into_owned();
    if response.status != expected.status {
        let request = format!("{} {}", exchange.request.method, exchange.request.path);
        return Err(format!("{request}: status {} instead of {}: {text}", response.status, expected.status));
    }
    for name in COMPARED.iter().chain(&["content-length"]) {
        let actual = response.headers.get(*name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        match (expected.headers.get(*name), actual) {
            (None, Some(_)) if *name == "content-length" => {}
            (None, None) => {}
            (Some(expected), Some(actual)) if bindings.matches_text(expected, &actual) => {}
            (expected, actual) => return Err(format!("header {name}: {actual:?} instead of {expected:?}")),
        }
    }
    let matches = match (&expected.body, &expected.body_base64) {
        (Some(Value::String(expected)), _) => bindings.matches_text(expected, &text),
        (Some(expected), _) => serde_json::from_str(&text).is_ok_and(|actual| bindings.matches(expected, &actual)),
        (None, Some(encoded)) => STANDARD.decode(encoded).unwrap() == response.body,
        (None, None) => response.body.is_empty(),
    };
    let wanted = expected.body.as_ref().map(Value::to_string).unwrap_or_default();
    if matches { Ok(()) } else { Err(format!("body\n    {text}\n  instead of\n    {wanted}")) }
}
