//! Which failed calls are sent again, and when. The values are those of the service config of the contract.

use crate::{Client, Code, Error, ErrorReason, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};
use tonic::{Response, Status};

/// Maximum number of attempts while the server or lakeFS is unavailable.
const MAX_ATTEMPTS: u32 = 4;
/// Pause before the first retry. It doubles before each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Maximum pause, unless the server asks for a longer one.
const MAX_PAUSE: Duration = Duration::from_secs(5);
/// Tokens of a client, in tenths: a failure costs ten, and a success earns one.
const MAX_TOKENS: u32 = 1000;
const FAILURE_TOKENS: u32 = 10;

/// After which errors a call is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Only if the server was overloaded: it did not begin the call.
    IfRejected,
    /// Also if the server or lakeFS was unavailable, or the response was lost. The call must be idempotent.
    Idempotent,
    /// Like `Idempotent`. Also waits for the end of a commit that is in progress.
    Settling,
}

/// Stops the retries of all calls of a client if more calls fail than succeed, so that they do not keep a server overloaded.
#[derive(Debug)]
pub(crate) struct Budget(AtomicU32);

impl Default for Budget {
    fn default() -> Self {
        Self(AtomicU32::new(MAX_TOKENS))
    }
}

impl Budget {
    fn succeeded(&self) {
        self.update(|tokens| (tokens + 1).min(MAX_TOKENS));
    }

    /// Counts a failure, and returns whether a retry is allowed.
    fn failed(&self) -> bool {
        self.update(|tokens| tokens.saturating_sub(FAILURE_TOKENS)) > MAX_TOKENS / 2
    }

    /// Returns the new number of tokens.
    fn update(&self, change: impl Fn(u32) -> u32) -> u32 {
        let before = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |tokens| Some(change(tokens)));
        change(before.unwrap_or_default())
    }
}

/// The attempts of one call.
pub(crate) struct Retries {
    budget: Arc<Budget>,
    repeat: Repeat,
    attempts: u32,
    pause: Duration,
    /// The timeout of the client.
    timeout: Duration,
    /// Maximum sum of the remaining pauses.
    left: Duration,
    /// When the server last made progress, or the call began.
    since: Instant,
}

impl Retries {
    pub(crate) fn new(client: &Client, repeat: Repeat) -> Self {
        let (budget, timeout) = (Arc::clone(client.budget()), client.timeout());
        Self { budget, repeat, attempts: 1, pause: FIRST_PAUSE, timeout, left: timeout, since: Instant::now() }
    }

    /// Waits for a step of the server: a response, or the next message of a stream.
    ///
    /// # Errors
    /// `DeadlineExceeded` if the server has made no progress for the timeout, in this attempt and earlier ones; the error of the step.
    pub(crate) async fn step<T, E: Into<Error>>(&mut self, step: impl Future<Output = Result<T, E>>) -> Result<T> {
        let done = timeout_at(self.since + self.timeout, step).await.map_err(|_| Error::no_response())?;
        let done = done.map_err(Into::into)?;
        self.since = Instant::now();
        Ok(done)
    }

    /// Returns when the server last made progress, or the call began.
    pub(crate) fn since(&self) -> Instant {
        self.since
    }

    /// Records when the server last made progress.
    pub(crate) fn progressed(&mut self, at: Instant) {
        self.since = self.since.max(at);
    }

    /// Waits before the next attempt, which begins before the timeout has passed without progress. All pauses together are shorter
    /// than the timeout.
    ///
    /// # Errors
    /// `error` itself if there is no next attempt.
    pub(crate) async fn wait(&mut self, error: Error) -> Result<()> {
        let Some(pause) = self.pause_after(&error) else { return Err(error) };
        let Some(left) = self.left.checked_sub(pause) else { return Err(error) };
        if Instant::now() + pause >= self.since + self.timeout {
            return Err(error);
        }
        self.left = left;
        sleep(pause).await;
        Ok(())
    }

    /// Returns the pause before the next attempt. `None` if there is none.
    fn pause_after(&mut self, error: &Error) -> Option<Duration> {
        match error.reason() {
            Some(ErrorReason::Overloaded) => {}
            Some(ErrorReason::TransactionCommitting)
                if self.repeat == Repeat::Settling && error.retry_delay().is_some() => {}
            _ if self.repeat == Repeat::IfRejected || error.code() != Code::Unavailable => return None,
            // The first call with this ID is still running.
            Some(ErrorReason::RequestInProgress) => {}
            _ if self.attempts < MAX_ATTEMPTS && self.budget.failed() => self.attempts += 1,
            _ => return None,
        }
        let pause = jittered(self.pause).max(error.retry_delay().unwrap_or_default());
        self.pause = (self.pause * 2).min(MAX_PAUSE);
        Some(pause)
    }
}

/// Returns 50 to 100 % of a pause, so that parallel calls do not retry at the same moment.
pub(crate) fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::random_range(0.5..1.0))
}

impl Client {
    /// Sends a call with a single response; see [`Client::repeated`].
    pub(crate) async fn unary<T, F>(&self, repeat: Repeat, attempt: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let attempt = || {
            let sent = attempt();
            async move { Ok(sent.await?.into_inner()) }
        };
        self.repeated(repeat, attempt).await
    }

