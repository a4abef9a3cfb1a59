//! `VersionService.CreateCommit`.

use super::marked_commit::{marked_commit, unmarked};
use super::merging::head;
use super::once::{CallId, Found, Once, REQUEST_ID, Sent, earlier_result, once};
use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::ops::context::{Ops, Shared};
use crate::ops::lease::{MADE_IN, has_base_as_only_parent, under_lease};
use crate::ops::metadata::check_commit;
use crate::ops::place::Place;
use crate::ops::writing::Writing;
use lakeport_lakefs::{self as lakefs, Commit};
use lakeport_transactions::{Inside, Transaction};
use lakeport_types::CommitId;
use std::collections::BTreeMap;

/// Parameters of a commit.
#[derive(Debug, Clone, Default)]
pub struct NewCommit {
    /// Message. May be empty.
    pub message: String,
    /// Metadata of the caller.
    pub metadata: BTreeMap<String, String>,
    /// Commit even if nothing changed.
    pub allow_empty: bool,
}

/// Commits the uncommitted changes of a branch, or of a transaction, which stays open.
///
/// # Errors
/// `NoChanges`, `HookRejected`, `BranchProtected`; in a transaction `CommitInDoubt`; those of the place, `RequestInProgress`, `OutcomeUnknown`.
pub async fn create_commit(
    ops: &Shared,
    caller: &Caller,
    id: &CallId,
    place: &Place,
    new: &NewCommit,
) -> Result<Commit> {
    check_commit(&new.message, &new.metadata)?;
    // The place may have changed since: the transaction may have ended.
    if let Some(made) = earlier_result(ops, caller, id).await? {
        return Ok(made);
    }
    let writing = ops.writing(caller, place).await?;
    // Commits inside a transaction have metadata of lakeport anyway.
    let is_marked = id.key.is_some() || writing.transaction.is_some();
    once(ops, caller, id, &Call { ops, caller, writing, new, is_marked }).await
}

struct Call<'c> {
    ops: &'c Shared,
    caller: &'c Caller,
    writing: Writing,
    new: &'c NewCommit,
    /// Whether the commit carries the mark of the call.
    is_marked: bool,
}

impl Once for Call<'_> {
    /// The head of the branch.
    type Before = String;
    type Output = Commit;
    const IS_CONCLUSIVE: bool = true;

    async fn before(&self) -> Result<String> {
        head(self.ops, self.caller, &self.writing).await
    }

    async fn send(&self, _head: &String, mark: &str) -> Result<Sent<Commit>> {
        let NewCommit { message, metadata, allow_empty } = self.new.clone();
        let mut commit = lakefs::NewCommit { message, metadata, allow_empty };
        if self.is_marked {
            commit.metadata.insert(REQUEST_ID.into(), mark.to_owned());
        }
        let Writing { repository, branch, transaction, .. } = &self.writing;
        let Some(transaction) = transaction else {
            return Ok(self.caller.lakefs.commit(repository, branch, &commit).await.into());
        };
        commit.metadata.insert(MADE_IN.into(), transaction.id.to_string());
        let (caller, repository, branch) = (self.caller.clone(), repository.clone(), branch.clone());
        let request = async move { caller.lakefs.commit(&repository, &branch, &commit).await };
        let made = move |row: &Transaction, made: &Commit| with_inner_commit(row, made, !allow_empty);
        let lost = || Sent::Lost(Error::new(Kind::CommitInDoubt, LOST));
        Ok(under_lease(self.ops, transaction, request, made, in_doubt).await?.map_or_else(lost, Sent::from))
    }

    async fn find(&self, head: &String, mark: &str) -> Result<Found<Commit>> {
        let branch = (&self.writing.repository, &self.writing.branch);
        if !self.is_marked {
            return unmarked(self.caller, branch, head).await;
        }
        Ok(marked_commit(self.caller, branch, head, mark).await?.into())
    }

    async fn explain(&self, error: lakefs::Error) -> Error {
        if error.kind() == lakefs::Kind::NoChanges {
            let shown = self.writing.shown();
            let message = format!("{shown} has no uncommitted changes: write objects first, or set allow_empty");
            return Error::new(Kind::NoChanges, message);
        }
        self.writing.refused(self.ops, self.caller, error).await
    }
}

const LOST: &str =
    "the response to the commit was lost: the changes stay in the transaction, and its commit will contain them";

/// The commit of the transaction then need not read the head of the live branch.
fn with_inner_commit(row: &Transaction, made: &Commit, has_changes: bool) -> Transaction {
    let is_first = has_changes && has_base_as_only_parent(row, made);
    row.committed_inside(CommitId::try_from(made.id.clone()).ok().map(|commit| Inside { commit, is_first }))
}

/// The commit of the transaction must not merge by the name of the live branch then.
fn in_doubt(_: &Ops, row: &Transaction) -> Transaction {
    row.with_commit_in_doubt()
}
