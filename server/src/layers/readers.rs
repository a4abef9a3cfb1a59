//! Answers whose readers stand still. HTTP/2 asks for more of an answer when its reader makes room, so the answer to a reader that
//! stopped is never looked at again: its deadline would not end it, and it would keep its place and what it holds of lakeFS. A task
//! looks at all answers instead, and lets go of those. The end of the server lets go of all that are left.

use super::deadline::Deadline;
use super::ending::trailers;
use crate::error::{Error, Kind};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How long a reader may leave what it was sent: some work on every batch of a listing before they take the next.
const PATIENCE: Duration = Duration::from_secs(120);
/// And what it was sent may take so long on its way, in bytes per second.
const SLOWEST: u64 = 16 << 10;
/// How often the answers are looked at.
const INTERVAL: Duration = Duration::from_secs(5);

/// The answers under way.
#[derive(Clone, Default)]
pub struct Readers(Arc<Mutex<Answers>>);

#[derive(Default)]
struct Answers {
    next: u64,
    under_way: HashMap<u64, Arc<Mutex<Answer>>>,
}

/// An answer, shared by the connection and the task.
struct Answer {
    /// `None` once it has ended or was let go.
    body: Option<Body>,
    /// When its reader has to have asked for more; `None` while it waits for us.
    until: Option<Instant>,
    deadline: Option<Instant>,
    /// Why it was let go, until its reader was told.
    let_go: Option<Kind>,
    /// Whoever waits for us.
    waiting: Option<Waker>,
}

/// What the connection has of an answer.
struct Watched {
    readers: Readers,
    number: u64,
    answer: Arc<Mutex<Answer>>,
}

pub(super) async fn watched(State(readers): State<Readers>, request: Request, next: Next) -> Response {
    let deadline = request.extensions().get::<Deadline>().map(|deadline| deadline.0);
    let response = next.run(request).await;
    // An answer that is nothing but a status has no body to be read.
    if response.headers().contains_key("grpc-status") {
        return response;
    }
    response.map(|body| Body::new(readers.watch(body, deadline)))
}

impl Readers {
    fn watch(&self, body: Body, deadline: Option<Instant>) -> Watched {
        // Its reader may never make room for the first byte.
        let until = Some(Instant::now() + PATIENCE);
        let answer = Arc::new(Mutex::new(Answer { body: Some(body), until, deadline, let_go: None, waiting: None }));
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        answers.next += 1;
        let number = answers.next;
        answers.under_way.insert(number, Arc::clone(&answer));
        Watched { readers: self.clone(), number, answer }
    }

    /// Lets go of what nobody reads, until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        while tokio::time::timeout(INTERVAL, stop.cancelled()).await.is_err() {
            let let_go = self.let_go(Instant::now());
            if let_go > 0 {
                tracing::info!(answers = let_go, "readers stood still, and their answers were let go");
            }
        }
    }

    /// Lets go of all that are left, since the server goes away.
    pub fn end(&self) {
        self.let_go_where(Kind::ShuttingDown, |_| true);
    }

    /// Lets go of every answer whose time is up, and says of how many.
    fn let_go(&self, now: Instant) -> usize {
        self.let_go_where(Kind::ReaderStalled, |answer| answer.is_over(now))
    }

    fn let_go_where(&self, why: Kind, is_over: impl Fn(&Answer) -> bool) -> usize {
        let mut dropped = Vec::new();
        let mut waiting = Vec::new();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).under_way.retain(|_, answer| {
            let mut answer = answer.lock().unwrap_or_else(PoisonError::into_inner);
            if answer.body.is_some() && is_over(&answer) {
                answer.let_go = Some(why);
                dropped.extend(answer.body.take());
                waiting.extend(answer.waiting.take());
            }
            answer.body.is_some()
        });
        waiting.into_iter().for_each(Waker::wake);
        // Their places and connections are given back here, with nothing locked.
        dropped.len()
    }
}

