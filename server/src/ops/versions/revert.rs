//! `VersionService.Revert`.

use super::marked_commit::marked_commit;
use super::merging::{HeadAndCommit, head, parent_refused};
use super::once::{CallId, Found, Once, REQUEST_ID, Sent, earlier_result, once};
use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::ops::context::{Ops, Shared};
use crate::ops::lease::{MADE_IN, under_lease};
use crate::ops::metadata::check_commit;
use crate::ops::place::Place;
use crate::ops::writing::Writing;
use crate::timing::millis;
use lakeport_lakefs::{self as lakefs, Commit};
use lakeport_transactions::Transaction;
use lakeport_types::Ref;
use std::collections::BTreeMap;

/// Parameters of a revert.
#[derive(Debug, Clone)]
pub struct NewRevert {
    /// The commit to revert.
    pub target: Ref,
    /// For a merge: the parent to revert to; 1 is the first. 0 for other commits.
    pub parent: u32,
    /// Message. If empty, lakeFS names the reverted commit.
    pub message: String,
    /// Metadata of the caller.
    pub metadata: BTreeMap<String, String>,
}

/// Reverts a commit on a branch, or in a transaction, which stays open.
///
/// # Errors
/// `MergeConflict`, `NoChanges`, `BaseDirty`, `RefNotFound`, those of the place, `RequestInProgress`, `OutcomeUnknown`.
pub async fn revert(ops: &Shared, caller: &Caller, id: &CallId, place: &Place, new: &NewRevert) -> Result<Commit> {
    check_commit(&new.message, &new.metadata)?;
    // The place may have changed since: the transaction may have ended.
    if let Some(made) = earlier_result(ops, caller, id).await? {
        return Ok(made);
    }
    let writing = ops.writing(caller, place).await?;
    once(ops, caller, id, &Call { ops, caller, writing, new }).await
}

struct Call<'c> {
    ops: &'c Shared,
    caller: &'c Caller,
    writing: Writing,
    new: &'c NewRevert,
}

impl Once for Call<'_> {
    type Before = HeadAndCommit;
    type Output = Commit;
    const IS_CONCLUSIVE: bool = true;

    async fn before(&self) -> Result<HeadAndCommit> {
        let head = head(self.ops, self.caller, &self.writing).await?;
        match self.caller.lakefs.get_commit(&self.writing.repository, &self.new.target).await {
            Ok(target) => Ok(HeadAndCommit { head, commit: target.id }),
            Err(error) => Err(self.explain(error).await),
        }
    }

    async fn send(&self, before: &HeadAndCommit, mark: &str) -> Result<Sent<Commit>> {
        let mut new = self.new.clone();
        new.target = before.commit()?;
        new.metadata.insert(REQUEST_ID.into(), mark.to_owned());
        let reverted = match &self.writing.transaction {
            None => Some(send(self.caller.clone(), self.writing.clone(), new).await),
            Some(transaction) => {
                new.metadata.insert(MADE_IN.into(), transaction.id.to_string());
                let request = send(self.caller.clone(), self.writing.clone(), new);
                under_lease(self.ops, transaction, request, without_inner_commit, guarded).await?
            }
        };
        match reverted.map(Sent::from) {
            Some(Sent::Done(())) => self.reverted(&before.head, mark).await,
            Some(Sent::Refused(error)) => Ok(Sent::Refused(error)),
            Some(Sent::Unclear(error)) => Ok(Sent::Unclear(error)),
            Some(Sent::Failed(error) | Sent::Lost(error)) => Ok(Sent::Lost(error)),
            None => {
                let message = "the response to the revert was lost, and the transaction may contain it: see its Log";
                Ok(Sent::Lost(Error::new(Kind::OutcomeUnknown, message)))
            }
        }
    }

    async fn find(&self, before: &HeadAndCommit, mark: &str) -> Result<Found<Commit>> {
        let branch = (&self.writing.repository, &self.writing.branch);
        Ok(marked_commit(self.caller, branch, &before.head, mark).await?.into())
    }

    async fn explain(&self, error: lakefs::Error) -> Error {
        let against = (&self.new.target, Some(self.new.parent).filter(|parent| *parent > 0));
        parent_refused(self.ops, self.caller, &self.writing, against, error).await
    }
}

impl Call<'_> {
    /// lakeFS does not return the commit of a revert. The mark finds it.
    async fn reverted(&self, head: &str, mark: &str) -> Result<Sent<Commit>> {
        let branch = (&self.writing.repository, &self.writing.branch);
        let message = "the revert is done, but its commit cannot be found now: see the Log";
        match marked_commit(self.caller, branch, head, mark).await {
            Ok(Some(commit)) => Ok(Sent::Done(commit)),
            Ok(None) => Ok(Sent::Lost(Error::new(Kind::OutcomeUnknown, message))),
            Err(error) => Ok(Sent::Lost(Error::new(Kind::OutcomeUnknown, message).caused_by(error))),
        }
    }
}

/// After a revert, the row does not know the head of the live branch.
fn without_inner_commit(row: &Transaction, (): &()) -> Transaction {
    row.committed_inside(None)
}

/// No commit of the transaction starts before a lost revert has taken effect, or cannot any more. No object has the empty path.
fn guarded(ops: &Ops, row: &Transaction) -> Transaction {
    row.with_unsettled([""], millis(ops.timing.settle))
}

async fn send(caller: Caller, writing: Writing, new: NewRevert) -> lakefs::Result<()> {
    let Writing { repository, branch, .. } = &writing;
    caller.lakefs.revert(repository, branch, &new.target, new.parent, &new.message, &new.metadata).await
}
