//! Timeouts for transfers that make no progress.

use crate::error::BoxError;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use lakeport_waiting::{self as waiting, Call, Side, Wait};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
    /// Created when the reader waits for the first time: most small bodies arrive with their headers.
    timer: Option<Pin<Box<Sleep>>>,
    limit: Duration,
    /// Set while the reader waits for data.
    waiting: Option<Wait>,
}

impl<B> StallTimeout<B> {
    pub(crate) fn new(body: B, limit: Duration) -> Self {
        Self { body, timer: None, limit, waiting: None }
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
            this.waiting = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        // The timer runs only while the reader waits for data. A slow reader does not cause a timeout.
        let timer = this.timer.get_or_insert_with(|| Box::pin(sleep(this.limit)));
        if this.waiting.is_none() {
            this.waiting = Some(waiting::on(Side::Lakefs));
            timer.as_mut().reset(Instant::now() + this.limit);
        }
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Some(Err(Box::new(Stalled(this.limit)))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of an upload. A source may pause for any time; lakeFS may not.
pub(crate) struct Watched<B> {
    body: B,
    clock: Arc<Clock>,
}

/// Detects a lakeFS that stopped reading an upload, or that read all of it and does not respond.
pub(crate) struct Watch {
    clock: Arc<Clock>,
}

struct Clock {
    /// The call that uploads. The connection polls the body in another task.
    call: Call,
    /// Since when lakeFS owes progress; `None` while the source has nothing to send.
    owed: Mutex<Option<(Instant, Wait)>>,
}

impl Clock {
    fn start(&self) {
        *self.owed() = Some((Instant::now(), self.call.on(Side::Lakefs)));
    }

    fn stop(&self) {
        *self.owed() = None;
    }

    fn owed(&self) -> MutexGuard<'_, Option<(Instant, Wait)>> {
        self.owed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Watches the body of an upload.
pub(crate) fn watched<B>(body: B) -> (Watched<B>, Watch) {
    let clock = Arc::new(Clock { call: waiting::current(), owed: Mutex::default() });
    clock.start();
    (Watched { body, clock: Arc::clone(&clock) }, Watch { clock })
}

impl<B> Body for Watched<B>
where
    B: Body<Data = Bytes> + Unpin,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        match polled {
            Poll::Ready(_) => self.clock.start(),
            Poll::Pending => self.clock.stop(),
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Watch {
    /// Returns once lakeFS has made no progress for `limit`.
    pub(crate) async fn stalled(&self, limit: Duration) {
        loop {
            let since = self.clock.owed().as_ref().map(|(since, _)| *since);
            match since {
                None => tokio::time::sleep(limit).await,
                Some(since) if since.elapsed() >= limit => return,
                Some(since) => tokio::time::sleep_until(since + limit).await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{FutureExt, stream};
    use http_body_util::{BodyExt, StreamBody};

    #[tokio::test(start_paused = true)]
    async fn a_stalled_body_fails() {
        let pending = StreamBody::new(stream::pending::<Result<Frame<Bytes>, BoxError>>());
        let mut body = StallTimeout::new(pending, Duration::from_secs(30));
        let error = body.frame().await.unwrap().unwrap_err();
        assert!(error.is::<Stalled>(), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_paused_source_is_not_a_stalled_lakefs() {
        let limit = Duration::from_secs(60);
        let (mut body, watch) = watched(StreamBody::new(stream::pending::<Result<Frame<Bytes>, BoxError>>()));
        assert!(body.frame().now_or_never().is_none());
        assert!(tokio::time::timeout(limit * 10, watch.stalled(limit)).await.is_err());
        let (mut body, watch) = watched(StreamBody::new(stream::iter([Ok::<_, BoxError>(Frame::data(Bytes::new()))])));
        body.frame().await.unwrap().unwrap();
        assert!(tokio::time::timeout(limit * 2, watch.stalled(limit)).await.is_ok());
    }
}
