//! Calls that create commits outside of transactions.

use super::expect;
use crate::request_id::or_random;
use crate::retry::{Repeat, call};
use crate::v1::{CherryPickRequest, Commit, CreateCommitRequest, MergeRequest, RevertRequest};
use crate::{Client, Result};

/// These calls set `request_id` if it is empty, and retry after a lost response: they take effect at most once.
impl Client {
    /// Commits the uncommitted changes of a branch or a transaction. The transaction stays open.
    ///
    /// # Errors
    /// `NoChanges`, `HookRejected`, `BranchProtected`, `RefNotFound`.
    pub async fn create_commit(&self, request: CreateCommitRequest) -> Result<Commit> {
        let request = CreateCommitRequest { request_id: or_random(&request.request_id), ..request };
        expect(self.unary(Repeat::Idempotent, call!(self, versions.create_commit(request))).await?.commit)
    }

    /// Merges a ref into a branch, and returns the new head of the branch.
    ///
    /// # Errors
    /// `MergeConflict`, `NoChanges`, `BaseDirty`, `HookRejected`, `BranchProtected`, `RefNotFound`.
    pub async fn merge(&self, request: MergeRequest) -> Result<String> {
        let request = MergeRequest { request_id: or_random(&request.request_id), ..request };
        Ok(self.unary(Repeat::Idempotent, call!(self, versions.merge(request))).await?.commit_id)
    }

    /// Reverts a commit with a new commit on a branch or in a transaction.
    ///
    /// # Errors
    /// `MergeConflict`, `NoChanges`, `BaseDirty`, `RefNotFound`.
    pub async fn revert(&self, request: RevertRequest) -> Result<Commit> {
        let request = RevertRequest { request_id: or_random(&request.request_id), ..request };
        expect(self.unary(Repeat::Idempotent, call!(self, versions.revert(request))).await?.commit)
    }

    /// Applies the changes of a commit to a branch, as a new commit.
    ///
    /// # Errors
    /// `MergeConflict`, `BaseDirty`, `RefNotFound`.
    pub async fn cherry_pick(&self, request: CherryPickRequest) -> Result<Commit> {
        let request = CherryPickRequest { request_id: or_random(&request.request_id), ..request };
        expect(self.unary(Repeat::Idempotent, call!(self, versions.cherry_pick(request))).await?.commit)
    }
}
