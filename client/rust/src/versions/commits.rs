//! Calls that create commits outside of transactions.

use super::expect;
use crate::v1::{CherryPickRequest, Commit, CreateCommitRequest, MergeRequest, RevertRequest};
use crate::{Client, Result};

/// If the response of lakeFS is lost, these calls fail with `OutcomeUnknown`. Check the log before a retry.
impl Client {
    /// Commits the uncommitted changes of a branch or a transaction. The transaction stays open.
    ///
    /// # Errors
    /// `NoChanges`, `HookRejected`, `BranchProtected`, `RefNotFound`.
    pub async fn create_commit(&self, request: CreateCommitRequest) -> Result<Commit> {
        expect(self.versions().create_commit(request).await?.into_inner().commit)
    }

    /// Merges a ref into a branch, and returns the new head of the branch.
    ///
    /// # Errors
    /// `MergeConflict`, `NoChanges`, `BaseDirty`, `HookRejected`, `BranchProtected`, `RefNotFound`.
    pub async fn merge(&self, request: MergeRequest) -> Result<String> {
        Ok(self.versions().merge(request).await?.into_inner().commit_id)
    }

    /// Reverts a commit with a new commit on a branch or in a transaction.
    ///
    /// # Errors
    /// `MergeConflict`, `NoChanges`, `BaseDirty`, `RefNotFound`.
    pub async fn revert(&self, request: RevertRequest) -> Result<Commit> {
        expect(self.versions().revert(request).await?.into_inner().commit)
    }

    /// Applies the changes of a commit to a branch, as a new commit.
    ///
    /// # Errors
    /// `MergeConflict`, `BaseDirty`, `RefNotFound`.
    pub async fn cherry_pick(&self, request: CherryPickRequest) -> Result<Commit> {
        expect(self.versions().cherry_pick(request).await?.into_inner().commit)
    }
}
