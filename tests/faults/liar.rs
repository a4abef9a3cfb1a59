//! A lakeFS that lies: a proxy before the lake that cuts, shortens, lengthens and changes the bytes of objects, and keeps merges
//! back until they are let go.

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

/// A lie about the bytes of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lie {
    /// The connection breaks off in the middle.
    Cut,
    /// A range that is shorter than was asked for, and says so.
    Short,
    /// A range that is longer than was asked for, and says so or not.
    Long,
    /// Another object, with another ETag, which breaks off too.
    Changed,
}

const LIES: [Lie; 4] = [Lie::Cut, Lie::Short, Lie::Long, Lie::Changed];

/// How merges are kept back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// On their way to lakeFS: what they merge is decided when they are let go.
    Names,
    /// Inside of lakeFS: what they merge is decided when they come, and who sent them may be gone.
    Commits,
}

/// What it does, and has done.
struct Mind {
    /// Which lie comes next, and how far it goes.
    dice: StdRng,
    /// The part of the answers that it lies about.
    lies: f64,
    told: BTreeMap<Lie, usize>,
    /// Merges wait here for their leave, if they must.
    merges: Option<(Keep, Arc<Semaphore>)>,
    kept: usize,
    uploads: usize,
}

/// A proxy before a lake. Ends when it is dropped.
pub(crate) struct Liar {
    pub(crate) url: String,
    mind: Arc<Mutex<Mind>>,
    accepting: JoinHandle<()>,
}

impl Liar {
    pub(crate) async fn start(lake: &str, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let lake: SocketAddr = lake.strip_prefix("http://").unwrap().parse().unwrap();
        let dice = StdRng::seed_from_u64(seed);
        let mind = Mind { dice, lies: 0.0, told: BTreeMap::new(), merges: None, kept: 0, uploads: 0 };
        let mind = Arc::new(Mutex::new(mind));
        let client = Client::builder(TokioExecutor::new()).build_http();
        let before = Arc::new(Before { lake, mind: Arc::clone(&mind), client });
        let accepting = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let before = Arc::clone(&before);
                let service = service_fn(move |request| {
                    let before = Arc::clone(&before);
                    async move { Ok::<_, Infallible>(before.answer(request).await) }
                });
                let serving = hyper::server::conn::http1::Builder::new();
                tokio::spawn(serving.serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { url, mind, accepting }
    }

    fn mind(&self) -> MutexGuard<'_, Mind> {
        self.mind.lock().unwrap()
    }

    /// Lies about a part of the answers, 0 to 1.
    pub(crate) fn lie(&self, part: f64) {
        self.mind().lies = part;
    }

    /// How often it told which lie.
    pub(crate) fn told(&self) -> BTreeMap<Lie, usize> {
        self.mind().told.clone()
    }

    /// Uploads that have come so far, whole or not.
    pub(crate) fn uploads(&self) -> usize {
        self.mind().uploads
    }

    /// Keeps merges back from now on, until there is a permit for each.
    pub(crate) fn keep_merges(&self, how: Keep) -> Arc<Semaphore> {
        let leave = Arc::new(Semaphore::new(0));
        self.mind().merges = Some((how, Arc::clone(&leave)));
        leave
    }

    /// Merges that come from now on pass.
    pub(crate) fn keep_no_more_merges(&self) {
        self.mind().merges = None;
    }

    pub(crate) async fn has_kept_a_merge(&self) {
        crate::until("a merge comes", async || self.mind().kept > 0).await;
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

struct Before {
    lake: SocketAddr,
    mind: Arc<Mutex<Mind>>,
    client: Client<HttpConnector, Body>,
}

impl Before {
    fn mind(&self) -> MutexGuard<'_, Mind> {
        self.mind.lock().unwrap()
    }

    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        let (path, is_post) = (request.uri().path(), *request.method() == Method::POST);
        if is_post && path.contains("/merge/") {
            return self.merge(request).await;
        }
        let is_object = path.ends_with("/objects");
        self.mind().uploads += usize::from(is_post && is_object);
        let lie = if is_object && !is_post { self.chosen() } else { None };
        let is_ranged = request.headers().contains_key(RANGE);
        let answer = self.pass(request.map(boxed)).await;
        match lie {
            Some(lie) if answer.status().is_success() => self.untrue(lie, is_ranged, answer).await,
            _ => answer,
        }
    }

