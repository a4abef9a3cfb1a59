//! Version calls with a `request_id` take effect at most once.
//!
//! Before the first attempt, the session store records the call, a random mark, and the state of lakeFS that a later check needs: heads of
//! branches and resolved commits. A retry with the same key returns the recorded result. Without one, the retry checks whether the earlier
//! attempt took effect. A mark in a commit proves it at any time. Other evidence counts only once that attempt cannot take effect any more;
//! until then, the retry fails with `RequestInProgress`. The call runs again only if the earlier attempt provably had no effect. If other
//! writers have changed the evidence, the result is `OutcomeUnknown`.

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::ops::context::Ops;
use crate::ops::errors::{keeps_failing, outcome};
use crate::timing::{duration, millis};
use lakeport_lakefs as lakefs;
use lakeport_transactions::{Millis, Request};
use lakeport_types::IdempotencyKey;
use rand::RngExt;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::time::Duration;

/// Metadata of a commit: the call that made it.
pub(super) const REQUEST_ID: &str = "lakeport.request_id";

/// Maximum delay in RetryInfo.
const RETRY: Duration = Duration::from_secs(5);

/// Maximum number of requests of one call.
const ATTEMPTS: u32 = 5;

/// Unit of the pauses between them. All pauses together take at most 1.5 s.
const BACKOFF: Duration = Duration::from_millis(50);

/// The identity of a call.
#[derive(Debug, Clone, Default)]
pub struct CallId {
    /// The key that the caller chose, if any.
    pub key: Option<IdempotencyKey>,
    /// Hash of the method and the parameters.
    pub fingerprint: String,
}

/// What became of a request to lakeFS.
pub(super) enum Sent<T> {
    /// It took effect.
    Done(T),
    /// lakeFS refused it, and it has no effect.
    Refused(lakefs::Error),
    /// lakeFS responded, and the response does not say whether it took effect. It cannot take effect later.
    Unclear(lakefs::Error),
    /// lakeFS kept failing at it, and it has no effect.
    Failed(Error),
    /// The response was lost, and it may take effect. Without a key, the caller gets this error.
    Lost(Error),
}

impl<T> From<lakefs::Result<T>> for Sent<T> {
    fn from(response: lakefs::Result<T>) -> Self {
        match response {
            Ok(done) => Self::Done(done),
            Err(error) if error.is_lost() => Self::Lost(outcome(error)),
            Err(error) if error.is_ambiguous() => Self::Unclear(error),
            Err(error) => Self::Refused(error),
        }
    }
}

/// What a check says about an earlier attempt.
#[derive(Debug, PartialEq)]
pub(super) enum Found<T> {
    /// It took effect.
    Done(T),
    /// It had no effect, and another attempt does what it would have done.
    NotDone,
    /// Other writers have changed the evidence. Another attempt could destroy their work.
    Unknown,
}

/// What distinguishes a version call from others: how to run it and how to find its effect.
pub(super) trait Once: Sync {
    /// State of lakeFS before the first attempt.
    type Before: Serialize + DeserializeOwned + Send + Sync;
    /// Result of the call.
    type Output: Serialize + DeserializeOwned + Send + Sync;

    /// Whether an effect that is found proves that no attempt is in flight any more.
    const IS_CONCLUSIVE: bool;

    /// Whether lakeFS refuses with `AlreadyExists` to repeat a request that took effect. Then the request is repeated after a lost
    /// response, until a response is definite.
    const IS_REPEATABLE: bool = false;

    /// Reads the state before the first attempt.
    fn before(&self) -> impl Future<Output = Result<Self::Before>> + Send;

    /// Sends the call once. `mark` is unique for the call: commits carry it in their metadata.
    fn send(&self, before: &Self::Before, mark: &str) -> impl Future<Output = Result<Sent<Self::Output>>> + Send;

    /// Checks whether an earlier attempt took effect.
    fn find(&self, before: &Self::Before, mark: &str) -> impl Future<Output = Result<Found<Self::Output>>> + Send;

    /// Explains an error of lakeFS.
    fn explain(&self, error: lakefs::Error) -> impl Future<Output = Error> + Send;
}

/// What is stored before the first attempt.
#[derive(Serialize, Deserialize)]
struct Recorded<B> {
    mark: String,
    before: B,
}

/// The stored result of a call.
#[derive(Serialize, Deserialize)]
enum Outcome<T> {
    Done(T),
    Unknown,
}

