//! Beginning a transaction: the row first, then the branch, then the answer.

use super::absent::{no_repository, not_a_branch, not_open};
use super::branches::no_ref;
use super::branching::{Start, branch_at};
use super::end::delete_branches;
use super::{Caller, Ops, Shared};
use crate::error::{Error, Kind, Result};
use crate::fault;
use crate::timing::millis;
use lakeport_lakefs as lakefs;
use lakeport_session::{Begun, Millis, NewTransaction, Options, Transaction};
use lakeport_types::{BranchName, CommitId, Ref, RepositoryId, TransactionId};
use rand::RngExt;
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};
use tracing::Instrument;

/// What a transaction is to begin with.
#[derive(Debug, Clone)]
pub struct Begin {
    /// Repository.
    pub repository: RepositoryId,
    /// Where it begins, and where it is merged.
    pub base_branch: BranchName,
    /// Chosen by the caller, or not.
    pub id: Option<TransactionId>,
    /// How.
    pub options: Options,
    /// The caller's own words about it.
    pub labels: BTreeMap<String, String>,
}

/// Begins a transaction. A repetition with a chosen ID finds the first.
///
/// # Errors
/// `RepositoryNotFound`, `RefNotFound`, `RefNotABranch`, `TransactionExists`, `BranchExists` for the branch to keep,
/// `TooManyTransactions`.
pub async fn begin(ops: &Shared, caller: &Caller, begin: Begin) -> Result<Transaction> {
    if begin.base_branch.is_transaction() {
        let message = format!("branch {} belongs to another transaction", begin.base_branch);
        return Err(Error::new(Kind::ReservedName, message));
    }
    let owner = caller.principal.to_string();
    if let Some(id) = &begin.id
        && let Some(found) = ops.store.get(&owner, id).await?
    {
        return found_again(ops, caller, &begin, found).await;
    }
    check_quota(ops, &owner).await?;
    let base_commit_id = base_commit(caller, &begin).await?;
    check_kept_branch(caller, &begin).await?;
    let new = NewTransaction {
        id: begin.id.clone().unwrap_or_else(|| TransactionId::random(rand::rng().random())),
        owner,
        repository: begin.repository.clone(),
        base_branch: begin.base_branch.clone(),
        base_commit_id,
        branch: BranchName::for_transaction(now(), rand::rng().random()),
        options: begin.options.clone(),
        labels: begin.labels.clone(),
    };
    fault::before("begun").await;
    let begun = ops.store.begin(new).await?;
    fault::after("begun").await;
    match begun {
        Begun::New(transaction) => with_branch(ops, caller, transaction).await,
        Begun::Existing(found) => found_again(ops, caller, &begin, found).await,
    }
}

/// By the clock of this machine: the row that would know the database's is yet to be made, and days are told by it, not moments.
fn now() -> Millis {
    SystemTime::now().duration_since(UNIX_EPOCH).map(millis).unwrap_or_default()
}

async fn check_quota(ops: &Ops, owner: &str) -> Result<()> {
    let limit = ops.limits.open_transactions;
    if ops.store.count_live(owner).await? < limit {
        return Ok(());
    }
    Err(Error::new(
        Kind::TooManyTransactions,
        format!("{limit} transactions of yours have not ended: commit or roll back some"),
    ))
}

/// A repetition is the same transaction if it asks for the same.
async fn found_again(ops: &Shared, caller: &Caller, begin: &Begin, found: Transaction) -> Result<Transaction> {
    let is_same = found.repository == begin.repository
        && found.base_branch == begin.base_branch
        && found.options == begin.options
        && found.labels == begin.labels;
    if !is_same {
        return Err(Error::new(
            Kind::TransactionExists,
            format!("transaction {} was begun with other options: choose another ID", found.id),
        )
        .about([found.id.as_str()]));
    }
    let now = ops.refreshed(&found).await?;
    if now.state == lakeport_session::State::Open && now.epoch == 0 {
        return with_branch(ops, caller, now).await;
    }
    Ok(now)
}

