//! Looking at, keeping, and ending a transaction without publishing it.

use super::locate::not_open;
use super::{Caller, Ops};
use crate::error::{Error, Kind, Result};
use lakeport_lakefs::{self as lakefs, Lakefs};
use lakeport_session::{Filter, Millis, Retention, State, Transaction};
use lakeport_types::{BranchName, Ref, TransactionId};
use rand::RngExt;

/// A transaction.
///
/// # Errors
/// `TransactionNotFound`.
pub async fn get(ops: &Ops, caller: &Caller, id: &TransactionId) -> Result<Transaction> {
    ops.owned(caller, id).await
}

/// The caller's transactions, newest first, from behind one, at most `limit`.
///
/// # Errors
/// As every call.
pub async fn list_transactions(
    ops: &Ops,
    caller: &Caller,
    filter: &Filter,
    after: Option<(Millis, String)>,
    limit: usize,
) -> Result<Vec<Transaction>> {
    let owner = ops.principals.name(caller).await?;
    Ok(ops.store.list(&owner, filter, after, limit).await?)
}

/// Puts off the end of an open transaction.
///
/// # Errors
/// `TransactionNotFound`; the state of one that has ended.
pub async fn keep_alive(ops: &Ops, caller: &Caller, id: &TransactionId) -> Result<Transaction> {
    let transaction = ops.owned(caller, id).await?;
    match transaction.state {
        State::Open => ops.store.renew(&transaction, 1).await?,
        State::Committing => return Ok(transaction),
        ended => return Err(not_open(&transaction, ended)),
    };
    ops.refreshed(&transaction).await
}

/// Ends a transaction without publishing anything. Its branch goes, now or by the janitor.
///
/// # Errors
/// `TransactionNotFound`, `TransactionCommitted`, `TransactionCommitting`.
pub async fn rollback(ops: &Ops, caller: &Caller, id: &TransactionId) -> Result<Transaction> {
    loop {
        let now = ops.owned(caller, id).await?;
        match now.state {
            State::Open => {}
            State::RolledBack | State::Expired => return Ok(now),
            other => return Err(not_open(&now, other)),
        }
        if !now.is_unattended() {
            return Err(Error::new(
                Kind::TransactionCommitting,
                format!("a commit is being made in transaction {id}: try again"),
            )
            .retry_in(std::time::Duration::from_millis(200)));
        }
        let next = now.rolled_back().map_err(|state| not_open(&now, state.0))?;
        if let Some(ended) = ops.store.swap(&now, next).await? {
            return Ok(clean(ops, &caller.lakefs, ended).await);
        }
    }
}

/// Ends an open transaction that is overdue.
///
/// # Errors
/// When the store fails.
pub async fn expire(ops: &Ops, transaction: &Transaction) -> Result<()> {
    let Ok(next) = transaction.expired() else { return Ok(()) };
    if let Some(ended) = ops.store.swap(transaction, next).await? {
        clean(ops, &ops.service, ended).await;
    }
    Ok(())
}

/// Deletes the branches of a transaction that has ended, and keeps what is to be kept. A failure is left to the janitor.
pub async fn clean(ops: &Ops, lakefs: &Lakefs, ended: Transaction) -> Transaction {
    match try_clean(ops, lakefs, &ended).await {
        Ok(clean) => clean,
        Err(error) => {
            tracing::warn!(transaction.id = %ended.id, %error, "the branches of an ended transaction are still there");
            ended
        }
    }
}

async fn try_clean(ops: &Ops, lakefs: &Lakefs, ended: &Transaction) -> Result<Transaction> {
    let kept_branch = keep(lakefs, ended).await?;
    delete_branches(lakefs, ended).await?;
    let next = Transaction { is_clean: true, kept_branch, ..ended.clone() };
    match ops.store.swap(ended, next).await? {
        Some(clean) => Ok(clean),
        None => ops.refreshed(ended).await,
    }
}

/// Deletes every branch that a transaction may have.
pub(super) async fn delete_branches(lakefs: &Lakefs, transaction: &Transaction) -> Result<()> {
    for branch in transaction.branches() {
        match lakefs.delete_branch(&transaction.repository, &branch).await {
            Ok(()) => {}
            Err(error) if is_gone(error.kind()) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn is_gone(kind: lakefs::Kind) -> bool {
    matches!(kind, lakefs::Kind::BranchNotFound | lakefs::Kind::NotFound | lakefs::Kind::RepositoryNotFound)
}

/// Makes the branch that is kept, where one is to be.
async fn keep(lakefs: &Lakefs, ended: &Transaction) -> Result<Option<BranchName>> {
    let merges = ended.commit_request.as_ref().is_none_or(|request| request.merge);
    let is_kept = match ended.options.retention {
        _ if ended.options.read_only => false,
        Retention::Keep => true,
        Retention::KeepOnFailure => ended.state != State::Committed,
        Retention::Delete => ended.state == State::Committed && !merges,
    };
    if !is_kept || ended.kept_branch.is_some() {
        return Ok(ended.kept_branch.clone());
    }
    let name = match &ended.options.kept_branch {
        Some(name) => BranchName::try_from(name.as_str()).map_err(|error| Error::field("branch", error))?,
        None => BranchName::try_from(format!("lakeport-kept-{:032x}", rand::rng().random::<u128>()))
            .map_err(|error| Error::field("branch", error))?,
    };
    let source = match &ended.prepared_commit_id {
        Some(commit) => Ref::from(commit),
        None => Ref::from(&ended.branch),
    };
    match lakefs.create_branch(&ended.repository, &name, &source, false).await {
        Ok(_) => Ok(Some(name)),
        Err(error) if error.kind() == lakefs::Kind::AlreadyExists => Ok(Some(name)),
        Err(error) if is_gone(error.kind()) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
