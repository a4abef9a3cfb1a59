//! `TransactionService.CommitTransaction`.
//!
//! Publishes a transaction atomically and at most once. Every retry returns the same outcome.
//!
//! The call stores the request first. Then a separate task (`worker`) commits, merges and stores the result, even if
//! the caller disconnects. If no worker has a valid lease on the row, a retry starts a new worker.

mod resolve;
mod worker;

pub use resolve::Resolution;
pub use worker::{resolve_abandoned, roll_back_abandoned, rollback_in_progress};

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::fault;
use crate::ops::context::Shared;
use crate::ops::errors::{SETTLE_LIMIT, base_of, not_open, tag_exists, unknown_transaction, unsettled};
use crate::ops::metadata::check_commit;
use crate::ops::transactions::failure::failure_of;
use crate::ops::transactions::list_transaction_changes::{Conflicts, changes_of};
use crate::timing::duration;
use lakeport_lakefs as lakefs;
use lakeport_transactions::{CommitRequest, State, Strategy, Transaction};
use lakeport_types::{Prefix, TransactionId};
use lakeport_waiting as waiting;
use resolve::CHERRY_PICKED;
use std::time::{Duration, Instant};
use worker::Worker;

/// Parameters of a commit.
#[derive(Debug, Clone)]
pub struct Commit {
    /// Request, which is stored in the row so that any worker can finish the commit.
    pub request: CommitRequest,
    /// Whether to change nothing and only report conflicts.
    pub validate_only: bool,
    /// Precondition: the transaction has this epoch.
    pub if_epoch: Option<i64>,
}

/// Interval at which a waiting call reads the row, since another process may write it.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Maximum time that a call waits for the outcome. A deadline of the caller can shorten it.
const WAIT_LIMIT: Duration = Duration::from_secs(120);

/// Maximum number of conflicting paths that an error names.
pub(in crate::ops) const NAMED_CONFLICTS: usize = 10;

/// Commits a transaction and merges it into its base.
///
/// # Errors
/// - `MergeConflict`, `HookRejected`, `BaseDirty`, `BranchProtected`, `PermissionDenied`: the commit failed and the
///   transaction is open again.
/// - `CommitInDoubt`: the commit continues; retry for its outcome.
/// - `TagExists`, `EpochMismatch`: no commit was started.
pub async fn commit_transaction(
    ops: &Shared,
    caller: &Caller,
    id: &TransactionId,
    commit: Commit,
) -> Result<Transaction> {
    check_commit(&commit.request.message, &commit.request.metadata)?;
    reject_cherry_pick_key(&commit.request)?;
    let give_up = Instant::now() + caller.time_left(SETTLE_LIMIT);
    let mut writes = ops.store.watch(id);
    loop {
        let now = ops.owned(caller, id).await?;
        match now.state {
            _ if has_other_request(&now, &commit) => return Err(not_open(&now, now.state)),
            State::Committed => return Ok(now),
            State::RolledBack | State::Expired => return Err(not_open(&now, now.state)),
            State::Committing if commit.validate_only => return Err(not_open(&now, now.state)),
            State::Committing => return join(ops, caller, now).await,
            State::Open => {}
        }
        if let Some(expected) = commit.if_epoch.filter(|expected| *expected != now.epoch) {
            let message = format!(
                "transaction {id} has epoch {}, and if_epoch is {expected}: check its state with GetTransaction",
                now.epoch
            );
            return Err(Error::new(Kind::EpochMismatch, message));
        }
        if commit.validate_only {
            return validate(ops, caller, now, &commit.request).await;
        }
        if now.options.read_only {
            reject_commit_parameters(&commit.request)?;
            match end_read_only(ops, &now).await? {
                Some(ended) => return Ok(ended),
                None => continue,
            }
        }
        check_tags(caller, &now, &commit.request).await?;
        if let Err(error) = check_ready(&now) {
            // The owner waits and retries, so the transaction must not expire before.
            ops.touch(&now).await?;
            if Instant::now() >= give_up {
                return Err(error);
            }
            writes.next(POLL_INTERVAL.min(give_up - Instant::now())).await;
            continue;
        }
        if let Some(started) = start(ops, caller, &now, commit.request.clone()).await? {
            let epoch = started.epoch;
            return wait_for_outcome(ops, caller, started, epoch).await;
        }
    }
}

