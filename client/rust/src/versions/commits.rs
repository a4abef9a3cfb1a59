//! Calls that make commits outside transactions.

use super::expect;
use crate::v1::{CherryPickRequest, Commit, CreateCommitRequest, MergeRequest, RevertRequest};
use crate::{Client, Result};

/// All of them fail with `OutcomeUnknown` when lakeFS's answer was lost: look before repeating one.
impl Client {
    /// Commits what is uncommitted on a branch, or in a transaction, which stays open.
    ///
    /// # Errors
    /// `NoChanges`, `HookRejected`, `BranchProtected`, `RefNotFound`.
    pub async fn create_commit(&self, request: CreateCommitRequest) -> Result<Commit> {
        expect(self.versions().create_commit(request).await?.into_inner().commit)
    }

    /// Merges a ref into a branch, and returns its new head.
    ///
    /// # Errors
    /// `MergeConflict`, `NoChanges`, `BaseDirty`, `HookRejected`, `BranchProtected`, `RefNotFound`.
    pub async fn merge(&self, request: MergeRequest) -> Result<String> {
        Ok(self.versions().merge(request).await?.into_inner().commit_id)
    }

    /// Undoes a commit on a branch, by a new commit.
    ///
    /// # Errors
    /// `MergeConflict`, `NoChanges`, `BaseDirty`, `RefNotFound`.
    pub async fn revert(&self, request: RevertRequest) -> Result<Commit> {
        expect(self.versions().revert(request).await?.into_inner().commit)
    }

    /// Makes the change of a commit once more on a branch.
    ///
    /// # Errors
    /// `MergeConflict`, `BaseDirty`, `RefNotFound`.
    pub async fn cherry_pick(&self, request: CherryPickRequest) -> Result<Commit> {
        expect(self.versions().cherry_pick(request).await?.into_inner().commit)
    }
}
