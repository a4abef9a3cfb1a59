//! Publishing a transaction: everything or nothing, once, with a true answer however often it is asked for.
//!
//! The request is stored first; then a task of its own ([`worker`]) commits, merges and stores the result, whoever waits for it.
//! Whoever asks again runs the same task for a row that nobody works on any more.

mod resolve;
mod worker;

pub use resolve::Resolution;
pub use worker::resolve_abandoned;

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::fault;
use crate::ops::context::Shared;
use crate::ops::errors::{base_of, not_open, tag_exists, unknown_transaction};
use crate::ops::metadata::check_metadata;
use crate::ops::transactions::failure::failure_of;
use crate::ops::transactions::list_transaction_changes::{Conflicts, changes_of};
use crate::timing::duration;
use lakeport_lakefs as lakefs;
use lakeport_transactions::{CommitRequest, State, Strategy, Transaction};
use lakeport_types::{Prefix, TransactionId};
use resolve::CHERRY_PICKED;
use std::time::Duration;
use worker::Worker;

/// What a transaction is to be committed with.
#[derive(Debug, Clone)]
pub struct Commit {
    /// Stored, so that anybody can finish it.
    pub request: CommitRequest,
    /// Change nothing, and say what would conflict.
    pub validate_only: bool,
    /// Only if the transaction has this epoch.
    pub if_epoch: Option<i64>,
}

/// How often a waiter looks at the row, which another process may write.
const LOOK: Duration = Duration::from_millis(200);

/// How long a waiter waits without a deadline of its caller's.
const PATIENCE: Duration = Duration::from_secs(120);

/// How many conflicting paths an error names.
pub(in crate::ops) const NAMED_CONFLICTS: usize = 10;

/// Commits a transaction and merges it into its base.
///
/// # Errors
/// `MergeConflict`, `HookRejected`, `BaseDirty`, `BranchProtected`, `PermissionDenied`: the transaction is open again.
/// `CommitInDoubt`: it goes on; ask again. `TagExists`, `EpochMismatch`: nothing was begun.
pub async fn commit_transaction(
    ops: &Shared,
    caller: &Caller,
    id: &TransactionId,
    commit: Commit,
) -> Result<Transaction> {
    check_metadata(&commit.request.metadata)?;
    refuse_the_mark_of_copies(&commit.request)?;
    loop {
        let now = ops.owned(caller, id).await?;
        match now.state {
            _ if is_in_other_words(&now, &commit) => return Err(not_open(&now, now.state)),
            State::Committed => return Ok(now),
            State::RolledBack | State::Expired => return Err(not_open(&now, now.state)),
            State::Committing if commit.validate_only => return Err(not_open(&now, now.state)),
            State::Committing => return join(ops, caller, now).await,
            State::Open => {}
        }
        if let Some(expected) = commit.if_epoch.filter(|expected| *expected != now.epoch) {
            let message = format!("transaction {id} has epoch {}, not {expected}: see GetTransaction", now.epoch);
            return Err(Error::new(Kind::EpochMismatch, message));
        }
        if commit.validate_only {
            return validate(ops, caller, now, &commit.request).await;
        }
        if now.options.read_only {
            refuse_what_only_writers_say(&commit.request)?;
            match end_read_only(ops, &now).await? {
                Some(ended) => return Ok(ended),
                None => continue,
            }
        }
        check_tags(caller, &now, &commit.request).await?;
        wait_until_free(&now).await?;
        if let Some(started) = begin(ops, caller, &now, commit.request.clone()).await? {
            let epoch = started.epoch;
            return wait(ops, caller, started, epoch).await;
        }
    }
}

/// A merge that says it is a copy of another would not be found again.
fn refuse_the_mark_of_copies(request: &CommitRequest) -> Result<()> {
    match request.metadata.contains_key(CHERRY_PICKED) {
        false => Ok(()),
        true => Err(Error::new(
            Kind::ReservedName,
            format!("metadata key {CHERRY_PICKED:?} is reserved: lakeFS tells by it what was cherry-picked"),
        )),
    }
}

/// OPEN -> COMMITTING, and a worker for it: in a task, so that a caller that goes away leaves no row without a worker. `None` if
/// somebody was faster.
async fn begin(
    ops: &Shared,
    caller: &Caller,
    now: &Transaction,
    request: CommitRequest,
) -> Result<Option<Transaction>> {
    let next = now.start_commit(request, &ops.worker).map_err(|state| not_open(now, state.0))?;
    let (task_ops, caller, now) = (ops.clone(), caller.clone(), now.clone());
    let beginning = ops.tasks.spawn(async move {
        fault::before("committing").await;
        let Some(started) = task_ops.store.swap(&now, next).await? else { return Ok(None) };
        fault::after("committing").await;
        start(&task_ops, &caller, started.clone());
        Ok(Some(started))
    });
    beginning.await.map_err(|error| Error::new(Kind::Internal, "the commit did not begin").caused_by(error))?
}

/// Waits for a commit that is under way, and goes on with one that nobody works on.
async fn join(ops: &Shared, caller: &Caller, now: Transaction) -> Result<Transaction> {
    let epoch = now.epoch;
    if now.is_unattended() {
        take_over(ops, caller, &now).await?;
    }
    wait(ops, caller, now, epoch).await
}

