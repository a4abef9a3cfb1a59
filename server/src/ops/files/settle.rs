//! Decides whether a write may be acknowledged.
//!
//! A write in a transaction can run concurrently with a commit, or with an earlier request whose response was lost and
//! that may still take effect. These functions read the row and lakeFS to find the outcome, and guard paths whose
//! outcome is unknown. They never guess.

use crate::auth::Caller;
use crate::error::{BoxError, Error, Kind, Result};
use crate::fault;
use crate::ops::context::Ops;
use crate::ops::errors::{SETTLE_LIMIT, not_open, unsettled};
use crate::ops::writing::Writing;
use crate::timing::duration;
use crate::timing::millis;
use lakeport_lakefs::{self as lakefs, ObjectStats};
use lakeport_transactions::{Millis, State, Transaction};
use lakeport_types::{ObjectPath, Ref, RepositoryId};
use lakeport_waiting as waiting;
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

/// Maximum time that a write waits for the prepared commit of a concurrent commit.
const WAIT_LIMIT: Duration = Duration::from_secs(60);

/// Interval at which a waiting write reads the row, since another process may write it.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Pause between attempts to store that paths are unsettled.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// Effect of a write on a path.
#[derive(Debug, Clone)]
pub(in crate::ops) enum Change {
    /// The path has this object. lakeFS confirmed it, or its idempotency key shows whose it is.
    Put(Box<ObjectStats>),
    /// The path has this object. lakeFS's response was lost, and the object was found. The write guards the path itself.
    Found(Box<ObjectStats>),
    /// The path has no object.
    Deleted(ObjectPath),
}

impl Change {
    /// Marks an object as one whose path the write has guarded itself.
    pub(in crate::ops) fn guarded(self) -> Self {
        match self {
            Self::Put(stats) => Self::Found(stats),
            change => change,
        }
    }

    pub(in crate::ops) fn path(&self) -> &str {
        match self {
            Self::Put(stats) | Self::Found(stats) => &stats.path,
            Self::Deleted(path) => path.as_str(),
        }
    }

    /// Returns the object at the path, if there is one.
    pub(in crate::ops) fn into_stats(self) -> Option<ObjectStats> {
        match self {
            Self::Put(stats) | Self::Found(stats) => Some(*stats),
            Self::Deleted(_) => None,
        }
    }
}

impl Ops {
    /// Decides for each change whether it may be acknowledged.
    ///
    /// Reads the row again. If a commit has started since the write began, this checks in lakeFS whether the prepared
    /// commit, or the reopened branch, contains the change. A rejected change is in no commit, now or later.
    ///
    /// # Errors
    /// If nothing is known about any of the changes.
    pub(in crate::ops) async fn acknowledge(
        &self,
        caller: &Caller,
        writing: &Writing,
        changes: &[Change],
    ) -> Result<Vec<Result<()>>> {
        let Some(before) = &writing.transaction else { return Ok(changes.iter().map(|_| Ok(())).collect()) };
        let mut now = self.refreshed(before).await?;
        if is_undisturbed(before, &now, changes) {
            return Ok(changes.iter().map(|_| Ok(())).collect());
        }
        // Boxed: it is rare, and its future is larger than the rest of a write.
        Box::pin(async {
            if is_same_epoch(before, &now) {
                let paths: Vec<&str> = changes.iter().map(Change::path).collect();
                now = match self.wait_until_settled(caller, before, &paths).await {
                    Ok(now) => now,
                    Err(error) if changes.len() == 1 => return Ok(vec![Err(error)]),
                    Err(_) => self.refreshed(before).await?,
                };
            }
            match is_same_epoch(before, &now) {
                true => Ok(self.still_there(caller, before, &now, changes).await),
                false => self.contained_in_commit(caller, before, changes).await,
            }
        })
        .await
    }

    /// Decides for each change in an open transaction whether it may be acknowledged, although an abandoned request may have changed
    /// its path.
    async fn still_there(
        &self,
        caller: &Caller,
        before: &Transaction,
        now: &Transaction,
        changes: &[Change],
    ) -> Vec<Result<()>> {
        let live = Ref::from(&now.branch);
        let mut outcomes = Vec::with_capacity(changes.len());
        for change in changes {
            let disturbed = check_undisturbed(before, now, change);
            let settled = check_settled_since(now, change.path(), now.read_at);
            outcomes.push(match (disturbed, settled) {
                (Ok(()), _) => Ok(()),
                (Err(_), Err(error)) => Err(error),
                // No abandoned request can change the path any more, but one may have done so.
                (Err(_), Ok(())) => match contains(caller, &now.repository, &live, change).await {
                    Ok(true) => Ok(()),
                    Ok(false) => Err(overwritten(change.path())),
                    Err(error) => Err(error),
                },
            });
        }
        outcomes
    }

    /// Decides for each change whether it may be acknowledged, after a commit has started.
    async fn contained_in_commit(
        &self,
        caller: &Caller,
        before: &Transaction,
        changes: &[Change],
    ) -> Result<Vec<Result<()>>> {
        let now = self.wait_until_prepared(caller, before).await?;
        let at = ref_with_writes(&now)?;
        let mut outcomes = Vec::with_capacity(changes.len());
        for change in changes {
            outcomes.push(match contains(caller, &now.repository, &at, change).await {
                Ok(true) => Ok(()),
                Ok(false) => Err(rejected_by(&now)),
                Err(error) => Err(error),
            });
        }
        Ok(outcomes)
    }

