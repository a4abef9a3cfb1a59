//! Fault injection for tests: makes a chosen request fail in ways in which a lakeFS under load really fails.
//!
//! Only the caller of [`serve`](crate::serve()) can arm faults. A release build of the server never arms one.

use crate::api::Response;
use bytes::Bytes;
use http::{Method, StatusCode};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Selects the requests of a fault.
#[derive(Debug, Clone)]
pub struct On {
    method: Method,
    ends_with: String,
    contains: String,
}

impl On {
    /// Selects requests with this method whose path, without the query, has the suffix `ends_with`.
    pub fn new(method: Method, ends_with: &str) -> Self {
        Self { method, ends_with: ends_with.into(), contains: String::new() }
    }

    /// Selects only requests whose path also contains `part`.
    #[must_use]
    pub fn containing(self, part: &str) -> Self {
        Self { contains: part.into(), ..self }
    }

    /// Selects commits on any branch.
    pub fn commit() -> Self {
        Self::new(Method::POST, "/commits")
    }

    /// Selects merges into any branch.
    pub fn merge() -> Self {
        Self::new(Method::POST, "").containing("/merge/")
    }

    /// Selects uploads of objects.
    pub fn upload() -> Self {
        Self::new(Method::POST, "/objects")
    }

    fn matches(&self, method: &Method, path: &str) -> bool {
        *method == self.method && path.ends_with(&self.ends_with) && path.contains(&self.contains)
    }
}

/// Behavior of a faulty request.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Does not apply the request, and responds with this status and message.
    Fail(StatusCode, &'static str),
    /// Applies the request, and responds with this status and message. Examples are a 429 `Too many attempts` after an applied
    /// write, and a false 412 for a create-only write during a concurrent commit.
    ApplyThen(StatusCode, &'static str),
    /// Applies the request, and closes the connection without a response.
    ApplyThenDrop,
    /// Does not apply the request, and closes the connection without a response.
    Drop,
    /// Applies the request after a delay.
    Delay(Duration),
    /// Applies the request, and responds after a delay.
    ApplyThenDelay(Duration),
    /// Applies the request, and truncates the body of the response after this number of bytes.
    CutAfter(usize),
}

impl Fault {
    /// Response to a commit or merge that lost a race for its branch.
    pub const PREDICATE_FAILED: Self = Self::Fail(StatusCode::INTERNAL_SERVER_ERROR, "predicate failed");
    /// Response to a write that was applied in spite of the status.
    pub const APPLY_THEN_429: Self =
        Self::ApplyThen(StatusCode::TOO_MANY_REQUESTS, "Too many attempts, try again later");
    /// Response to a create-only write that, during a concurrent commit, found the object that it wrote itself.
    pub const FALSE_412: Self = Self::ApplyThen(StatusCode::PRECONDITION_FAILED, "path already exists");
}

/// Counter of an armed fault.
#[derive(Debug, Clone)]
pub struct Fired(Arc<AtomicUsize>);

impl Fired {
    /// Returns the number of requests that the fault has affected.
    pub fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

struct Armed {
    on: On,
    fault: Fault,
    /// Number of matching requests that pass before the fault occurs.
    skip: usize,
    /// Number of matching requests that the fault still affects.
    times: usize,
    fired: Fired,
}

/// Set of armed faults.
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<Vec<Armed>>>);

impl Faults {
    /// Arms a fault for `times` matching requests, starting with the `nth` one from now (1 is the next).
    pub fn arm(&self, on: On, fault: Fault, nth: usize, times: usize) -> Fired {
        let fired = Fired(Arc::default());
        let armed = Armed { on, fault, skip: nth.saturating_sub(1), times, fired: fired.clone() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(armed);
        fired
    }

    /// Returns the fault for a request, if any, and counts it.
    pub(crate) fn fault_for(&self, method: &Method, path: &str) -> Option<Fault> {
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

/// Truncates the body of a response after `limit` bytes, with an error.
pub(crate) fn truncate(response: Response, limit: usize) -> Response {
    use futures_util::{StreamExt, stream};
    use http_body_util::{BodyExt, BodyStream, StreamBody};
    use hyper::body::Frame;
    let (parts, body) = response.into_parts();
    let truncated = || Err("truncated by fault injection".into());
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
            _ => truncated(),
        };
        std::future::ready(Some(piece))
    });
    let frames = frames.chain(stream::once(std::future::ready(truncated())));
    http::Response::from_parts(parts, StreamBody::new(frames).boxed_unsync())
}
