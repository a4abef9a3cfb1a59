//! Request bodies.

use crate::{Error, Result};
use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

/// Maximum size of a JSON body, in bytes.
pub(super) const MAX_JSON: usize = 64 << 20;
/// Maximum size of a JSON body of a request without valid credentials, in bytes. Like lakeFS, the embedded lake reads the body
/// before it reports missing credentials.
pub(super) const MAX_ANONYMOUS_JSON: usize = 64 << 10;
/// Maximum time for which the rest of a body is received after the response.
const LINGER: Duration = Duration::from_secs(5);
/// Maximum number of bytes of a body that are received after the response. It is larger than the buffers of a connection, so
/// that a client that reads while it writes has the response by then.
const MAX_DISCARDED: usize = 64 << 20;

/// Body of a request. Clones share the body: the server keeps a clone to [`discard`](Self::discard) the bytes that the handler
/// did not read.
#[derive(Clone)]
pub(crate) struct RequestBody(Arc<Mutex<State>>);

struct State {
    incoming: Incoming,
    /// Whether the client waits for `100 Continue`, which the first read sends.
    is_held_back: bool,
    is_done: bool,
}

impl RequestBody {
    /// Wraps the body of a request.
    pub(crate) fn wrap(request: Request<Incoming>) -> Request<Self> {
        let is_held_back = request.headers().contains_key(header::EXPECT);
        request.map(|incoming| Self(Arc::new(Mutex::new(State { incoming, is_held_back, is_done: false }))))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the next part of the body, or `None` at its end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            match self.frame().await {
                None => return Ok(None),
                Some(Err(_)) => return Err(incomplete()),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// Reads the whole body, of at most `limit` bytes.
    pub(super) async fn collect_up_to(self, limit: usize) -> Result<Bytes> {
        let limited = Limited::new(self, limit).collect().await;
        limited.map(http_body_util::Collected::to_bytes).map_err(|error| match error.is::<LengthLimitError>() {
            true => Error::refused(StatusCode::PAYLOAD_TOO_LARGE, format!("request body has more than {limit} bytes")),
            false => incomplete(),
        })
    }

    /// Receives and discards the rest of the body while the response is sent. If the connection closed with unread data, the
    /// client might lose the response.
    pub(crate) fn discard(mut self) {
        // A client that waits for `100 Continue` sends no body after another response.
        if self.is_end_stream() || self.lock().is_held_back {
            return;
        }
        tokio::spawn(async move {
            let rest = async {
                let mut left = MAX_DISCARDED;
                while let Ok(Some(data)) = self.next().await
                    && data.len() <= left
                {
                    left -= data.len();
                }
            };
            // A client that is slower has already got the response.
            let _ = tokio::time::timeout(LINGER, rest).await;
        });
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        let mut state = self.lock();
        state.is_held_back = false;
        let frame = Pin::new(&mut state.incoming).poll_frame(cx);
        state.is_done |= matches!(frame, Poll::Ready(None | Some(Err(_))));
        frame
    }

    fn is_end_stream(&self) -> bool {
        let state = self.lock();
        state.is_done || state.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.lock().incoming.size_hint()
    }
}

/// Returns the error for an incomplete body. lakeFS responds with 499, although the client has disconnected.
pub(super) fn incomplete() -> Error {
    Error::refused(StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST), "")
}
