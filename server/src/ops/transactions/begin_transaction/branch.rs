//! The branch of a transaction that begins, and what is left where it cannot be made.

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::fault;
use crate::ops::commit_id::commit_id;
use crate::ops::context::{Ops, Shared};
use crate::ops::errors::not_open;
use crate::ops::transactions::begin_transaction::head;
use crate::ops::transactions::branches::delete_branches;
use crate::ops::transactions::rollback_transaction::rollback_transaction;
use crate::timing::millis;
use lakeport_lakefs as lakefs;
use lakeport_transactions::Transaction;
use lakeport_types::Ref;
use tracing::Instrument;

/// Which call to begin a transaction it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Try {
    /// Its row is new, and its ID known to nobody before the answer.
    Only,
    /// Its row is new.
    First,
    /// Another may have made the branch, or be about to.
    Again,
}

/// Makes the branch of a transaction, in a task: a caller that goes away leaves no branch that nobody knows.
pub(super) async fn with_branch(ops: &Shared, caller: &Caller, row: Transaction, which: Try) -> Result<Transaction> {
    if row.options.read_only {
        return Ok(row);
    }
    let (task_ops, caller) = (ops.clone(), caller.clone());
    let making = async move {
        match make_branch(&task_ops, &caller, &row).await {
            Ok(made) => begun_at(&task_ops, &caller, row, made).await,
            Err(unmade) => Err(give_up(&task_ops, &caller, row, which, unmade).await?),
        }
    };
    let making = ops.tasks.spawn(making.in_current_span());
    making.await.map_err(|error| Error::new(Kind::Internal, "the branch was not made").caused_by(error))?
}

/// A branch that is there.
struct Made {
    /// The commit that it was made from, in lakeFS's words.
    base: String,
    /// A try before the last may still have its effect, once this branch is gone.
    is_doubtful: bool,
}

/// Why a branch is not there.
struct Unmade {
    error: lakefs::Error,
    /// A try may have had its effect, or have it yet.
    is_doubtful: bool,
}

/// Makes the branch from what its base is now.
async fn make_branch(ops: &Ops, caller: &Caller, row: &Transaction) -> Result<Made, Unmade> {
    let (mut tries_left, mut is_doubtful) = (2, false);
    loop {
        fault::before("branched").await;
        let made = branch_of_base(caller, row).await;
        fault::after("branched").await;
        let error = match made {
            Ok(base) => return Ok(Made { base, is_doubtful }),
            Err(error) => error,
        };
        is_doubtful |= error.is_ambiguous();
        let may_help = error.retry() != lakefs::Retry::Never && tries_left > 0;
        // A request that is sent behind the end of the transaction could land behind its cleaning.
        if !may_help || !ops.refreshed(row).await.is_ok_and(|now| !now.state.is_final()) {
            return Err(Unmade { error, is_doubtful });
        }
        tries_left -= 1;
    }
}

/// Leaves nothing of a transaction that did not begin, or only what will be cleaned up, and says why it did not.
async fn give_up(ops: &Shared, caller: &Caller, row: Transaction, which: Try, unmade: Unmade) -> Result<Error> {
    match which {
        _ if unmade.is_doubtful => expect_late(ops, &row).await?,
        // Unless somebody joined in meanwhile.
        Try::Only | Try::First => drop(ops.store.remove(&row).await?),
        Try::Again => {}
    }
    match ops.store.get(&row.owner, &row.id).await? {
        Some(ended) if ended.state.is_final() => return Ok(not_open(&ended, ended.state)),
        Some(_) if which == Try::Only => drop(rollback_transaction(ops, caller, &row.id).await?),
        _ => {}
    }
    Ok(explained(caller, &row, unmade.error).await)
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
async fn begun_at(ops: &Ops, caller: &Caller, row: Transaction, made: Made) -> Result<Transaction> {
    let base = commit_id(made.base)?;
    loop {
        let now = ops.refreshed(&row).await?;
        if now.state.is_final() {
            // What is on the branch of one that began by another try may be about to be kept.
            if now.base_commit_id.is_some() || delete_branches(&caller.lakefs, &now).await.is_err() {
                expect_late(ops, &now).await?;
            }
            return Err(not_open(&now, now.state));
        }
        if !now.is_beginning() {
            return Ok(now);
        }
        let begun = now.begun_at(base.clone());
        let begun = if made.is_doubtful { begun.awaiting_late_branch(millis(ops.timing.settle)) } else { begun };
        fault::before("based").await;
        if let Some(begun) = ops.store.swap(&now, begun).await? {
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
