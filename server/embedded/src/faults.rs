//! Faults on purpose, for tests: what really happens to a lakeFS under load, made to happen to a chosen request.
//!
//! A release server never arms one: [`Faults`] can only be reached by who calls [`serve`](crate::serve()).

use crate::api::Response;
use bytes::Bytes;
use http::{Method, StatusCode};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The requests that a fault is for.
#[derive(Debug, Clone)]
pub struct On {
    method: Method,
    ends_with: String,
    contains: String,
}

impl On {
    /// Requests of a method whose path (without the query) ends so.
    pub fn new(method: Method, ends_with: &str) -> Self {
        Self { method, ends_with: ends_with.into(), contains: String::new() }
    }

    /// Only those whose path also contains this.
    #[must_use]
    pub fn containing(self, part: &str) -> Self {
        Self { contains: part.into(), ..self }
    }

    /// Commits of a branch.
    pub fn commit() -> Self {
        Self::new(Method::POST, "/commits")
    }

    /// Merges into any branch.
    pub fn merge() -> Self {
        Self::new(Method::POST, "").containing("/merge/")
    }

    /// Uploads of objects.
    pub fn upload() -> Self {
        Self::new(Method::POST, "/objects")
    }

    fn matches(&self, method: &Method, path: &str) -> bool {
        *method == self.method && path.ends_with(&self.ends_with) && path.contains(&self.contains)
    }
}

/// What happens.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Answered so, and nothing is done.
    Fail(StatusCode, &'static str),
    /// Done, and answered so: 429 `Too many attempts` after a write that stands, or the false 412 of a create-only write that
    /// a commit ran beside.
    ApplyThen(StatusCode, &'static str),
    /// Done, and the connection is closed without an answer.
    ApplyThenDrop,
    /// Nothing is done, and the connection is closed without an answer.
    Drop,
    /// Done after a while.
    Delay(Duration),
    /// Done, and answered after a while.
    ApplyThenDelay(Duration),
    /// Done; the answer's body breaks off behind so many bytes.
    CutAfter(usize),
}

impl Fault {
    /// The commit lost the race for its branch.
    pub const PREDICATE_FAILED: Self = Self::Fail(StatusCode::INTERNAL_SERVER_ERROR, "predicate failed");
    /// The write stands, whatever this says.
    pub const APPLY_THEN_429: Self =
        Self::ApplyThen(StatusCode::TOO_MANY_REQUESTS, "Too many attempts, try again later");
    /// A create-only write that a commit ran beside finds itself.
    pub const FALSE_412: Self = Self::ApplyThen(StatusCode::PRECONDITION_FAILED, "path already exists");
}

/// Says how often a fault has happened.
#[derive(Debug, Clone)]
pub struct Fired(Arc<AtomicUsize>);

impl Fired {
    /// How often.
    pub fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

struct Armed {
    on: On,
    fault: Fault,
    /// Matching requests that pass first.
    skip: usize,
    /// How often it happens.
    times: usize,
    fired: Fired,
}

/// The faults that are armed.
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<Vec<Armed>>>);

impl Faults {
    /// Arms a fault for the `nth` matching request from now (1 is the next) and the `times - 1` behind it.
    pub fn arm(&self, on: On, fault: Fault, nth: usize, times: usize) -> Fired {
        let fired = Fired(Arc::default());
        let armed = Armed { on, fault, skip: nth.saturating_sub(1), times, fired: fired.clone() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(armed);
        fired
    }

    /// The fault that a request meets, if any.
    pub(crate) fn meet(&self, method: &Method, path: &str) -> Option<Fault> {
        let mut armed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for entry in armed.iter_mut().filter(|entry| entry.times > 0 && entry.on.matches(method, path)) {
            if entry.skip > 0 {
                entry.skip -= 1;
                continue;
            }
            entry.times -= 1;
            entry.fired.0.fetch_add(1, Ordering::SeqCst);
            return Some(entry.fault.clone());
        }
        None
    }
}

/// A body that breaks off behind `limit` bytes.
pub(crate) fn cut(response: Response, limit: usize) -> Response {
    use futures_util::{StreamExt, stream};
    use http_body_util::{BodyExt, BodyStream, StreamBody};
    use hyper::body::Frame;
    let (parts, body) = response.into_parts();
    let torn = || Err("cut on purpose".into());
    let frames = BodyStream::new(body).scan(limit, move |left, frame| {
        let piece = match frame.map(Frame::into_data) {
            Ok(Ok(data)) if data.len() < *left => {
                *left -= data.len();
                Ok(Frame::data(data))
            }
            Ok(Ok(data)) if *left > 0 => {
                let piece: Bytes = data.slice(..std::mem::take(left));
                Ok(Frame::data(piece))
            }
            _ => torn(),
        };
        std::future::ready(Some(piece))
    });
    let frames = frames.chain(stream::once(std::future::ready(torn())));
    http::Response::from_parts(parts, StreamBody::new(frames).boxed_unsync())
}
