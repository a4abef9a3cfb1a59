//! Timeouts for transfers that make no progress.

use crate::error::BoxError;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep};

/// Error for a body that produced no data within the stall timeout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no data was transferred for {} s", .0.as_secs())]
pub struct Stalled(Duration);

/// Body that fails with [`Stalled`] if the reader waits for data and the inner body produces none within the limit.
pub struct StallTimeout<B> {
    body: B,
    timer: Pin<Box<Sleep>>,
    limit: Duration,
    waiting: bool,
}

impl<B> StallTimeout<B> {
    pub(crate) fn new(body: B, limit: Duration) -> Self {
        Self { body, timer: Box::pin(sleep(limit)), limit, waiting: false }
    }
}

impl<B> Body for StallTimeout<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            this.waiting = false;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        // The timer runs only while the reader waits for data. A slow reader does not cause a timeout.
        if !this.waiting {
            this.waiting = true;
            this.timer.as_mut().reset(Instant::now() + this.limit);
        }
        ready!(this.timer.as_mut().poll(cx));
        Poll::Ready(Some(Err(Box::new(Stalled(this.limit)))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Records the progress of a transfer.
pub(crate) struct Progress(Arc<Mutex<Instant>>);

/// Detects a transfer without progress.
pub(crate) struct Watch(Arc<Mutex<Instant>>);

/// Returns a recorder and a detector for a transfer whose speed the receiver determines.
pub(crate) fn progress() -> (Progress, Watch) {
    let last = Arc::new(Mutex::new(Instant::now()));
    (Progress(Arc::clone(&last)), Watch(last))
}

impl Progress {
    pub(crate) fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

impl Watch {
    /// Returns once no progress was recorded for `limit`.
    pub(crate) async fn stalled(&self, limit: Duration) {
        loop {
            let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if last.elapsed() >= limit {
                return;
            }
            tokio::time::sleep_until(last + limit).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use http_body_util::{BodyExt, StreamBody};

    #[tokio::test(start_paused = true)]
    async fn a_stalled_body_fails() {
        let pending = StreamBody::new(stream::pending::<Result<Frame<Bytes>, BoxError>>());
        let mut body = StallTimeout::new(pending, Duration::from_secs(30));
        let error = body.frame().await.unwrap().unwrap_err();
        assert!(error.is::<Stalled>(), "{error}");
    }
}