/// Rejects the metadata key by which lakeFS marks cherry-picks. The search for the merge of a transaction ignores
/// commits with this key.
fn reject_cherry_pick_key(request: &CommitRequest) -> Result<()> {
    match request.metadata.contains_key(CHERRY_PICKED) {
        false => Ok(()),
        true => Err(Error::new(
            Kind::ReservedName,
            format!("metadata key {CHERRY_PICKED:?} is reserved: lakeFS marks cherry-picks with it; use another key"),
        )),
    }
}

/// OPEN -> COMMITTING, and starts a worker. This runs in a task, so that a disconnecting caller leaves no row without a
/// worker. Returns `None` if another writer changed the row first.
async fn start(
    ops: &Shared,
    caller: &Caller,
    now: &Transaction,
    request: CommitRequest,
) -> Result<Option<Transaction>> {
    let next = now.start_commit(request, &ops.worker).map_err(|state| not_open(now, state.0))?;
    let (task_ops, caller, now) = (ops.clone(), caller.clone(), now.clone());
    let starting = ops.tasks.spawn(waiting::inherit(async move {
        fault::before("committing").await;
        let Some(started) = task_ops.store.swap(&now, next).await? else { return Ok(None) };
        fault::after("committing").await;
        spawn_worker(&task_ops, &caller, started.clone());
        Ok(Some(started))
    }));
    starting
        .await
        .map_err(|error| Error::new(Kind::Internal, "the task that starts the commit failed").caused_by(error))?
}

/// Waits for a commit in progress. If no worker has its lease, starts one.
async fn join(ops: &Shared, caller: &Caller, now: Transaction) -> Result<Transaction> {
    let epoch = now.epoch;
    if now.is_unattended() {
        take_over(ops, caller, &now).await?;
    }
    wait_for_outcome(ops, caller, now, epoch).await
}

/// Takes over a commit without a worker, unless another process takes it over first.
async fn take_over(ops: &Shared, caller: &Caller, row: &Transaction) -> Result<()> {
    let next = row.take_over(&ops.worker).map_err(|state| not_open(row, state.0))?;
    let taken = ops.store.swap(row, next).await.map_err(|error| match Error::from(error) {
        // The earlier worker may have published the commit.
        full if full.kind() == Kind::StorageFull => in_doubt(&row.id).caused_by(full),
        other => other,
    });
    if let Some(taken) = taken? {
        fault::after("taken over").await;
        spawn_worker(ops, caller, taken);
    }
    Ok(())
}

/// Runs a worker in a separate task, which continues if the caller disconnects.
fn spawn_worker(ops: &Shared, caller: &Caller, row: Transaction) {
    let worker = Worker::new(ops.clone(), caller.lakefs.clone(), row);
    let span = tracing::info_span!("commit", transaction.id = %worker.id());
    ops.tasks.spawn(tracing::Instrument::instrument(worker.run(), span));
}

/// Waits for the outcome of the commit with this epoch.
async fn wait_for_outcome(ops: &Shared, caller: &Caller, row: Transaction, epoch: i64) -> Result<Transaction> {
    let outcome = async {
        let mut writes = ops.store.watch(&row.id);
        loop {
            let now = ops.store.get(&row.owner, &row.id).await?;
            let now = now.ok_or_else(|| unknown_transaction(&row.id))?;
            match now.state {
                // A commit of another epoch is also accepted if its request is the same.
                State::Committed if now.epoch == epoch || now.commit_request == row.commit_request => return Ok(now),
                State::Open if now.epoch == epoch => {
                    let unexplained =
                        || Error::new(Kind::CommitInDoubt, "the commit ended without an outcome: retry the request");
                    return Err(failure_of(&now).unwrap_or_else(unexplained));
                }
                State::Committing if now.epoch == epoch => {
                    if now.is_unattended() {
                        match failure_of(&now) {
                            Some(error) => return Err(error),
                            None => take_over(ops, caller, &now).await?,
                        }
                    }
                }
                State::Open => {
                    let message = format!(
                        "this commit of transaction {} and a later commit failed: see the last failure with GetTransaction",
                        row.id
                    );
                    return Err(Error::new(Kind::EpochMismatch, message));
                }
                // Another call has started a new commit or has ended the transaction.
                other => return Err(not_open(&now, other)),
            }
            writes.next(POLL_INTERVAL).await;
        }
    };
    match tokio::time::timeout(caller.time_left(WAIT_LIMIT), outcome).await {
        Ok(outcome) => outcome,
        Err(_) => Err(in_doubt(&row.id)),
    }
}

