//! An HTTP proxy in front of the lake. It cuts, shortens, lengthens and changes the bytes of objects, and holds merges and changes of
//! objects until the test releases them.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HOST, RANGE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::task::AbortOnDropHandle;

type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// A manipulation of an object's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tampering {
    /// The connection ends in the middle of the object.
    Cut,
    /// The response is shorter than the requested range, with matching headers.
    Short,
    /// The response is longer than the requested range, with or without a matching `Content-Range`.
    Long,
    /// The response has other bytes and another ETag, and the connection ends in the middle of the body.
    Changed,
}

const ALL: [Tampering; 4] = [Tampering::Cut, Tampering::Short, Tampering::Long, Tampering::Changed];

/// Point at which merges are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HoldPoint {
    /// Before lakeFS. The source name is resolved when the merge is released. If its sender disconnects, the merge is dropped.
    BeforeLakefs,
    /// Inside lakeFS. The source commit is resolved when the merge arrives. The merge continues if its sender disconnects.
    InsideLakefs,
}

/// Settings and counters of the proxy.
struct State {
    /// Selects the next manipulation and its length.
    rng: StdRng,
    /// Fraction of the responses to manipulate, 0 to 1.
    fraction: f64,
    counts: BTreeMap<Tampering, usize>,
    /// Hold point and semaphore for merges, if merges are held.
    merges: Option<(HoldPoint, Arc<Semaphore>)>,
    /// Semaphore for changes of objects, if they are held inside lakeFS.
    changes: Option<Arc<Semaphore>>,
    held: usize,
    uploads: usize,
}

/// A running proxy. Dropping it stops the proxy.
pub(crate) struct TamperingProxy {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
    accepting: JoinHandle<()>,
}

