//! Guards of paths whose state is unknown.
//!
//! A request that changes a path in a transaction may lose its response, or its caller. Until it has ended, other requests for the path
//! wait. The row of the transaction records the guards.

use crate::auth::Caller;
use crate::error::{BoxError, Error, Kind, Result};
use crate::fault;
use crate::ops::context::Ops;
use crate::ops::errors::{SETTLE_LIMIT, unsettled};
use crate::ops::writing::Writing;
use crate::timing::{duration, millis};
use lakeport_lakefs as lakefs;
use lakeport_transactions::{Millis, State, Transaction};
use lakeport_types::ObjectPath;
use lakeport_waiting as waiting;
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

/// Interval at which a waiting write reads the row, since another process may write it.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Pause between attempts to store that paths are unsettled.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

impl Ops {
    /// Waits until no abandoned request can change these paths any more. Returns the place of the write, as it is then.
    ///
    /// # Errors
    /// `WriteInDoubt` after 5 s, or before the deadline of the caller; for a transaction that is not open any more, the error for its
    /// state.
    pub(in crate::ops) async fn settled(
        self: &Arc<Self>,
        caller: &Caller,
        mut writing: Writing,
        paths: &[ObjectPath],
    ) -> Result<Writing> {
        if writing.has_other_requests {
            // Boxed: it is rare, and its future is larger than the rest of a write.
            writing = Box::pin(self.after_other_requests(caller, writing, paths)).await?;
        }
        let Some(row) = &writing.transaction else { return Ok(writing) };
        if paths.iter().all(|path| check_settled(&writing, path).is_ok()) {
            return Ok(writing);
        }
        // Boxed: it is rare, and its future is larger than the rest of a write.
        let paths: Vec<&str> = paths.iter().map(ObjectPath::as_str).collect();
        let now = Box::pin(self.wait_until_settled(caller, row, &paths)).await?;
        if now.state != State::Open || now.branch != row.branch {
            return Err(self.moved_on(row).await);
        }
        Ok(Writing { transaction: Some(Arc::new(now)), ..writing })
    }

    /// Waits until no abandoned request can change the paths any more, or the transaction is not open on the same branch. Returns the
    /// row.
    pub(in crate::ops) async fn wait_until_settled(
        &self,
        caller: &Caller,
        before: &Transaction,
        paths: &[&str],
    ) -> Result<Transaction> {
        let give_up = Instant::now() + caller.time_left(SETTLE_LIMIT);
        let mut writes = self.store.watch(&before.id);
        loop {
            let now = self.refreshed(before).await?;
            if now.state != State::Open || now.branch != before.branch {
                return Ok(now);
            }
            let unsettled = paths.iter().find_map(|path| check_settled_since(&now, path, now.read_at).err());
            let Some(error) = unsettled else { return Ok(now) };
            if Instant::now() >= give_up {
                // The owner waits and retries, so the transaction must not expire before.
                self.touch(&now).await?;
                return Err(error);
            }
            writes.next(POLL_INTERVAL.min(give_up - Instant::now())).await;
        }
    }

    /// Stores that an abandoned request may still change these paths. Until this is stored, no other write to these
    /// paths may be acknowledged. If the store is unavailable, this retries for as long as the request can take effect.
    /// Returns the time until which each path is guarded, for the paths that no other request guards.
    pub(in crate::ops) async fn unsettle(
        &self,
        writing: &Writing,
        paths: &[ObjectPath],
    ) -> Result<BTreeMap<String, Millis>> {
        let began = Instant::now();
        loop {
            match self.try_to_unsettle(writing, paths).await {
                Err(error) if is_store_failure(&error) && began.elapsed() < self.timing.settle => {
                    tracing::warn!(%error, "cannot store yet that paths are unsettled; trying again");
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
                // The session store did not store this guard, but lakeFS may have stored the objects.
                Err(error) if error.kind() == Kind::StorageFull => {
                    return Err(match paths.first() {
                        Some(path) => in_doubt(path, error),
                        None => error,
                    });
                }
                ended => return ended,
            }
        }
    }

    async fn try_to_unsettle(&self, writing: &Writing, paths: &[ObjectPath]) -> Result<BTreeMap<String, Millis>> {
        let Some(before) = &writing.transaction else { return Ok(BTreeMap::new()) };
        loop {
            // A concurrent commit may return the transaction to this branch. After the settle time, no request can take
            // effect any more.
            let prepared = tokio::time::timeout(self.timing.settle, self.prepared(before)).await;
            let Ok(now) = prepared else { return Ok(BTreeMap::new()) };
            let now = now?;
            if now.state != State::Open || now.branch != before.branch {
                return Ok(BTreeMap::new());
            }
            let next = now.with_unsettled(paths.iter().map(ObjectPath::as_str), millis(self.timing.settle));
            fault::before("unsettled").await;
            let stored = self.store.swap(&now, next).await?;
            fault::after("unsettled").await;
            if let Some(stored) = stored {
                let alone = paths.iter().map(ObjectPath::as_str).filter(|path| {
                    // The record of another request is replaced by this one, which then stands for both.
                    now.unsettled_since(path, now.read_at).is_none()
                });
                let until = |path: &str| stored.unsettled.get(path).copied();
                return Ok(alone.filter_map(|path| Some((path.to_owned(), until(path)?))).collect());
            }
        }
    }

    /// Records that an abandoned request has ended, and can no longer change its paths.
    async fn settle(&self, writing: &Writing, recorded: &BTreeMap<String, Millis>) -> Result<()> {
        let Some(before) = &writing.transaction else { return Ok(()) };
        loop {
            let now = self.refreshed(before).await?;
            let next = now.with_settled(recorded);
            if now.state != State::Open || next.unsettled == now.unsettled {
                return Ok(());
            }
            if self.store.swap(&now, next).await?.is_some() {
                return Ok(());
            }
        }
    }

    /// Runs a request that changes paths to completion, even if its caller disconnects. If the caller does, no response
    /// reports the outcome, so the paths are guarded from then on, provided that the request `is_sent`. The guard ends with
    /// the request, unless its response was lost.
    pub(in crate::ops) async fn run_to_completion<T: Send + 'static>(
        self: &Arc<Self>,
        writing: &Writing,
        paths: Vec<ObjectPath>,
        is_sent: impl Fn() -> bool + Send + 'static,
        request: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let gone = CancellationToken::new();
        let _waiting = gone.clone().drop_guard();
        let (ops, writing) = (Arc::clone(self), writing.clone());
        let task = async move {
            let mut request = pin!(request);
            tokio::select! {
                biased;
                ended = request.as_mut() => return ended,
                () = gone.cancelled() => {}
            }
            if !is_sent() {
                return request.await;
            }
            // Boxed: it is rare, and its future is larger than the rest of the task.
            let (ended, guarded) = tokio::join!(request, Box::pin(ops.unsettle(&writing, &paths)));
            let settled = match guarded {
                Ok(recorded) if is_definite(&ended) => Box::pin(ops.settle(&writing, &recorded)).await,
                guarded => guarded.map(drop),
            };
            if let Err(error) = settled {
                tracing::warn!(%error, "cannot guard the paths of a request whose caller has disconnected, or end the guard");
            }
            ended
        };
        let task = self.tasks.spawn(waiting::inherit(task).in_current_span());
        task.await.map_err(|error| Error::new(Kind::Internal, "the task of the request failed").caused_by(error))?
    }