/// Runs a call at most once.
///
/// # Errors
/// `InvalidField` for a key that was used with other parameters; `RequestInProgress`; `OutcomeUnknown`; the errors of the call.
pub(super) async fn once<C: Once>(ops: &Ops, caller: &Caller, id: &CallId, call: &C) -> Result<C::Output> {
    let Some(key) = &id.key else { return without_key(call).await };
    loop {
        let Some(request) = ops.store.request(&caller.principal, key).await? else {
            let recorded = Recorded { mark: format!("{key}/{}", nonce()), before: call.before().await? };
            let text = serde_json::to_string(&recorded).map_err(corrupt)?;
            match ops.store.start_request(&caller.principal, key, &id.fingerprint, &text, span(ops)).await? {
                Some(request) => return attempt(ops, call, &request, &recorded).await,
                None => continue,
            }
        };
        if let Some(output) = stored(&request, id)? {
            return Ok(output);
        }
        let recorded: Recorded<C::Before> = serde_json::from_str(&request.state_before).map_err(corrupt)?;
        if C::IS_CONCLUSIVE || !request.is_in_progress() {
            match call.find(&recorded.before, &recorded.mark).await? {
                Found::Done(output) => return Ok(store(ops, &request, output).await),
                _ if request.is_in_progress() => {}
                Found::Unknown => return Err(unknown(ops, &request).await),
                Found::NotDone => match ops.store.restart_request(&request, span(ops)).await? {
                    Some(request) => return attempt(ops, call, &request, &recorded).await,
                    None => continue,
                },
            }
        }
        return Err(in_progress(&request));
    }
}

/// Returns the stored result of an earlier call, so that a retry needs nothing else.
///
/// # Errors
/// `InvalidField` for a key that was used with other parameters; `OutcomeUnknown`.
pub(super) async fn earlier_result<T: DeserializeOwned>(ops: &Ops, caller: &Caller, id: &CallId) -> Result<Option<T>> {
    let Some(key) = &id.key else { return Ok(None) };
    match ops.store.request(&caller.principal, key).await? {
        Some(request) => stored(&request, id),
        None => Ok(None),
    }
}

fn stored<T: DeserializeOwned>(request: &Request, id: &CallId) -> Result<Option<T>> {
    if request.fingerprint != id.fingerprint {
        let message = format!("{} was used with other parameters: choose a new one", request.id);
        return Err(Error::field("request_id", message));
    }
    match request.outcome().map(serde_json::from_str).transpose().map_err(corrupt)? {
        Some(Outcome::Done(output)) => Ok(Some(output)),
        Some(Outcome::Unknown) => Err(outcome_unknown(request)),
        None => Ok(None),
    }
}

async fn without_key<C: Once>(call: &C) -> Result<C::Output> {
    let before = call.before().await?;
    match send(call, &before, &nonce()).await? {
        Sent::Done(output) => Ok(output),
        Sent::Refused(error) => Err(call.explain(error).await),
        Sent::Unclear(error) => Err(outcome(error)),
        Sent::Failed(error) | Sent::Lost(error) => Err(error),
    }
}

/// Sends a call until a response shows whether it took effect. Repeats a request only if it provably had no effect, or if the
/// call is repeatable.
async fn send<C: Once>(call: &C, before: &C::Before, mark: &str) -> Result<Sent<C::Output>> {
    let mut lost = None;
    let mut attempt = 1;
    loop {
        let is_last = attempt == ATTEMPTS;
        match call.send(before, mark).await? {
            Sent::Unclear(error) => match call.find(before, mark).await {
                Ok(Found::Done(output)) => return Ok(Sent::Done(output)),
                Ok(Found::NotDone) if is_last && lost.is_none() => {
                    return Ok(Sent::Failed(keeps_failing(error, "nothing was changed")));
                }
                Ok(Found::NotDone) if !is_last => {}
                _ => return Ok(Sent::Lost(outcome(error))),
            },
            Sent::Lost(error) if C::IS_REPEATABLE && !is_last => lost = Some(error),
            Sent::Refused(error) => match lost {
                None => return Ok(Sent::Refused(error)),
                Some(_) if error.kind() == lakefs::Kind::AlreadyExists => {
                    return Ok(match call.find(before, mark).await {
                        Ok(Found::Done(output)) => Sent::Done(output),
                        Ok(Found::NotDone) => Sent::Refused(error),
                        Ok(Found::Unknown) | Err(_) => Sent::Lost(outcome(error)),
                    });
                }
                // The cause of this refusal may not have applied to the earlier request.
                Some(lost) => return Ok(Sent::Lost(lost)),
            },
            definite => return Ok(definite),
        }
        tokio::time::sleep(jittered(attempt)).await;
        attempt += 1;
    }
}

