//! Beginning a transaction: the row first, then the branch, then where that begins, then the answer.
//!
//! The branch is made from whatever its base is at that moment, and lakeFS's answer says which commit that was: a question before
//! it would be one request more, of something that is not true any more behind it. Until the row has that commit the transaction is
//! known to nobody but its own Begin.

mod branch;

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::fault;
use crate::ops::commit_id::commit_id;
use crate::ops::context::{Ops, Shared};
use crate::ops::errors::{no_ref, no_repository, not_a_branch};
use crate::timing::millis;
use branch::{Try, with_branch};
use lakeport_lakefs as lakefs;
use lakeport_transactions::{Begun, Millis, NewTransaction, Options, Transaction};
use lakeport_types::{BranchName, CommitId, Ref, RepositoryId, TransactionId};
use rand::RngExt;
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

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
pub async fn begin_transaction(ops: &Shared, caller: &Caller, begin: Begin) -> Result<Transaction> {
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
    check_kept_branch(caller, &begin).await?;
    // It has no branch that would say.
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
            let which = if begin.id.is_some() { Try::First } else { Try::Only };
            with_branch(ops, caller, row, which).await
        }
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
    let mut now = found;
    loop {
        refuse_another(begin, &now)?;
        if !now.is_beginning() {
            return Ok(now);
        }
        // Of the first try nobody knows what becomes; and it must not take the row away any more: this one makes the branch, too.
        let joined = now.awaiting_late_branch(millis(ops.timing.settle));
        if let Some(joined) = ops.store.swap(&now, joined).await? {
            return with_branch(ops, caller, joined, Try::Again).await;
        }
        now = match ops.store.get(&now.owner, &now.id).await? {
            Some(now) => now,
            // The first try was refused meanwhile.
            None => return Box::pin(begin_transaction(ops, caller, begin.clone())).await,
        };
    }
}

fn refuse_another(begin: &Begin, found: &Transaction) -> Result<()> {
    let is_same = found.repository == begin.repository
        && found.base_branch == begin.base_branch
        && found.options == begin.options
        && found.labels == begin.labels;
    if is_same {
        return Ok(());
    }
    let message = format!("transaction {} was begun with other options: choose another ID", found.id);
    Err(Error::new(Kind::TransactionExists, message).about([found.id.as_str()]))
}

/// The commit that a branch has now.
async fn head(caller: &Caller, repository: &RepositoryId, branch: &BranchName) -> Result<CommitId> {
    let error = match caller.lakefs.branch(repository, branch).await {
        Ok(found) => return commit_id(found.commit_id),
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
        Err(error) if error.kind() == lakefs::Kind::RepositoryNotFound => Err(no_repository(&begin.repository)),
        Err(error) => Err(caller.explain(error.into()).await),
    }
}