    /// Records a request that changes paths, and runs it to completion. For requests without bytes of the caller.
    ///
    /// # Errors
    /// Those of the request and of [`record_in_flight`](Self::record_in_flight).
    pub(in crate::ops) async fn run_recorded<T: Send + 'static>(
        self: &Arc<Self>,
        caller: &Caller,
        writing: &Writing,
        paths: Vec<ObjectPath>,
        request: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let record = self.record_in_flight(caller, writing, &paths).await?;
        let recorded = async move {
            let ended = request.await;
            drop(record);
            ended
        };
        self.run_to_completion(writing, paths, || true, recorded).await
    }

    /// Returns the error for a change without bytes whose outcome is unknown. If the response was lost, the change
    /// may still take effect, so its paths are guarded.
    pub(in crate::ops) async fn guard_lost_change(
        &self,
        writing: &Writing,
        paths: &[ObjectPath],
        error: lakefs::Error,
    ) -> Error {
        if !error.is_lost() {
            return error.into();
        }
        if let Err(error) = self.unsettle(writing, paths).await {
            return error;
        }
        match paths.first() {
            Some(path) => in_doubt(path, error),
            None => error.into(),
        }
    }
}

/// Returns whether the result of a request shows that it has ended.
fn is_definite<T>(result: &Result<T>) -> bool {
    match result {
        Ok(_) => true,
        Err(error) => !is_store_failure(error) && !matches!(error.kind(), Kind::WriteInDoubt | Kind::Internal),
    }
}

fn is_store_failure(error: &Error) -> bool {
    matches!(error.kind(), Kind::SessionStoreUnavailable | Kind::StorageFull)
}

/// Rejects a change of a path that an abandoned request may still change.
pub(in crate::ops) fn check_settled(writing: &Writing, path: &ObjectPath) -> Result<()> {
    let check = |row: &Transaction| check_settled_since(row, path.as_str(), row.read_at);
    writing.transaction.as_deref().map_or(Ok(()), check)
}

/// Fails if an abandoned request may have changed the path after `since`, or may still change it.
pub(in crate::ops) fn check_settled_since(transaction: &Transaction, path: &str, since: Millis) -> Result<()> {
    match transaction.unsettled_since(path, since) {
        None => Ok(()),
        Some(until) => {
            let what = format!("an abandoned request for {path:?} may still take effect");
            Err(unsettled(&what, duration(until - transaction.read_at)))
        }
    }
}

/// The error for a write that has ended, if neither its response nor a later check says whether it took effect.
pub(in crate::ops) fn unclear(path: &ObjectPath, error: lakefs::Error) -> Error {
    let message = format!("lakeFS: {error}; {:?} may have been written: retry the write", path.as_str());
    Error::new(Kind::WriteInDoubt, message).caused_by(error)
}

/// The error for a write whose response was lost and whose object was not found.
pub(in crate::ops) fn in_doubt(path: &ObjectPath, cause: impl Into<BoxError>) -> Error {
    Error::new(
        Kind::WriteInDoubt,
        format!(
            "the response to the write of {:?} was lost, so its outcome is unknown: retry the write",
            path.as_str()
        ),
    )
    .caused_by(cause)
}