impl Answer {
    fn is_over(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| until.min(self.deadline.unwrap_or(until)) <= now)
    }

    fn wait(&mut self, cx: &Context<'_>) {
        self.until = None;
        if !self.waiting.as_ref().is_some_and(|waiting| waiting.will_wake(cx.waker())) {
            self.waiting = Some(cx.waker().clone());
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.readers.0.lock().unwrap_or_else(PoisonError::into_inner).under_way.remove(&self.number);
    }
}

fn told(why: Kind) -> Error {
    let message = match why {
        Kind::ReaderStalled => "the answer was not read for too long, and was let go: read on from where it ended",
        _ => "the server goes away: read on from where the answer ended, from another or later",
    };
    Error::new(why, message)
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(body) = &mut answer.body else {
            let why = answer.let_go.take();
            return Poll::Ready(why.map(|why| Ok(Frame::trailers(trailers(told(why))))));
        };
        let polled = Pin::new(body).poll_frame(cx);
        match &polled {
            Poll::Pending => answer.wait(cx),
            Poll::Ready(Some(Ok(frame))) => {
                let length = frame.data_ref().map_or(0, |data| data.len() as u64);
                answer.until = Some(Instant::now() + PATIENCE + Duration::from_secs(length / SLOWEST));
            }
            Poll::Ready(_) => answer.body = None,
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        let answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        answer.let_go.is_none() && answer.body.as_ref().is_none_or(http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        answer.body.as_ref().map_or_else(SizeHint::default, http_body::Body::size_hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{StreamExt, stream};
    use http_body_util::BodyExt;

    fn endless() -> Body {
        Body::from_stream(stream::repeat(Bytes::from_static(b"more")).map(Ok::<_, axum::Error>))
    }

    #[tokio::test]
    async fn an_answer_that_nobody_reads_is_let_go_and_says_so() {
        let readers = Readers::default();
        let held = Arc::new(());
        let place = Arc::clone(&held);
        let body = Body::from_stream(stream::repeat(Bytes::from_static(b"more")).map(move |more| {
            let _ = &place;
            Ok::<_, axum::Error>(more)
        }));
        let mut answer = readers.watch(body, None);
        assert!(answer.frame().await.unwrap().unwrap().is_data());
        assert_eq!(readers.let_go(Instant::now()), 0, "it was read a moment ago");
        assert_eq!(Arc::strong_count(&held), 2);
        assert_eq!(readers.let_go(Instant::now() + PATIENCE + Duration::from_secs(1)), 1);
        assert_eq!(Arc::strong_count(&held), 1, "what it held is still held");
        let trailers = answer.frame().await.unwrap().unwrap().into_trailers().unwrap();
        assert_eq!(tonic::Status::from_header_map(&trailers).unwrap().code(), tonic::Code::Unavailable);
        assert!(answer.frame().await.is_none());
    }

    #[tokio::test]
    async fn a_deadline_holds_for_a_reader_that_stands_still() {
        let readers = Readers::default();
        let mut answer = readers.watch(endless(), Some(Instant::now() + Duration::from_secs(1)));
        assert!(answer.frame().await.unwrap().unwrap().is_data());
        assert_eq!(readers.let_go(Instant::now()), 0);
        assert_eq!(readers.let_go(Instant::now() + Duration::from_secs(2)), 1);
    }

    #[tokio::test]
    async fn the_end_tells_also_who_waits_for_us() {
        let readers = Readers::default();
        let mut answer = readers.watch(Body::from_stream(stream::pending::<Result<Bytes, axum::Error>>()), None);
        let told = tokio::spawn(async move { answer.frame().await.unwrap().unwrap().into_trailers().unwrap() });
        tokio::task::yield_now().await;
        readers.end();
        let status = tonic::Status::from_header_map(&told.await.unwrap()).unwrap();
        assert!(status.message().contains("goes away"), "{status:?}");
    }

    #[tokio::test]
    async fn who_waits_for_us_is_not_late() {
        let readers = Readers::default();
        let mut answer = readers.watch(Body::from_stream(stream::pending::<Result<Bytes, axum::Error>>()), None);
        assert!(futures_util::poll!(answer.frame()).is_pending());
        assert_eq!(readers.let_go(Instant::now() + PATIENCE * 10), 0);
    }
}