/// Makes the branch of a transaction, in a task: a caller that goes away leaves no branch that nobody knows.
async fn with_branch(ops: &Shared, caller: &Caller, transaction: Transaction) -> Result<Transaction> {
    if transaction.options.read_only {
        return Ok(transaction);
    }
    let (task_ops, caller) = (ops.clone(), caller.clone());
    let making = async move {
        match make_branch(&caller, &transaction).await {
            Ok(()) => still_open(&task_ops, &caller, transaction).await,
            Err(error) => {
                // A try before the last may still have its effect.
                expect_late(&task_ops, &transaction).await?;
                Err(caller.explain(error.into()).await)
            }
        }
    };
    let making = ops.tasks.spawn(making.in_current_span());
    making.await.map_err(|error| Error::new(Kind::Internal, "the branch was not made").caused_by(error))?
}

/// The name of the branch is random and in the row: one that is there is our own earlier try.
async fn make_branch(caller: &Caller, transaction: &Transaction) -> lakefs::Result<()> {
    let mut tries_left = 2;
    loop {
        fault::before("branched").await;
        let made =
            branch_at(&caller.lakefs, &transaction.repository, &transaction.branch, Start::of(transaction)).await;
        fault::after("branched").await;
        match made {
            // A second try finds the first, if it happened.
            Err(error) if error.retry() != lakefs::Retry::Never && tries_left > 0 => tries_left -= 1,
            made => return made,
        }
    }
}

/// A branch that was made for a transaction that has ended meanwhile is known to nobody: it goes at once, or by the janitor.
async fn still_open(ops: &Ops, caller: &Caller, transaction: Transaction) -> Result<Transaction> {
    let now = ops.refreshed(&transaction).await?;
    if !now.state.is_final() {
        return Ok(now);
    }
    if delete_branches(&caller.lakefs, &now).await.is_err() {
        expect_late(ops, &now).await?;
    }
    Err(not_open(&now, now.state))
}

/// Notes that the branch may still be made, or is there, whatever becomes of the transaction.
async fn expect_late(ops: &Ops, transaction: &Transaction) -> Result<()> {
    loop {
        let now = ops.refreshed(transaction).await?;
        let expecting = now.awaiting_late_branch(millis(ops.timing.settle));
        if ops.store.swap(&now, expecting).await?.is_some() {
            return Ok(());
        }
    }
}

async fn base_commit(caller: &Caller, begin: &Begin) -> Result<CommitId> {
    let (repository, branch) = (&begin.repository, &begin.base_branch);
    let error = match caller.lakefs.branch(repository, branch).await {
        Ok(found) => {
            return CommitId::try_from(found.commit_id)
                .map_err(|error| Error::new(Kind::Internal, "lakeFS answered with no commit ID").caused_by(error));
        }
        Err(error) => error,
    };
    match error.kind() {
        lakefs::Kind::RepositoryNotFound => Err(no_repository(repository)),
        lakefs::Kind::BranchNotFound => match caller.lakefs.get_commit(repository, &Ref::from(branch)).await {
            Ok(_) => Err(not_a_branch(branch.as_str())),
            Err(_) => Err(no_ref(repository, branch.as_str())),
        },
        _ => Err(caller.explain(error.into()).await),
    }
}

/// The branch that is to be kept must not be there yet.
async fn check_kept_branch(caller: &Caller, begin: &Begin) -> Result<()> {
    let Some(name) = &begin.options.kept_branch else { return Ok(()) };
    let branch = BranchName::try_from(name.as_str()).map_err(|error| Error::field("branch", error))?;
    match caller.lakefs.branch(&begin.repository, &branch).await {
        Ok(_) => Err(Error::new(Kind::BranchExists, format!("branch {branch} is there: choose another name to keep"))
            .about([branch.as_str()])),
        Err(error) if error.kind() == lakefs::Kind::BranchNotFound => Ok(()),
        Err(error) => Err(caller.explain(error.into()).await),
    }
}