    /// Returns the object at a path if it has this metadata, for a transaction that moved to another branch or to its
    /// commit during the write.
    ///
    /// # Errors
    /// The error for the state of the transaction, if the object does not have this metadata; `WriteInDoubt`.
    pub(in crate::ops) async fn confirm_metadata(
        &self,
        caller: &Caller,
        before: &Transaction,
        path: &ObjectPath,
        metadata: &BTreeMap<String, String>,
    ) -> Result<ObjectStats> {
        let now = self.wait_until_prepared(caller, before).await?;
        match caller.lakefs.stat(&now.repository, &ref_with_writes(&now)?, path).await {
            Ok(stats) if stats.metadata == *metadata => Ok(stats),
            Ok(_) => Err(rejected_by(&now)),
            Err(error) if error.kind() == lakefs::Kind::NotFound => Err(rejected_by(&now)),
            Err(error) => Err(in_doubt(path, error)),
        }
    }

    /// Decides whether a write with one change may be acknowledged.
    ///
    /// # Errors
    /// As [`acknowledge`](Self::acknowledge).
    pub(in crate::ops) async fn acknowledge_one(
        &self,
        caller: &Caller,
        writing: &Writing,
        change: &Change,
    ) -> Result<()> {
        let outcomes = self.acknowledge(caller, writing, std::slice::from_ref(change)).await?;
        outcomes.into_iter().collect()
    }

    async fn wait_until_prepared(&self, caller: &Caller, before: &Transaction) -> Result<Transaction> {
        let prepared = tokio::time::timeout(caller.time_left(WAIT_LIMIT), self.prepared(before)).await;
        prepared.map_err(|_| {
            Error::new(
                Kind::WriteInDoubt,
                "a commit is running, and it is not known yet whether it contains this write: retry the write",
            )
        })?
    }

    /// Waits until no abandoned request can change these paths any more. Returns the place of the write, as it is then.
    ///
    /// # Errors
    /// `WriteInDoubt` after 5 s, or before the deadline of the caller; for a transaction that is not open any more, the error for its
    /// state.
    pub(in crate::ops) async fn settled(
        &self,
        caller: &Caller,
        writing: Writing,
        paths: &[ObjectPath],
    ) -> Result<Writing> {
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
    async fn wait_until_settled(&self, caller: &Caller, before: &Transaction, paths: &[&str]) -> Result<Transaction> {
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
                // The owner is asked to wait, so the transaction must not expire meanwhile.
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

/// Returns the ref that contains the acknowledged writes: the live branch or the prepared commit.
fn ref_with_writes(now: &Transaction) -> Result<Ref> {
    match (now.state, &now.prepared_commit_id) {
        (State::Open, _) => Ok(Ref::from(&now.branch)),
        (State::Committing | State::Committed, Some(commit)) => Ok(Ref::from(commit)),
        (state, _) => Err(not_open(now, state)),
    }
}

/// The error for a write that a concurrent commit does not contain.
fn rejected_by(now: &Transaction) -> Error {
    not_open(now, if now.state == State::Open { State::Committing } else { now.state })
}

/// Returns whether no commit has started since a write began.
fn is_same_epoch(before: &Transaction, now: &Transaction) -> bool {
    now.state == State::Open && now.epoch == before.epoch
}

/// Returns whether neither a commit nor an abandoned request can have interfered with the changes of a write.
fn is_undisturbed(before: &Transaction, now: &Transaction, changes: &[Change]) -> bool {
    is_same_epoch(before, now) && changes.iter().all(|change| check_undisturbed(before, now, change).is_ok())
}

/// The error for a write whose path an abandoned request has changed afterwards.
fn overwritten(path: &str) -> Error {
    Error::new(
        Kind::WriteInDoubt,
        format!("an abandoned request for {path:?} took effect after this write: retry the write"),
    )
}

/// Checks that no abandoned request can have changed the path since the write began. For a change that was found, the
/// write guards the path itself.
fn check_undisturbed(before: &Transaction, now: &Transaction, change: &Change) -> Result<()> {
    match change {
        Change::Found(_) => Ok(()),
        Change::Put(_) | Change::Deleted(_) => check_settled_since(now, change.path(), before.read_at),
    }
}

/// Rejects a change of a path that an abandoned request may still change.
pub(in crate::ops) fn check_settled(writing: &Writing, path: &ObjectPath) -> Result<()> {
    let check = |row: &Transaction| check_settled_since(row, path.as_str(), row.read_at);
    writing.transaction.as_deref().map_or(Ok(()), check)
}

/// Fails if an abandoned request may have changed the path after `since`, or may still change it.
fn check_settled_since(transaction: &Transaction, path: &str, since: Millis) -> Result<()> {
    match transaction.unsettled_since(path, since) {
        None => Ok(()),
        Some(until) => {
            let what = format!("an abandoned request for {path:?} may still take effect");
            Err(unsettled(&what, duration(until - transaction.read_at)))
        }
    }
}

/// Returns whether a ref contains exactly this change.
async fn contains(caller: &Caller, repository: &RepositoryId, at: &Ref, change: &Change) -> Result<bool> {
    let path = ObjectPath::try_from(change.path()).map_err(|error| Error::field("path", error))?;
    let found = match caller.lakefs.stat(repository, at, &path).await {
        Ok(found) => Some(found),
        Err(error) if error.kind() == lakefs::Kind::NotFound => {
            // Either the object or the ref is missing. Another commit may just have deleted the branch.
            caller.lakefs.get_commit(repository, at).await.map_err(|error| in_doubt(&path, error))?;
            None
        }
        Err(error) => return Err(in_doubt(&path, error)),
    };
    Ok(match (change, found) {
        (Change::Deleted(_), found) => found.is_none(),
        (Change::Put(_) | Change::Found(_), None) => false,
        (Change::Put(put) | Change::Found(put), Some(found)) => {
            found.checksum == put.checksum
                && found.size_bytes == put.size_bytes
                && found.content_type == put.content_type
                && found.metadata == put.metadata
        }
    })
}

impl Ops {
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