/// Goes on with a commit that nobody works on, unless somebody else is faster.
async fn take_over(ops: &Shared, caller: &Caller, row: &Transaction) -> Result<()> {
    let next = row.take_over(&ops.worker).map_err(|state| not_open(row, state.0))?;
    if let Some(taken) = ops.store.swap(row, next).await? {
        fault::after("taken over").await;
        start(ops, caller, taken);
    }
    Ok(())
}

/// Runs the worker in a task of its own, which the caller's going away does not stop.
fn start(ops: &Shared, caller: &Caller, row: Transaction) {
    let worker = Worker::new(ops.clone(), caller.lakefs.clone(), row);
    let span = tracing::info_span!("commit", transaction.id = %worker.id());
    ops.tasks.spawn(tracing::Instrument::instrument(worker.run(), span));
}

/// Waits for the outcome of an epoch.
async fn wait(ops: &Shared, caller: &Caller, row: Transaction, epoch: i64) -> Result<Transaction> {
    let outcome = async {
        let mut writes = ops.store.watch(&row.id);
        loop {
            let now = ops.store.get(&row.owner, &row.id).await?;
            let now = now.ok_or_else(|| unknown_transaction(&row.id))?;
            match now.state {
                // In another epoch by somebody else, but in the same words.
                State::Committed if now.epoch == epoch || now.commit_request == row.commit_request => return Ok(now),
                State::Open if now.epoch == epoch => {
                    let unexplained =
                        || Error::new(Kind::CommitInDoubt, "the commit ended without an outcome: ask again");
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
                    let message = format!("that commit of transaction {} failed, and another has too since", row.id);
                    return Err(Error::new(Kind::EpochMismatch, message));
                }
                // Somebody began another commit since, or ended it.
                other => return Err(not_open(&now, other)),
            }
            writes.next(LOOK).await;
        }
    };
    match tokio::time::timeout(caller.patience(PATIENCE), outcome).await {
        Ok(outcome) => outcome,
        Err(_) => Err(in_doubt(&row.id)),
    }
}

/// A commit that goes on while its caller no longer waits.
pub(in crate::ops) fn in_doubt(id: &TransactionId) -> Error {
    Error::new(Kind::CommitInDoubt, format!("the commit of transaction {id} goes on: ask again for its outcome"))
}

/// Refuses tags that are there, before anything is begun.
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

/// An upload that may still land has to land, or not, before what is staged is committed; and a commit that is being made
/// inside the transaction has to end.
async fn wait_until_free(row: &Transaction) -> Result<()> {
    if let Some(until) = row.last_unsettled() {
        let message = format!("a request in transaction {} was given up and could still land: commit again", row.id);
        return Err(Error::new(Kind::WriteInDoubt, message).retry_in(duration(until - row.read_at)));
    }
    if !row.is_unattended() {
        let message = format!("a commit is being made in transaction {}: commit again", row.id);
        return Err(Error::new(Kind::TransactionCommitting, message).retry_in(Duration::from_millis(200)));
    }
    Ok(())
}

/// A transaction that only reads makes no commit of which anything could be said.
fn refuse_what_only_writers_say(request: &CommitRequest) -> Result<()> {
    let said = [
        ("message", !request.message.is_empty()),
        ("metadata", !request.metadata.is_empty()),
        ("strategy", request.strategy != Strategy::Fail),
        ("squash", request.squash),
        ("skip_merge", !request.merge),
        ("tags", !request.tags.is_empty()),
    ];
    match said.into_iter().find(|(_, is_said)| *is_said) {
        None => Ok(()),
        Some((field, _)) => Err(Error::field(field, "must be empty: a transaction that only reads publishes nothing")),
    }
}

/// Whether what became of it was asked for in other words: a caller must not take it for what he asks for now.
fn is_in_other_words(now: &Transaction, commit: &Commit) -> bool {
    let is_under_way = matches!(now.state, State::Committing | State::Committed);
    is_under_way && now.commit_request.as_ref().is_some_and(|request| *request != commit.request)
}

/// What only read ends as what it read. `None` if somebody was faster.
async fn end_read_only(ops: &Shared, row: &Transaction) -> Result<Option<Transaction>> {
    Ok(ops.store.swap(row, row.committed_read_only(base_of(row)?.clone())).await?)
}

async fn validate(ops: &Shared, caller: &Caller, row: Transaction, request: &CommitRequest) -> Result<Transaction> {
    check_tags(caller, &row, request).await?;
    // A strategy decides every conflict, and what is not merged has none.
    if !request.merge || request.strategy != Strategy::Fail {
        return Ok(row);
    }
    let changes = changes_of(ops, caller, &row, Prefix::default()).await?;
    match changes.conflicts(ops, NAMED_CONFLICTS).await? {
        Conflicts { count: 0, are_more: false, .. } => Ok(row),
        Conflicts { count: 0, are_more: true, .. } => Err(Error::new(
            Kind::DeadlineExceeded,
            "there are too many changes to look through in seconds: see ListTransactionChanges",
        )),
        found => Err(conflict(row.base_branch.as_str(), found)),
    }
}

/// Paths that both sides changed. Which, may not be known.
fn conflict(base: &str, Conflicts { paths, count, are_more }: Conflicts) -> Error {
    let changed = match (count, are_more) {
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
        "{changed} changed in the transaction and on {base} since it began{listed}; see \
         ListTransactionChanges, and commit with a strategy or roll back"
    );
    Error::new(Kind::MergeConflict, message).about(paths)
}
