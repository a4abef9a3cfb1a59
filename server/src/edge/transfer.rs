//! State of a call in flight for other tasks: they can check whether the call waits for its peer, and can end the call.
//!
//! HTTP/2 polls the body of a response only when its reader has window for more. The body of a stalled reader is never polled again, so
//! neither a deadline nor a shutdown could end it from inside. The [`Transfer`] therefore owns the body and the permit of the
//! response, and [`Transfer::end`] drops them.

use super::finish::Finish;
use super::status::{panicked, trailers};
use crate::error::{Error, Kind};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use lakeport_waiting::Waiting;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::time::Sleep;
use tonic::Code;
use tonic::body::Body;

/// A call in flight.
pub(super) struct Transfer {
    /// Start of the wait for the peer, in milliseconds of [`clock`]; 0 if the call does not wait.
    waiting_since: AtomicU64,
    state: Mutex<State>,
    ended: Notify,
    deadline: Option<Instant>,
    /// What the call waits for.
    waiting: Arc<Waiting>,
}

#[derive(Default)]
struct State {
    response: Option<Response>,
    phase: Phase,
    /// Why another task ended the call.
    end: Option<Kind>,
    /// Waker of the connection, while the connection waits for the next frame.
    waker: Option<Waker>,
}

/// The body of a response, and the cleanup at its end.
struct Response {
    body: Body,
    finish: Finish,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Phase {
    /// The request is still being received.
    #[default]
    Request,
    /// The response is being sent.
    Response,
}

/// Returns the milliseconds since the first use of the clock, plus 1, so that the result is never 0.
fn clock() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(START.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1)
}

impl Transfer {
    pub(super) fn new(deadline: Option<Instant>) -> Arc<Self> {
        Arc::new(Self {
            waiting_since: AtomicU64::new(0),
            state: Mutex::default(),
            ended: Notify::new(),
            deadline,
            waiting: Arc::default(),
        })
    }

    /// Returns what the call waits for.
    pub(super) fn waiting(&self) -> &Arc<Waiting> {
        &self.waiting
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start_waiting(&self) {
        if self.waiting_since.load(Ordering::Relaxed) == 0 {
            self.waiting_since.store(clock(), Ordering::Relaxed);
        }
    }

    fn stop_waiting(&self) {
        self.waiting_since.store(0, Ordering::Relaxed);
    }

    /// Returns how long the call has been waiting for its peer; `None` if it does not wait.
    pub(super) fn stalled_for(&self) -> Option<Duration> {
        match self.waiting_since.load(Ordering::Relaxed) {
            0 => None,
            since => Some(Duration::from_millis(clock().saturating_sub(since))),
        }
    }

    pub(super) fn phase(&self) -> Phase {
        self.state().phase
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Returns whether the deadline of the call has passed.
    pub(super) fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= Instant::now())
    }

    /// Ends the call. The client gets an error of this kind. The permit of the call is free as soon as all its work has
    /// ended: if its response has started and no task works for it, when this function returns.
    pub(super) fn end(&self, why: Kind) {
        let (response, waker) = {
            let mut state = self.state();
            if state.end.is_none() {
                state.end = Some(why);
            }
            (state.response.take(), state.waker.take())
        };
        self.ended.notify_waiters();
        if let Some(waker) = waker {
            waker.wake();
        }
        // The lock of the state is released here: `complete` takes the lock of the permits, whose holder may wait for the state.
        if let Some(mut response) = response {
            response.finish.complete(super::status::code(why));
        }
    }

    /// Waits until another task ends the call.
    pub(super) async fn until_ended(&self) -> Error {
        loop {
            let mut ended = std::pin::pin!(self.ended.notified());
            ended.as_mut().enable();
            if let Some(why) = self.state().end {
                return ended_error(why);
            }
            ended.await;
        }
    }

    /// Wraps the body of the response. `finish` is completed at the end of the body.
    pub(super) fn respond(self: &Arc<Self>, body: Body, mut finish: Finish, deadline: Option<Instant>) -> Outbound {
        let mut state = self.state();
        state.phase = Phase::Response;
        match state.end {
            None => {
                state.response = Some(Response { body, finish });
                drop(state);
            }
            // Another task ended the call when its handler had just finished.
            Some(why) => {
                drop(state);
                finish.complete(super::status::code(why));
            }
        }
        // The client may never read the first byte.
        self.start_waiting();
        let deadline = deadline.map(|deadline| Box::pin(tokio::time::sleep_until(deadline.into())));
        Outbound { transfer: Arc::clone(self), deadline, is_over: false }
    }
}

