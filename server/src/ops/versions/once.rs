//! Version calls with a `request_id` take effect at most once.
//!
//! Before the first attempt, the session store records the call and the state of lakeFS that a later look needs: heads of branches and
//! resolved commits. A retry with the same key returns the recorded result. If there is none, the retry looks for the effect of the
//! earlier attempt. While that attempt may still take effect, the retry fails with `RequestInProgress`; after that, it runs the call again.

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::ops::context::Ops;
use crate::ops::errors::outcome;
use crate::timing::{duration, millis};
use lakeport_lakefs as lakefs;
use lakeport_transactions::{Millis, Request};
use lakeport_types::IdempotencyKey;
use rand::RngExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::pin::pin;
use std::time::Duration;

/// Metadata of a commit: the call that made it.
pub(super) const REQUEST_ID: &str = "lakeport.request_id";

/// The longest delay that a caller is asked for before a retry.
const RETRY: Duration = Duration::from_secs(5);

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
    /// The response was lost, and it may take effect. Without a key, the caller gets this error.
    Lost(Error),
}

impl<T> From<lakefs::Result<T>> for Sent<T> {
    fn from(response: lakefs::Result<T>) -> Self {
        match response {
            Ok(done) => Self::Done(done),
            Err(error) if error.is_ambiguous() => Self::Lost(outcome(error)),
            Err(error) => Self::Refused(error),
        }
    }
}

/// What distinguishes a version call from others: how to run it and how to find its effect.
pub(super) trait Once: Sync {
    /// State of lakeFS before the first attempt.
    type Before: Serialize + DeserializeOwned + Send + Sync;
    /// Result of the call.
    type Output: Serialize + DeserializeOwned + Send + Sync;

    /// Reads the state before the first attempt.
    fn before(&self) -> impl Future<Output = Result<Self::Before>> + Send;

    /// Sends the call once. `mark` is unique for the call: commits carry it in their metadata.
    fn send(&self, mark: &str) -> impl Future<Output = Result<Sent<Self::Output>>> + Send;

    /// Looks for the effect of an earlier attempt. `None`: it has none so far.
    fn find(&self, before: &Self::Before, mark: &str) -> impl Future<Output = Result<Option<Self::Output>>> + Send;

    /// Explains an error of lakeFS.
    fn explain(&self, error: lakefs::Error) -> impl Future<Output = Error> + Send;
}

/// Runs a call at most once.
///
/// # Errors
/// `InvalidField` for a key that was used with other parameters; `RequestInProgress`; without a key, `OutcomeUnknown` if the response was
/// lost; the errors of the call.
pub(super) async fn once<C: Once>(ops: &Ops, caller: &Caller, id: &CallId, call: &C) -> Result<C::Output> {
    let Some(key) = &id.key else { return without_key(call).await };
    let owner = &*caller.principal;
    let mark = mark(owner, key, &id.fingerprint);
    loop {
        let Some(request) = ops.store.request(owner, key).await? else {
            let before = call.before().await?;
            let text = serde_json::to_string(&before).map_err(corrupt)?;
            match ops.store.start_request(owner, key, &id.fingerprint, &text, span(ops)).await? {
                Some(request) => return attempt(ops, call, &request, &before, &mark).await,
                None => continue,
            }
        };
        if request.fingerprint != id.fingerprint {
            return Err(Error::field("request_id", format!("{key} was used with other parameters: choose a new one")));
        }
        if let Some(outcome) = request.outcome() {
            return serde_json::from_str(outcome).map_err(corrupt);
        }
        let before: C::Before = serde_json::from_str(&request.state_before).map_err(corrupt)?;
        if let Some(found) = call.find(&before, &mark).await? {
            record(ops, &request, &found).await;
            return Ok(found);
        }
        if request.is_in_progress() {
            return Err(in_progress(&request));
        }
        if let Some(request) = ops.store.restart_request(&request, span(ops)).await? {
            return attempt(ops, call, &request, &before, &mark).await;
        }
    }
}

async fn without_key<C: Once>(call: &C) -> Result<C::Output> {
    let mark = format!("{:032x}", rand::rng().random::<u128>());
    match call.send(&mark).await? {
        Sent::Done(output) => Ok(output),
        Sent::Refused(error) => Err(call.explain(error).await),
        Sent::Lost(error) => Err(error),
    }
}

async fn attempt<C: Once>(ops: &Ops, call: &C, request: &Request, before: &C::Before, mark: &str) -> Result<C::Output> {
    let lost = match while_extending(ops, request, call.send(mark)).await {
        Ok(Sent::Done(output)) => {
            record(ops, request, &output).await;
            return Ok(output);
        }
        Ok(Sent::Refused(error)) => {
            // No effect: a retry after the cause is fixed must run again.
            ops.store.forget_request(request).await?;
            return Err(call.explain(error).await);
        }
        Err(error) => {
            ops.store.forget_request(request).await?;
            return Err(error);
        }
        Ok(Sent::Lost(error)) => error,
    };
    ops.store.extend_request(request, millis(ops.timing.settle)).await?;
    match call.find(before, mark).await {
        Ok(Some(found)) => {
            record(ops, request, &found).await;
            Ok(found)
        }
        // The look may fail for the same cause as the call.
        Ok(None) | Err(_) => Err(in_progress(request).caused_by(lost)),
    }
}

/// Awaits an attempt, and records regularly that it may still take effect. It may wait long for its turn.
async fn while_extending<T>(ops: &Ops, request: &Request, attempt: impl Future<Output = T>) -> T {
    let mut attempt = pin!(attempt);
    loop {
        match tokio::time::timeout(ops.timing.lease / 4, attempt.as_mut()).await {
            Ok(done) => return done,
            Err(_) => {
                if let Err(error) = ops.store.extend_request(request, span(ops)).await {
                    tracing::warn!(%error, request.id = %request.id, "cannot extend a version call now");
                }
            }
        }
    }
}

/// How long a request to lakeFS may take effect after the last extension, if this process dies.
fn span(ops: &Ops) -> Millis {
    millis(ops.timing.settle + ops.timing.lease)
}

/// Stores the result. If that fails, a retry finds the effect instead.
async fn record<T: Serialize>(ops: &Ops, request: &Request, output: &T) {
    let stored = match serde_json::to_string(output) {
        Ok(text) => ops.store.finish_request(request, &text).await.map_err(Error::from),
        Err(error) => Err(corrupt(error)),
    };
    if let Err(error) = stored {
        tracing::warn!(%error, request.id = %request.id, "cannot record the result of a version call");
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

/// The mark of a call. Two callers may choose the same key.
fn mark(owner: &str, key: &IdempotencyKey, fingerprint: &str) -> String {
    let digest: [u8; 32] = Sha256::digest([owner, "\0", key.as_str(), "\0", fingerprint].concat()).into();
    format!("{key}/{}", hex::encode(&digest[..8]))
}

fn corrupt(error: serde_json::Error) -> Error {
    Error::new(Kind::Internal, "a recorded version call cannot be read").caused_by(error)
}