    fn chosen(&self) -> Option<Lie> {
        let mut mind = self.mind();
        let part = mind.lies;
        mind.dice.random_bool(part).then(|| LIES[mind.dice.random_range(0..LIES.len())])
    }

    async fn merge(self: Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        let keeping = self.mind().merges.clone();
        let Some((how, leave)) = keeping else { return self.pass(request.map(boxed)).await };
        let (mut parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        if how == Keep::Commits {
            parts.uri = self.of_commit(&parts).await;
        }
        self.mind().kept += 1;
        let landing = tokio::spawn(async move {
            leave.acquire().await.unwrap().forget();
            self.pass(Request::from_parts(parts, whole(body))).await
        });
        match how {
            // Who goes away takes it along.
            Keep::Names => AbortOnDropHandle::new(landing).await.unwrap(),
            Keep::Commits => landing.await.unwrap(),
        }
    }

    /// The same merge, of what its source holds now.
    async fn of_commit(&self, merge: &Parts) -> Uri {
        let (before, names) = merge.uri.path().split_once("/refs/").unwrap();
        let (source, base) = names.split_once("/merge/").unwrap();
        let look =
            Request::get(format!("{before}/commits/{source}")).header(AUTHORIZATION, &merge.headers[AUTHORIZATION]);
        let found = self.pass(look.body(whole("")).unwrap()).await;
        let found = found.into_body().collect().await.unwrap().to_bytes();
        let commit: serde_json::Value = serde_json::from_slice(&found).unwrap();
        format!("{before}/refs/{}/merge/{base}", commit["id"].as_str().unwrap()).parse().unwrap()
    }

    async fn pass(&self, mut request: Request<Body>) -> Response<Body> {
        let target = request.uri().path_and_query().unwrap().to_string();
        *request.uri_mut() = format!("http://{}{target}", self.lake).parse::<Uri>().unwrap();
        request.headers_mut().remove(HOST);
        match self.client.request(request).await {
            Ok(answer) => answer.map(boxed),
            Err(error) => refused(&error.to_string()),
        }
    }

    async fn untrue(&self, lie: Lie, is_ranged: bool, answer: Response<Body>) -> Response<Body> {
        let (mut parts, body) = answer.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        // Without a range, nobody but this very answer says how long an object is.
        let lie = if matches!(lie, Lie::Short | Lie::Long) && !is_ranged { Lie::Cut } else { lie };
        if bytes.len() < 2 {
            return Response::from_parts(parts, whole(bytes));
        }
        let some = {
            let mut mind = self.mind();
            *mind.told.entry(lie).or_default() += 1;
            mind.dice.random_range(1..bytes.len())
        };
        let headers = &mut parts.headers;
        let body = match lie {
            Lie::Cut => torn(bytes.slice(..some)),
            Lie::Short => {
                say_length(headers, some);
                whole(bytes.slice(..some))
            }
            Lie::Long => {
                let longer = [&bytes[..], &bytes[..some]].concat();
                if some % 2 == 0 {
                    say_length(headers, longer.len());
                } else {
                    headers.insert(CONTENT_LENGTH, longer.len().into());
                }
                whole(longer)
            }
            Lie::Changed => {
                headers.insert(ETAG, HeaderValue::from_static("\"another\""));
                torn(bytes.iter().take(some).map(|byte| !byte).collect())
            }
        };
        Response::from_parts(parts, body)
    }
}

/// Makes the head of a range say that it has so many bytes.
fn say_length(headers: &mut HeaderMap, length: usize) {
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

/// The connection breaks off behind these bytes.
fn torn(bytes: Bytes) -> Body {
    let frames = [Ok(Frame::data(bytes)), Err("cut on purpose".into())];
    StreamBody::new(tokio_stream::iter(frames)).boxed_unsync()
}

fn refused(why: &str) -> Response<Body> {
    let answer = Response::builder().status(StatusCode::BAD_GATEWAY);
    answer.body(whole(why.to_owned())).unwrap()
}
