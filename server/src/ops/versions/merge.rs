//! `VersionService.Merge`.

use super::marked_commit::{marked_commit, unmarked};
use super::merge_conflict::merge_conflict;
use super::merging::{destination, head, merge_refused};
use super::once::{CallId, Found, Once, REQUEST_ID, Sent, once};
use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::ops::context::Ops;
use crate::ops::metadata::check_commit;
use crate::ops::writing::Writing;
use lakeport_lakefs::{self as lakefs, NewMerge};
use lakeport_types::{BranchName, Ref, RepositoryId};

/// Parameters of a merge.
#[derive(Debug, Clone)]
pub struct MergeRequest {
    /// Repository.
    pub repository: RepositoryId,
    /// The ref to merge.
    pub source: Ref,
    /// The branch to merge into.
    pub destination: BranchName,
    /// Message, metadata, and the resolution of conflicts.
    pub merge: NewMerge,
}

/// Merges a ref into a branch. Returns the new head.
///
/// # Errors
/// `MergeConflict`, `NoChanges`, `BaseDirty`, `HookRejected`, `RefNotFound`, `RequestInProgress`, `OutcomeUnknown`.
pub async fn merge(ops: &Ops, caller: &Caller, id: &CallId, request: &MergeRequest) -> Result<String> {
    check_commit(&request.merge.message, &request.merge.metadata)?;
    if request.source.as_str().starts_with(lakeport_types::TRANSACTION_BRANCH_PREFIX) {
        let message = format!("{} belongs to a transaction: commit the transaction", request.source);
        return Err(Error::new(Kind::ReservedName, message));
    }
    let writing = destination(&request.repository, &request.destination)?;
    once(ops, caller, id, &Call { ops, caller, request, writing, is_marked: id.key.is_some() }).await
}

struct Call<'c> {
    ops: &'c Ops,
    caller: &'c Caller,
    request: &'c MergeRequest,
    writing: Writing,
    /// Whether the merge carries the mark of the call.
    is_marked: bool,
}

impl Once for Call<'_> {
    /// The head of the destination.
    type Before = String;
    type Output = String;
    const IS_CONCLUSIVE: bool = true;

    async fn before(&self) -> Result<String> {
        head(self.ops, self.caller, &self.writing).await
    }

    async fn send(&self, _head: &String, mark: &str) -> Result<Sent<String>> {
        let MergeRequest { repository, source, destination, merge } = self.request;
        let mut merge = merge.clone();
        if self.is_marked {
            merge.metadata.insert(REQUEST_ID.into(), mark.to_owned());
        }
        let turn = self.ops.queues.turn(&self.ops.store, repository, destination).await;
        Ok(turn.spend(self.caller.lakefs.merge(repository, source, destination, &merge)).await.into())
    }

    async fn find(&self, head: &String, mark: &str) -> Result<Found<String>> {
        let MergeRequest { repository, destination, .. } = self.request;
        if !self.is_marked {
            return unmarked(self.caller, (repository, destination), head).await;
        }
        let marked = marked_commit(self.caller, (repository, destination), head, mark).await?;
        Ok(marked.map_or(Found::NotDone, |commit| Found::Done(commit.id)))
    }

    async fn explain(&self, error: lakefs::Error) -> Error {
        let MergeRequest { repository, source, destination, .. } = self.request;
        if error.kind() == lakefs::Kind::MergeConflict {
            return merge_conflict(self.ops, self.caller, repository, source, destination).await;
        }
        merge_refused(self.ops, self.caller, &self.writing, source, error).await
    }
}
