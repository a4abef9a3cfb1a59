//! Beginning a transaction: the row first, then the branch, then where that begins, then the answer.
//!
//! The branch is made from whatever its base is at that moment, and lakeFS's answer says which commit that was: a question before
//! it would be one request more, of something that is not true any more behind it. Until the row has that commit the transaction is
//! known to nobody but its own Begin.

use super::absent::{no_repository, not_a_branch, not_open};
use super::branches::no_ref;
use super::commit::commit_id;
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
        Begun::New(transaction) => with_branch(ops, caller, transaction, Try::First).await,
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
    loop {
        let Some(now) = ops.store.get(&found.owner, &found.id).await? else {
            // The first try was refused meanwhile.
            return Box::pin(self::begin(ops, caller, begin.clone())).await;
        };
        if !now.is_beginning() {
            return Ok(now);
        }
        // The first try must not take the row away any more: this one makes the branch, too.
        if let Some(joined) = ops.store.swap(&now, now.clone()).await? {
            return with_branch(ops, caller, joined, Try::Again).await;
        }
    }
}

/// Which call to begin a transaction it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Try {
    /// Its row is new.
    First,
    /// Another may have made the branch, or be about to.
    Again,
}

/// Makes the branch of a transaction, in a task: a caller that goes away leaves no branch that nobody knows.
async fn with_branch(ops: &Shared, caller: &Caller, row: Transaction, which: Try) -> Result<Transaction> {
    if row.options.read_only {
        return Ok(row);
    }
    let (task_ops, caller) = (ops.clone(), caller.clone());
    let making = async move {
        let Unmade { error, is_nowhere } = match make_branch(&caller, &row).await {
            Ok(base) => return begun_at(&task_ops, &caller, row, commit_id(base)?).await,
            Err(unmade) => unmade,
        };
        if !is_nowhere {
            expect_late(&task_ops, &row).await?;
        } else if which == Try::First {
            // Nothing is left of it, unless somebody joined in meanwhile.
            task_ops.store.remove(&row).await?;
        }
        Err(explained(&caller, &row, error).await)
    };
    let making = ops.tasks.spawn(making.in_current_span());
    making.await.map_err(|error| Error::new(Kind::Internal, "the branch was not made").caused_by(error))?
}

/// Why a branch was not made.
struct Unmade {
    error: lakefs::Error,
    /// No try of this call had its effect, or may still have it.
    is_nowhere: bool,
}

/// Makes the branch from what its base is now, and says which commit that is.
async fn make_branch(caller: &Caller, row: &Transaction) -> Result<String, Unmade> {
    let (mut tries_left, mut is_nowhere) = (2, true);
    loop {
        fault::before("branched").await;
        let made = branch_of_base(caller, row).await;
        fault::after("branched").await;
        let error = match made {
            Ok(base) => return Ok(base),
            Err(error) => error,
        };
        is_nowhere &= !error.is_ambiguous();
        if error.retry() == lakefs::Retry::Never || tries_left == 0 {
            return Err(Unmade { error, is_nowhere });
        }
        tries_left -= 1;
    }
}

/// The name of the branch is random and in the row: one that is there is an earlier try of this transaction, on which nothing is
/// committed before it has begun.
async fn branch_of_base(caller: &Caller, row: &Transaction) -> lakefs::Result<String> {
    let base = Ref::committed(&row.base_branch);
    match caller.lakefs.create_branch(&row.repository, &row.branch, &base, true).await {
        Err(error) if error.kind() == lakefs::Kind::AlreadyExists => {
            Ok(caller.lakefs.branch(&row.repository, &row.branch).await?.commit_id)
        }
        made => made,
    }
}

/// The row says where it begins, unless another try was faster. A branch that was made for a transaction that has ended meanwhile
/// is known to nobody: it goes at once, or by the janitor.
async fn begun_at(ops: &Ops, caller: &Caller, row: Transaction, base: CommitId) -> Result<Transaction> {
    loop {
        let now = ops.refreshed(&row).await?;
        if now.state.is_final() {
            if delete_branches(&caller.lakefs, &now).await.is_err() {
                expect_late(ops, &now).await?;
            }
            return Err(not_open(&now, now.state));
        }
        if !now.is_beginning() {
            return Ok(now);
        }
        fault::before("based").await;
        if let Some(begun) = ops.store.swap(&now, now.begun_at(base.clone())).await? {
            fault::after("based").await;
            return Ok(begun);
        }
    }
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

/// What a refusal to make the branch means. Of the base, lakeFS says the same whether it is a tag, a commit or nothing.
async fn explained(caller: &Caller, row: &Transaction, error: lakefs::Error) -> Error {
    let is_of_base = matches!(
        error.kind(),
        lakefs::Kind::RepositoryNotFound | lakefs::Kind::NotFound | lakefs::Kind::InvalidArgument
    );
    if is_of_base && let Err(told) = head(caller, &row.repository, &row.base_branch).await {
        return told;
    }
    caller.explain(error.into()).await
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