    /// Calls `attempt` until it succeeds, or fails with an error that `repeat` does not repeat. The timeout limits all attempts
    /// together.
    pub(crate) async fn repeated<T, F>(&self, repeat: Repeat, attempt: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let mut retries = Retries::new(self, repeat);
        loop {
            match retries.step(attempt()).await {
                Err(error) => retries.wait(error).await?,
                done => {
                    self.budget().succeeded();
                    return done;
                }
            }
        }
    }
}

/// Returns a function that sends a request: `client.unary(Repeat::Idempotent, call!(client, files.stat(request)))`.
macro_rules! call {
    ($client:expr, $service:ident.$method:ident($request:expr)) => {{
        let (client, request) = ($client, $request);
        move || {
            let (mut service, request) = (client.$service(), request.clone());
            async move { service.$method(request).await }
        }
    }};
}
pub(crate) use call;

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::collections::HashMap;
    use tonic_types::{ErrorDetails, StatusExt as _};

    fn refused(code: Code, reason: &str, delay: Option<Duration>) -> Error {
        let mut details = ErrorDetails::with_error_info(reason, lakeport_proto::ERROR_DOMAIN, HashMap::new());
        details.set_retry_info(delay);
        Status::with_error_details(code, "no", details).into()
    }

    fn client() -> Client {
        Client::lazy(&crate::Endpoint::new("http://127.0.0.1:1")).unwrap()
    }

    /// Returns the number of attempts of a call that always fails with `error`, and the time until it fails.
    async fn attempts(repeat: Repeat, error: impl Fn() -> Error) -> (u32, Duration) {
        let (client, count, began) = (client(), Cell::new(0), Instant::now());
        let failed = client.repeated(repeat, || {
            count.set(count.get() + 1);
            std::future::ready(Err::<(), _>(error()))
        });
        let (expected, found) = (error(), failed.await.unwrap_err());
        assert_eq!((found.code(), found.reason_name()), (expected.code(), expected.reason_name()));
        (count.get(), began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_depend_on_error_and_call() {
        let unavailable = || refused(Code::Unavailable, "LAKEFS_UNAVAILABLE", None);
        let lost = || Error::from(Status::unavailable("connection reset"));
        let permanent = || refused(Code::ResourceExhausted, "STORAGE_FULL", None);
        assert_eq!(attempts(Repeat::Idempotent, unavailable).await.0, MAX_ATTEMPTS);
        assert_eq!(attempts(Repeat::Idempotent, lost).await.0, MAX_ATTEMPTS);
        assert_eq!(attempts(Repeat::Settling, lost).await.0, MAX_ATTEMPTS);
        assert_eq!(attempts(Repeat::IfRejected, lost).await.0, 1);
        assert_eq!(attempts(Repeat::IfRejected, unavailable).await.0, 1);
        assert_eq!(attempts(Repeat::Idempotent, permanent).await.0, 1);
        assert_eq!(attempts(Repeat::Idempotent, Error::no_response).await.0, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_ends_with_the_timeout() {
        let delay = Some(Duration::from_secs(3));
        for (repeat, code, reason) in [
            (Repeat::IfRejected, Code::ResourceExhausted, "OVERLOADED"),
            (Repeat::Idempotent, Code::Unavailable, "REQUEST_IN_PROGRESS"),
            (Repeat::Settling, Code::FailedPrecondition, "TRANSACTION_COMMITTING"),
        ] {
            let (count, time) = attempts(repeat, || refused(code, reason, delay)).await;
            assert!(count > MAX_ATTEMPTS && time < client().timeout(), "{reason}: {count} in {time:?}");
            assert!(time > client().timeout() / 2, "{reason}: {time:?}");
        }
        let committing = || refused(Code::FailedPrecondition, "TRANSACTION_COMMITTING", delay);
        assert_eq!(attempts(Repeat::Idempotent, committing).await.0, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn pause_is_at_least_the_delay_of_the_server() {
        let delayed = || refused(Code::Unavailable, "LAKEFS_UNAVAILABLE", Some(Duration::from_secs(7)));
        assert_eq!(attempts(Repeat::Idempotent, delayed).await.1, Duration::from_secs(21));
    }

    /// The keep-alive of a connection notices a server that hangs before the timeout ends.
    #[tokio::test(start_paused = true)]
    async fn attempts_without_progress_share_the_timeout() {
        let (client, began) = (client(), Instant::now());
        let mut retries = Retries::new(&client, Repeat::Idempotent);
        let lost = async {
            sleep(client.timeout() / 2).await;
            Err::<(), _>(Status::unavailable("keep-alive timed out"))
        };
        let error = retries.step(lost).await.unwrap_err();
        retries.wait(error).await.unwrap();
        let error = retries.step(std::future::pending::<Result<()>>()).await.unwrap_err();
        assert_eq!((error.code(), began.elapsed()), (Code::DeadlineExceeded, client.timeout()));
        retries.wait(error).await.unwrap_err();
    }

    #[tokio::test(start_paused = true)]
    async fn retries_stop_while_most_calls_fail() {
        let client = client();
        let call = async || {
            let count = Cell::new(0);
            let failed = client.repeated(Repeat::Idempotent, || {
                count.set(count.get() + 1);
                std::future::ready(Err::<(), _>(refused(Code::Unavailable, "LAKEFS_UNAVAILABLE", None)))
            });
            failed.await.unwrap_err();
            count.get()
        };
        for _ in 0..20 {
            call().await;
        }
        assert_eq!(call().await, 1);
        for _ in 0..100 {
            client.repeated(Repeat::Idempotent, || std::future::ready(Ok(()))).await.unwrap();
        }
        assert!(call().await > 1);
    }
}