/// Returns the error for a commit that continues after its caller stops waiting.
pub(in crate::ops) fn in_doubt(id: &TransactionId) -> Error {
    Error::new(
        Kind::CommitInDoubt,
        format!("the commit of transaction {id} is still in progress: retry the same request for its outcome"),
    )
}

/// Rejects tags that already exist, before the commit starts.
async fn check_tags(caller: &Caller, row: &Transaction, request: &CommitRequest) -> Result<()> {
    for tag in request.tag_names() {
        match caller.lakefs.tag(&row.repository, &tag).await {
            Ok(_) => return Err(tag_exists(tag.as_str())),
            Err(error) if error.kind() == lakefs::Kind::TagNotFound => {}
            Err(error) => return Err(caller.explain(error.into()).await),
        }
    }
    Ok(())
}

/// Fails while an abandoned request may still change staged objects, or while a commit inside the transaction is in
/// progress. The error says when to retry.
fn check_ready(row: &Transaction) -> Result<()> {
    if let Some(until) = row.last_unsettled() {
        let what = format!("an abandoned request in transaction {} may still take effect", row.id);
        return Err(unsettled(&what, duration(until - row.read_at)));
    }
    if !row.is_unattended() {
        let message =
            format!("a commit inside transaction {} is in progress: commit again when it has finished", row.id);
        return Err(Error::new(Kind::TransactionCommitting, message).retry_in(Duration::from_millis(200)));
    }
    Ok(())
}

/// Rejects parameters that describe a commit: a read-only transaction creates none.
fn reject_commit_parameters(request: &CommitRequest) -> Result<()> {
    let parameters = [
        ("message", !request.message.is_empty()),
        ("metadata", !request.metadata.is_empty()),
        ("strategy", request.strategy != Strategy::Fail),
        ("squash", request.squash),
        ("skip_merge", !request.merge),
        ("tags", !request.tags.is_empty()),
    ];
    match parameters.into_iter().find(|(_, is_set)| *is_set) {
        None => Ok(()),
        Some((field, _)) => Err(Error::field(field, "must be empty: a read-only transaction publishes nothing")),
    }
}

/// Returns whether the transaction is committing or committed with another request. If so, its outcome does not apply to
/// this request.
fn has_other_request(now: &Transaction, commit: &Commit) -> bool {
    let has_request = matches!(now.state, State::Committing | State::Committed);
    has_request && now.commit_request.as_ref().is_some_and(|request| *request != commit.request)
}

/// Commits a read-only transaction. Its commit ID is the base commit. Returns `None` if another writer changed the
/// row first.
async fn end_read_only(ops: &Shared, row: &Transaction) -> Result<Option<Transaction>> {
    Ok(ops.store.swap(row, row.committed_read_only(base_of(row)?.clone())).await?)
}

async fn validate(ops: &Shared, caller: &Caller, row: Transaction, request: &CommitRequest) -> Result<Transaction> {
    check_tags(caller, &row, request).await?;
    // Without a merge there are no conflicts. A strategy other than `Fail` resolves all conflicts.
    if !request.merge || request.strategy != Strategy::Fail {
        return Ok(row);
    }
    let changes = changes_of(ops, caller, &row, Prefix::default()).await?;
    match changes.conflicts(ops, NAMED_CONFLICTS).await? {
        Conflicts { count: 0, is_incomplete: false, .. } => Ok(row),
        Conflicts { count: 0, is_incomplete: true, .. } => Err(Error::new(
            Kind::DeadlineExceeded,
            "there are too many changes to check within seconds: list conflicts with ListTransactionChanges",
        )),
        found => Err(conflict(row.base_branch.as_str(), found)),
    }
}

/// Returns the error for paths that both sides changed. The paths may be unknown.
fn conflict(base: &str, Conflicts { paths, count, is_incomplete }: Conflicts) -> Error {
    let changed = match (count, is_incomplete) {
        (0, _) => "Some paths were".to_owned(),
        (count, true) => format!("At least {count} paths were"),
        (1, false) => "1 path was".to_owned(),
        (count, false) => format!("{count} paths were"),
    };
    let listed = match &paths[..] {
        [] => String::new(),
        paths => format!(": {}{}", paths.join(", "), if paths.len() < NAMED_CONFLICTS { "" } else { ", …" }),
    };
    let message = format!(
        "{changed} changed both in the transaction and on {base} since it began{listed}; see \
         ListTransactionChanges, then commit with a strategy or roll back"
    );
    Error::new(Kind::MergeConflict, message).about(paths)
}
