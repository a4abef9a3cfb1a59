//! Reads the rest of a request whose call has ended.
//!
//! A client may still send frames then: the end of an upload after its last message, or the data of a refused upload. If the
//! server resets the stream first, HTTP/2 counts these frames as errors of the connection, and closes it after too many.

use super::RequestBody;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::timeout;

/// Maximum number of bytes to read: the flow-control window of a stream. A client sends at most this before it gets the response.
const MAX_BYTES: usize = 4 << 20;
/// Maximum time to read.
const MAX_TIME: Duration = Duration::from_secs(2);

/// A request body. If dropped before its end, its rest is read and discarded, within limits.
pub(super) struct Drained<B: RequestBody>(Option<B>);

impl<B: RequestBody> Drained<B> {
    pub(super) fn new(body: B) -> Self {
        Self(Some(body))
    }
}

impl<B: RequestBody> Body for Drained<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let Some(body) = &mut self.0 else { return Poll::Ready(None) };
        let frame = Pin::new(body).poll_frame(cx);
        if matches!(frame, Poll::Ready(None | Some(Err(_)))) {
            self.0 = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl<B: RequestBody> Drop for Drained<B> {
    fn drop(&mut self) {
        let Some(body) = self.0.take().filter(|body| !body.is_end_stream()) else { return };
        // Without a runtime, the process ends.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(timeout(MAX_TIME, discard(body)));
        }
    }
}

/// Reads until the end, an error, or `MAX_BYTES`.
async fn discard(mut body: impl RequestBody) {
    let mut left = MAX_BYTES;
    while let Some(Ok(frame)) = body.frame().await {
        let size = frame.data_ref().map_or(0, Bytes::len);
        match left.checked_sub(size) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}