fn ended_error(why: Kind) -> Error {
    let message = match why {
        Kind::ReaderStalled => {
            "the client read nothing for 30 s and the server needed the permit of this call: continue at the next offset"
        }
        Kind::WriterStalled => {
            "the client sent nothing for 30 s and the server needed the permit of this call: nothing was published; send it again"
        }
        Kind::ShuttingDown => "the server is shutting down: continue at the next offset, or retry",
        Kind::InvalidField => return Error::field("message", "did not arrive within 60 s: send it again"),
        _ => return super::deadline::passed(None),
    };
    Error::new(why, message)
}

/// The body of a request. Records when the call waits for its client.
pub(super) struct Inbound<B> {
    pub(super) body: B,
    pub(super) transfer: Arc<Transfer>,
}

impl<B> http_body::Body for Inbound<B>
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        match polled {
            Poll::Pending => self.transfer.start_waiting(),
            Poll::Ready(_) => self.transfer.stop_waiting(),
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

impl<B> Drop for Inbound<B> {
    fn drop(&mut self) {
        // The handler no longer reads the request, so the call does not wait for its client.
        self.transfer.stop_waiting();
    }
}

/// The body of a response, as the connection polls it. Ends at the deadline, after a panic, and when another task
/// ends the transfer.
pub struct Outbound {
    transfer: Arc<Transfer>,
    deadline: Option<Pin<Box<Sleep>>>,
    is_over: bool,
}

impl Outbound {
    /// Ends the response with an error.
    fn fail(&mut self, code: Code, error: Error) -> Poll<Option<Result<Frame<Bytes>, tonic::Status>>> {
        self.is_over = true;
        let response = self.transfer.state().response.take();
        if let Some(mut response) = response {
            response.finish.complete(code);
        }
        Poll::Ready(Some(Ok(Frame::trailers(trailers(error)))))
    }

    /// Ends the response after its last frame.
    fn complete(&mut self, code: Code) {
        let response = self.transfer.state().response.take();
        if let Some(mut response) = response {
            response.finish.complete(code);
        }
    }
}

impl http_body::Body for Outbound {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, tonic::Status>>> {
        let this = &mut *self;
        if this.is_over {
            return Poll::Ready(None);
        }
        if this.deadline.as_mut().is_some_and(|deadline| deadline.as_mut().poll(cx).is_ready()) {
            let side = this.transfer.waiting.side();
            return this.fail(Code::DeadlineExceeded, super::deadline::passed(side));
        }
        let mut state = this.transfer.state();
        let Some(response) = &mut state.response else {
            let why = state.end;
            drop(state);
            this.is_over = true;
            return Poll::Ready(why.map(|why| Ok(Frame::trailers(trailers(ended_error(why))))));
        };
        let body = &mut response.body;
        let poll = || this.transfer.waiting.enter(|| Pin::new(body).poll_frame(cx));
        let Ok(polled) = catch_unwind(AssertUnwindSafe(poll)) else {
            drop(state);
            return this.fail(Code::Internal, panicked());
        };
        match &polled {
            Poll::Pending => {
                if !state.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                    state.waker = Some(cx.waker().clone());
                }
                drop(state);
                this.transfer.stop_waiting();
            }
            Poll::Ready(Some(Ok(frame))) => {
                let end = frame.trailers_ref().map(super::status::of_headers);
                drop(state);
                // The call now waits until the client reads this frame.
                this.transfer.stop_waiting();
                this.transfer.start_waiting();
                if let Some(code) = end {
                    this.complete(code);
                }
            }
            Poll::Ready(None) => {
                drop(state);
                this.is_over = true;
                this.complete(Code::Ok);
            }
            Poll::Ready(Some(Err(_))) => {
                drop(state);
                this.complete(Code::Unknown);
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        // The connection must poll until `poll_frame` reports the end, which completes the call.
        self.is_over
    }

    fn size_hint(&self) -> SizeHint {
        self.transfer.state().response.as_ref().map_or_else(SizeHint::default, |response| response.body.size_hint())
    }
}

impl Drop for Outbound {
    fn drop(&mut self) {
        // The client cancelled the call, or its connection broke. Work that continues does not wait for the client.
        self.transfer.stop_waiting();
        self.complete(Code::Cancelled);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{StreamExt, stream};
    use http_body_util::{BodyExt, StreamBody};

    fn body(frames: impl futures_util::Stream<Item = Bytes> + Send + 'static) -> Body {
        Body::new(StreamBody::new(frames.map(|data| Ok::<_, tonic::Status>(Frame::data(data)))))
    }

    fn more() -> Body {
        body(stream::repeat(Bytes::from_static(b"more")))
    }

    fn code(frame: Frame<Bytes>) -> Code {
        tonic::Status::from_header_map(&frame.into_trailers().unwrap()).unwrap().code()
    }

    #[tokio::test]
    async fn a_response_waits_for_its_reader_after_each_frame() {
        let transfer = Transfer::new(None);
        assert!(transfer.stalled_for().is_none());
        let mut response = transfer.respond(more(), Finish::default(), None);
        assert!(transfer.stalled_for().is_some(), "the client may never read the first byte");
        response.frame().await.unwrap().unwrap();
        assert!(transfer.stalled_for().unwrap() < Duration::from_secs(1));
    }

    #[tokio::test]
    async fn a_response_without_data_does_not_wait_for_its_reader() {
        let transfer = Transfer::new(None);
        let mut response = transfer.respond(body(stream::pending()), Finish::default(), None);
        assert!(futures_util::poll!(response.frame()).is_pending());
        assert!(transfer.stalled_for().is_none());
    }

    #[tokio::test]
    async fn a_call_that_ended_before_its_response_sends_an_error() {
        let transfer = Transfer::new(None);
        transfer.end(Kind::ShuttingDown);
        let held = Arc::new(());
        let finish = Finish { permit: Some(held.clone()), ..Finish::default() };
        let mut response = transfer.respond(more(), finish, None);
        assert_eq!(Arc::strong_count(&held), 1, "the permit must be free");
        let frame = response.frame().await.unwrap().unwrap();
        assert_eq!(super::super::status::of_headers(frame.trailers_ref().unwrap()), Code::Unavailable);
        assert!(response.frame().await.is_none());
    }

    #[tokio::test]
    async fn ending_a_response_releases_its_permit_and_sends_an_error() {
        let transfer = Transfer::new(None);
        let held = Arc::new(());
        let finish = Finish { permit: Some(held.clone()), ..Finish::default() };
        let mut response = transfer.respond(more(), finish, None);
        response.frame().await.unwrap().unwrap();
        assert_eq!(Arc::strong_count(&held), 2);
        transfer.end(Kind::ReaderStalled);
        assert_eq!(Arc::strong_count(&held), 1, "the permit is still held");
        assert_eq!(code(response.frame().await.unwrap().unwrap()), Code::Unavailable);
        assert!(response.frame().await.is_none());
    }

    #[tokio::test]
    async fn the_end_wakes_a_reader_that_waits_for_data() {
        let transfer = Transfer::new(None);
        let mut response = transfer.respond(body(stream::pending()), Finish::default(), None);
        let last = tokio::spawn(async move { response.frame().await.unwrap().unwrap() });
        tokio::task::yield_now().await;
        transfer.end(Kind::ShuttingDown);
        assert_eq!(code(last.await.unwrap()), Code::Unavailable);
    }

    #[tokio::test]
    async fn the_end_wakes_a_handler_that_waits_for_its_request() {
        let transfer = Transfer::new(None);
        let waiting = Arc::clone(&transfer);
        let ended = tokio::spawn(async move { waiting.until_ended().await });
        tokio::task::yield_now().await;
        transfer.end(Kind::WriterStalled);
        assert_eq!(ended.await.unwrap().kind(), Kind::WriterStalled);
        assert_eq!(transfer.until_ended().await.kind(), Kind::WriterStalled, "a later waiter gets no error");
    }

    #[tokio::test]
    async fn a_panic_in_a_body_ends_the_response_with_a_status() {
        let transfer = Transfer::new(None);
        let panicking = body(stream::iter([1_u8, 0]).map(|divisor| Bytes::from(vec![1 / divisor])));
        let mut response = transfer.respond(panicking, Finish::default(), None);
        assert!(response.frame().await.unwrap().unwrap().is_data());
        assert_eq!(code(response.frame().await.unwrap().unwrap()), Code::Internal);
        assert!(response.frame().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_response_ends_at_its_deadline() {
        let transfer = Transfer::new(None);
        let deadline = (tokio::time::Instant::now() + Duration::from_secs(5)).into_std();
        let mut response = transfer.respond(body(stream::pending()), Finish::default(), Some(deadline));
        assert_eq!(code(response.frame().await.unwrap().unwrap()), Code::DeadlineExceeded);
    }
}