/// Returns the pause after an attempt.
fn jittered(attempt: u32) -> Duration {
    BACKOFF.mul_f64(f64::from(1_u32 << attempt.min(5)) * rand::rng().random_range(0.5..1.0))
}

async fn attempt<C: Once>(
    ops: &Ops,
    call: &C,
    request: &Request,
    Recorded { mark, before }: &Recorded<C::Before>,
) -> Result<C::Output> {
    let lost = match while_extending(ops, request, send(call, before, mark)).await {
        Ok(Sent::Done(output)) => return Ok(store(ops, request, output).await),
        Ok(Sent::Lost(error)) => error,
        Ok(Sent::Unclear(error)) => outcome(error),
        Ok(Sent::Failed(error)) => {
            forget(ops, request).await;
            return Err(error);
        }
        Ok(Sent::Refused(error)) => {
            forget(ops, request).await;
            return Err(call.explain(error).await);
        }
        Err(error) => {
            forget(ops, request).await;
            return Err(error);
        }
    };
    if let Err(error) = ops.store.extend_request(request, millis(ops.timing.settle)).await {
        tracing::warn!(%error, request.id = %request.id, "cannot extend a version call after a lost response");
        return Err(in_progress(request).caused_by(lost));
    }
    // This check may fail for the same cause as the call.
    match call.find(before, mark).await {
        Ok(Found::Done(output)) if C::IS_CONCLUSIVE => Ok(store(ops, request, output).await),
        _ => Err(in_progress(request).caused_by(lost)),
    }
}

/// Awaits an attempt, and records regularly that it may still take effect. It may wait long for its turn.
async fn while_extending<T>(ops: &Ops, request: &Request, attempt: impl Future<Output = T>) -> T {
    let extending = async {
        loop {
            tokio::time::sleep(ops.timing.lease / 4).await;
            if let Err(error) = ops.store.extend_request(request, span(ops)).await {
                tracing::warn!(%error, request.id = %request.id, "cannot extend a version call now");
            }
        }
    };
    let never: Infallible = tokio::select! {
        done = attempt => return done,
        never = extending => never,
    };
    match never {}
}

/// How long a request to lakeFS may take effect after the last extension, if this process dies.
fn span(ops: &Ops) -> Millis {
    millis(ops.timing.settle + ops.timing.lease)
}

/// Stores the result. If that fails, a retry checks for the effect instead.
async fn store<T: Serialize>(ops: &Ops, request: &Request, output: T) -> T {
    finish(ops, request, &Outcome::Done(&output)).await;
    output
}

async fn unknown(ops: &Ops, request: &Request) -> Error {
    finish(ops, request, &Outcome::<()>::Unknown).await;
    outcome_unknown(request)
}

async fn finish<T: Serialize>(ops: &Ops, request: &Request, outcome: &Outcome<T>) {
    let stored = match serde_json::to_string(outcome) {
        Ok(text) => ops.store.finish_request(request, &text).await.map_err(Error::from),
        Err(error) => Err(corrupt(error)),
    };
    if let Err(error) = stored {
        tracing::warn!(%error, request.id = %request.id, "cannot store the result of a version call");
    }
}

/// Forgets a call without effect: a retry after the cause is fixed runs again.
async fn forget(ops: &Ops, request: &Request) {
    if let Err(error) = ops.store.forget_request(request).await {
        tracing::warn!(%error, request.id = %request.id, "cannot forget a version call without effect");
    }
}

fn in_progress(request: &Request) -> Error {
    let left = duration(request.until - request.read_at).clamp(Duration::from_millis(200), RETRY);
    let message = format!(
        "an earlier attempt with request_id {} has no result yet and may still take effect: retry with the same request_id",
        request.id
    );
    Error::new(Kind::RequestInProgress, message).retry_in(left)
}

fn outcome_unknown(request: &Request) -> Error {
    let message = format!(
        "the response to the attempt with request_id {} was lost, and others have changed the same since: check the result, and use a new \
         request_id for another call",
        request.id
    );
    Error::new(Kind::OutcomeUnknown, message)
}

fn nonce() -> String {
    format!("{:016x}", rand::rng().random::<u64>())
}

fn corrupt(error: serde_json::Error) -> Error {
    Error::new(Kind::Internal, "a recorded version call cannot be read").caused_by(error)
}
