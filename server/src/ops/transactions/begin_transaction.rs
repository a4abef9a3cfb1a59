//! `TransactionService.BeginTransaction`.
//!
//! Begin stores the row, creates the branch, stores the base commit, and then responds. lakeFS creates the branch from
//! the current head of the base branch and returns the commit ID of this head. Reading the head before would cost one
//! more request, and the head could change before the branch is created. Until the row has the base commit, only Begin
//! calls with the same ID and a rollback find the transaction.

mod branch;

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::fault;
use crate::ops::commit_id::commit_id;
use crate::ops::context::{Ops, Shared};
use crate::ops::errors::{no_ref, no_repository, not_a_branch};
use crate::timing::millis;
use branch::{Attempt, create_branch};
use lakeport_lakefs as lakefs;
use lakeport_transactions::{Begun, Millis, NewTransaction, Options, Transaction};
use lakeport_types::{BranchName, CommitId, Ref, RepositoryId, TransactionId};
use rand::RngExt;
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

/// Parameters of a begin.
#[derive(Debug, Clone)]
pub struct Begin {
    /// Repository of the transaction.
    pub repository: RepositoryId,
    /// Branch to begin from and to merge into.
    pub base_branch: BranchName,
    /// ID that the caller chose. `None`: the server generates one.
    pub id: Option<TransactionId>,
    /// Timeouts, access mode and branch retention.
    pub options: Options,
    /// Labels that the caller chose.
    pub labels: BTreeMap<String, String>,
}

/// Begins a transaction. A retry with the same chosen ID and the same parameters returns the same transaction.
///
/// # Errors
/// `RepositoryNotFound`, `RefNotFound`, `RefNotABranch`, `ReservedName` for the branch of another transaction as base,
/// `TransactionExists` for a reused ID, `BranchExists` for the branch to keep, `TooManyTransactions`.
pub async fn begin_transaction(ops: &Shared, caller: &Caller, begin: Begin) -> Result<Transaction> {
    if begin.base_branch.is_transaction() {
        let message = format!(
            "base_branch {} is the branch of another transaction: begin from another branch",
            begin.base_branch
        );
        return Err(Error::new(Kind::ReservedName, message));
    }
    let owner = caller.principal.to_string();
    if let Some(id) = &begin.id
        && let Some(found) = ops.store.get(&owner, id).await?
    {
        return join_existing(ops, caller, &begin, found).await;
    }
    check_quota(ops, &owner).await?;
    check_kept_branch(caller, &begin).await?;
    // A read-only transaction creates no branch, so no response of lakeFS contains the base commit.
    let base_commit_id = match begin.options.read_only {
        true => Some(head(caller, &begin.repository, &begin.base_branch).await?),
        false => None,
    };
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
        Begun::New(row) => {
            let attempt = if begin.id.is_some() { Attempt::First } else { Attempt::Only };
            create_branch(ops, caller, row, attempt).await
        }
        Begun::Existing(found) => join_existing(ops, caller, &begin, found).await,
    }
}

/// Returns the time by the clock of this machine. It becomes part of the branch name, from which `sweep` computes the age
/// of a branch in days. This needs no query of the database's clock.
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
        format!("you have {limit} unfinished transactions, the maximum: commit or roll back some"),
    ))
}

/// Returns the existing transaction for a retry with the same parameters. If its begin has not completed, completes it.
async fn join_existing(ops: &Shared, caller: &Caller, begin: &Begin, found: Transaction) -> Result<Transaction> {
    let mut now = found;
    loop {
        check_same_request(begin, &now)?;
        if !now.is_beginning() {
            return Ok(now);
        }
        // The first attempt may have died, so this attempt also creates the branch. It changes the row first: a failed
        // first attempt removes only an unchanged row.
        let joined = now.awaiting_late_branch(millis(ops.timing.settle));
        if let Some(joined) = ops.store.swap(&now, joined).await? {
            return create_branch(ops, caller, joined, Attempt::Joined).await;
        }
        now = match ops.store.get(&now.owner, &now.id).await? {
            Some(now) => now,
            // The first attempt failed and removed the row.
            None => return Box::pin(begin_transaction(ops, caller, begin.clone())).await,
        };
    }
}

fn check_same_request(begin: &Begin, found: &Transaction) -> Result<()> {
    let is_same = found.repository == begin.repository
        && found.base_branch == begin.base_branch
        && found.options == begin.options
        && found.labels == begin.labels;
    if is_same {
        return Ok(());
    }
    let message = format!("transaction {} exists with other parameters: choose another transaction_id", found.id);
    Err(Error::new(Kind::TransactionExists, message).about([found.id.as_str()]))
}

/// Returns the head commit of a branch.
async fn head(caller: &Caller, repository: &RepositoryId, branch: &BranchName) -> Result<CommitId> {
    let error = match caller.lakefs.branch(repository, branch).await {
        Ok(found) => return commit_id(found.commit_id),
        Err(error) => error,
    };
    match error.kind() {
        lakefs::Kind::RepositoryNotFound => Err(no_repository(repository)),
        lakefs::Kind::BranchNotFound => match caller.lakefs.check_ref(repository, &Ref::from(branch)).await {
            Ok(()) => Err(not_a_branch(branch.as_str())),
            Err(_) => Err(no_ref(repository, branch.as_str())),
        },
        _ => Err(caller.explain(error.into()).await),
    }
}

/// Checks that the branch to keep does not exist yet.
async fn check_kept_branch(caller: &Caller, begin: &Begin) -> Result<()> {
    let Some(name) = &begin.options.kept_branch else { return Ok(()) };
    let branch = BranchName::try_from(name.as_str()).map_err(|error| Error::field("branch", error))?;
    match caller.lakefs.branch(&begin.repository, &branch).await {
        Ok(_) => Err(Error::new(
            Kind::BranchExists,
            format!("branch {branch} exists: choose another name for the branch to keep"),
        )
        .about([branch.as_str()])),
        Err(error) if error.kind() == lakefs::Kind::BranchNotFound => Ok(()),
        Err(error) if error.kind() == lakefs::Kind::RepositoryNotFound => Err(no_repository(&begin.repository)),
        Err(error) => Err(caller.explain(error.into()).await),
    }
}