impl TamperingProxy {
    pub(crate) async fn start(lake: &str, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let lake: SocketAddr = lake.strip_prefix("http://").unwrap().parse().unwrap();
        let rng = StdRng::seed_from_u64(seed);
        let state =
            State { rng, fraction: 0.0, counts: BTreeMap::new(), merges: None, changes: None, held: 0, uploads: 0 };
        let state = Arc::new(Mutex::new(state));
        let client = Client::builder(TokioExecutor::new()).build_http();
        let forwarder = Arc::new(Forwarder { lake, state: Arc::clone(&state), client });
        let accepting = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let forwarder = Arc::clone(&forwarder);
                let service = service_fn(move |request| {
                    let forwarder = Arc::clone(&forwarder);
                    async move { Ok::<_, Infallible>(forwarder.handle(request).await) }
                });
                let serving = hyper::server::conn::http1::Builder::new();
                tokio::spawn(serving.serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { url, state, accepting }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Manipulates a fraction of the responses, 0 to 1, from now on.
    pub(crate) fn tamper_with(&self, fraction: f64) {
        self.state().fraction = fraction;
    }

    /// Returns the number of responses for each manipulation.
    pub(crate) fn counts(&self) -> BTreeMap<Tampering, usize> {
        self.state().counts.clone()
    }

    /// Returns the number of uploads that have started.
    pub(crate) fn uploads(&self) -> usize {
        self.state().uploads
    }

    /// Holds all merges from now on. Each permit of the returned semaphore releases one merge.
    pub(crate) fn hold_merges(&self, how: HoldPoint) -> Arc<Semaphore> {
        let release = Arc::new(Semaphore::new(0));
        self.state().merges = Some((how, Arc::clone(&release)));
        release
    }

    /// Stops holding new merges.
    pub(crate) fn stop_holding_merges(&self) {
        self.state().merges = None;
    }

    pub(crate) async fn wait_for_held_merge(&self) {
        self.wait_for_held(1).await;
    }

    /// Holds all changes of objects inside lakeFS from now on: they continue if their sender disconnects. Each permit of the returned
    /// semaphore releases one.
    pub(crate) fn hold_changes(&self) -> Arc<Semaphore> {
        let release = Arc::new(Semaphore::new(0));
        self.state().changes = Some(Arc::clone(&release));
        release
    }

    /// Stops holding new changes.
    pub(crate) fn stop_holding_changes(&self) {
        self.state().changes = None;
    }

    /// Waits until this number of requests has been held.
    pub(crate) async fn wait_for_held(&self, count: usize) {
        crate::until("requests are held", async || self.state().held >= count).await;
    }
}

impl Drop for TamperingProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

struct Forwarder {
    lake: SocketAddr,
    state: Arc<Mutex<State>>,
    client: Client<HttpConnector, Body>,
}

impl Forwarder {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    async fn handle(self: Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        let (path, is_post) = (request.uri().path(), *request.method() == Method::POST);
        if is_post && path.contains("/merge/") {
            return self.merge(request).await;
        }
        let is_object = path.ends_with("/objects");
        self.state().uploads += usize::from(is_post && is_object);
        let changes = self.state().changes.clone();
        if let Some(release) = changes
            && is_change(&request)
        {
            return self.held_change(request, release).await;
        }
        let tampering = if is_object && !is_post { self.next_tampering() } else { None };
        let is_ranged = request.headers().contains_key(RANGE);
        let response = self.pass(request.map(boxed)).await;
        match tampering {
            Some(tampering) if response.status().is_success() => self.tampered(tampering, is_ranged, response).await,
            _ => response,
        }
    }

    fn next_tampering(&self) -> Option<Tampering> {
        let mut state = self.state();
        let part = state.fraction;
        state.rng.random_bool(part).then(|| ALL[state.rng.random_range(0..ALL.len())])
    }

    async fn merge(self: Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        let holding = self.state().merges.clone();
        let Some((how, release)) = holding else { return self.pass(request.map(boxed)).await };
        let (mut parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        if how == HoldPoint::InsideLakefs {
            parts.uri = self.of_commit(&parts).await;
        }
        self.state().held += 1;
        let landing = tokio::spawn(async move {
            release.acquire().await.unwrap().forget();
            self.pass(Request::from_parts(parts, whole(body))).await
        });
        match how {
            // If the sender disconnects, this future and with it the merge are dropped.
            HoldPoint::BeforeLakefs => AbortOnDropHandle::new(landing).await.unwrap(),
            HoldPoint::InsideLakefs => landing.await.unwrap(),
        }
    }

    async fn held_change(self: Arc<Self>, request: Request<Incoming>, release: Arc<Semaphore>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        self.state().held += 1;
        let landing = tokio::spawn(async move {
            release.acquire().await.unwrap().forget();
            self.pass(Request::from_parts(parts, whole(body))).await
        });
        landing.await.unwrap()
    }

    /// Returns the URI of the same merge with the current commit of its source.
    async fn of_commit(&self, merge: &Parts) -> Uri {
        let (forwarder, names) = merge.uri.path().split_once("/refs/").unwrap();
        let (source, base) = names.split_once("/merge/").unwrap();
        let look =
            Request::get(format!("{forwarder}/commits/{source}")).header(AUTHORIZATION, &merge.headers[AUTHORIZATION]);
        let found = self.pass(look.body(whole("")).unwrap()).await;
        let found = found.into_body().collect().await.unwrap().to_bytes();
        let commit: serde_json::Value = serde_json::from_slice(&found).unwrap();
        format!("{forwarder}/refs/{}/merge/{base}", commit["id"].as_str().unwrap()).parse().unwrap()
    }

    async fn pass(&self, mut request: Request<Body>) -> Response<Body> {
        let target = request.uri().path_and_query().unwrap().to_string();
        *request.uri_mut() = format!("http://{}{target}", self.lake).parse::<Uri>().unwrap();
        request.headers_mut().remove(HOST);
        match self.client.request(request).await {
            Ok(response) => response.map(boxed),
            Err(error) => bad_gateway(&error.to_string()),
        }
    }

    async fn tampered(&self, tampering: Tampering, is_ranged: bool, response: Response<Body>) -> Response<Body> {
        let (mut parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        // Without a range, only this response says how long the object is, so a client cannot detect a wrong length.
        let tampering = if matches!(tampering, Tampering::Short | Tampering::Long) && !is_ranged {
            Tampering::Cut
        } else {
            tampering
        };
        if bytes.len() < 2 {
            return Response::from_parts(parts, whole(bytes));
        }
        let length = {
            let mut state = self.state();
            *state.counts.entry(tampering).or_default() += 1;
            state.rng.random_range(1..bytes.len())
        };
        let headers = &mut parts.headers;
        let body = match tampering {
            Tampering::Cut => cut(bytes.slice(..length)),
            Tampering::Short => {
                set_length(headers, length);
                whole(bytes.slice(..length))
            }
            Tampering::Long => {
                let longer = [&bytes[..], &bytes[..length]].concat();
                if length % 2 == 0 {
                    set_length(headers, longer.len());
                } else {
                    headers.insert(CONTENT_LENGTH, longer.len().into());
                }
                whole(longer)
            }
            Tampering::Changed => {
                headers.insert(ETAG, HeaderValue::from_static("\"another\""));
                cut(bytes.iter().take(length).map(|byte| !byte).collect())
            }
        };
        Response::from_parts(parts, body)
    }
}

/// Returns whether a request changes objects.
fn is_change(request: &Request<Incoming>) -> bool {
    let is_write = !matches!(*request.method(), Method::GET | Method::HEAD);
    is_write && request.uri().path().contains("/objects")
}

/// Changes the headers of a range response to `length` bytes.
fn set_length(headers: &mut HeaderMap, length: usize) {
    let range = headers[CONTENT_RANGE].to_str().unwrap();
    let (first, size) = (range.strip_prefix("bytes ").unwrap(), range.split_once('/').unwrap().1);
    let first: usize = first.split_once('-').unwrap().0.parse().unwrap();
    let range = format!("bytes {first}-{}/{size}", first + length - 1);
    headers.insert(CONTENT_RANGE, range.parse().unwrap());
    headers.insert(CONTENT_LENGTH, length.into());
}

fn boxed(body: Incoming) -> Body {
    body.map_err(Into::into).boxed_unsync()
}

fn whole(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// Returns a body that ends with an error after these bytes.
fn cut(bytes: Bytes) -> Body {
    let frames = [Ok(Frame::data(bytes)), Err("cut on purpose".into())];
    StreamBody::new(tokio_stream::iter(frames)).boxed_unsync()
}

fn bad_gateway(why: &str) -> Response<Body> {
    let response = Response::builder().status(StatusCode::BAD_GATEWAY);
    response.body(whole(why.to_owned())).unwrap()
}
