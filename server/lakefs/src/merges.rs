//! Merge, revert and cherry-pick. These requests are not retried: if the response is lost, the change may have been made.

use crate::Lakefs;
use crate::error::Result;
use crate::model::Commit;
use crate::url::Target;
use http::Method;
use lakeport_types::{BranchName, Ref, RepositoryId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;

/// Resolution of conflicts: which version of a key is kept if both sides of a merge changed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    /// Neither: the merge fails.
    #[default]
    Fail,
    /// The version of the source.
    SourceWins,
    /// The version of the destination.
    DestinationWins,
}

/// Merge to make.
#[derive(Debug, Clone, Default)]
pub struct NewMerge {
    /// Commit message. If empty, lakeFS writes one.
    pub message: String,
    /// User metadata.
    pub metadata: BTreeMap<String, String>,
    /// Resolution of conflicts.
    pub strategy: Strategy,
    /// Create one commit with one parent. The commit does not refer to the source, so lakeFS does not detect a retry of the
    /// merge.
    pub squash: bool,
    /// Merge even if the source has no changes.
    pub allow_empty: bool,
}

/// Heads of two refs and their merge base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeBase {
    /// Commit ID of the best common ancestor.
    pub base: String,
    /// Commit ID of the source.
    pub source: String,
    /// Commit ID of the destination.
    pub destination: String,
}

/// Response of lakeFS, in which source and destination are swapped.
#[derive(Deserialize)]
struct RawMergeBase {
    base_commit_id: String,
    source_commit_id: String,
    destination_commit_id: String,
}

#[derive(Deserialize)]
struct Merged {
    reference: String,
}

#[derive(Serialize)]
struct MergeBody<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    message: &'a str,
    metadata: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strategy: Option<&'static str>,
    squash_merge: bool,
    allow_empty: bool,
}

impl Lakefs {
    /// Merges a ref into a branch and returns the ID of the new head.
    ///
    /// # Errors
    /// `NoChanges`, `MergeConflict`, `DirtyBranch`, `HookRejected`, `BranchNotFound` for the destination, `NotFound` for the
    /// source; `Contended` if concurrent changes of the destination prevented the merge.
    pub async fn merge(
        &self,
        repository: &RepositoryId,
        source: &Ref,
        destination: &BranchName,
        merge: &NewMerge,
    ) -> Result<String> {
        let body = MergeBody {
            message: &merge.message,
            metadata: &merge.metadata,
            strategy: match merge.strategy {
                Strategy::Fail => None,
                Strategy::SourceWins => Some("source-wins"),
                Strategy::DestinationWins => Some("dest-wins"),
            },
            squash_merge: merge.squash,
            allow_empty: merge.allow_empty,
        };
        let target = Target::of_ref(repository, source).word("merge").name(destination.as_str());
        let merged: Merged = self.version(Method::POST, target).json(&body).slow().once().await?.json()?;
        Ok(merged.reference)
    }

    /// Returns the merge base of two refs.
    ///
    /// # Errors
    /// `RepositoryNotFound`, `NotFound`.
    pub async fn merge_base(&self, repository: &RepositoryId, source: &Ref, destination: &Ref) -> Result<MergeBase> {
        let target = Target::of_ref(repository, source).word("merge").name(destination.as_str());
        let raw: RawMergeBase = self.get(target).idempotent().await?.json()?;
        Ok(MergeBase { base: raw.base_commit_id, source: raw.destination_commit_id, destination: raw.source_commit_id })
    }

    /// Reverts, on a branch, the changes of a commit relative to one of its parents. `parent` is the number of the parent,
    /// from 1; 0 is valid for a commit with one parent.
    ///
    /// # Errors
    /// `MergeConflict`, `NoChanges`, `DirtyBranch`, `NotFound`, `BranchNotFound`.
    pub async fn revert(
        &self,
        repository: &RepositoryId,
        branch: &BranchName,
        commit: &Ref,
        parent: u32,
        message: &str,
        metadata: &BTreeMap<String, String>,
    ) -> Result<()> {
        let mut body = json!({ "ref": commit.as_str(), "parent_number": parent });
        if !message.is_empty() || !metadata.is_empty() {
            body["commit_overrides"] = json!({ "message": message, "metadata": metadata });
        }
        let target = Target::branch(repository, branch).word("revert");
        self.version(Method::POST, target).json(&body).slow().once().await.map(drop)
    }

    /// Applies the changes of a commit (relative to one of its parents) to a branch, as a new commit with this message and metadata.
    /// lakeFS adds `cherry-pick-origin` and `cherry-pick-committer`.
    ///
    /// Always sends metadata. Without it, lakeFS 1.x adds its keys to the cached metadata of the original commit, and then may not find that
    /// commit by its ID for minutes. Source: `graveler.CherryPick`.
    ///
    /// # Errors
    /// `MergeConflict`, `DirtyBranch`, `NotFound`, `BranchNotFound`.
    pub async fn cherry_pick(
        &self,
        repository: &RepositoryId,
        branch: &BranchName,
        commit: &Ref,
        parent: Option<u32>,
        message: &str,
        metadata: &BTreeMap<String, String>,
    ) -> Result<Commit> {
        let overrides = json!({ "message": message, "metadata": metadata });
        let mut body = json!({ "ref": commit.as_str(), "commit_overrides": overrides });
        if let Some(parent) = parent {
            body["parent_number"] = json!(parent);
        }
        let target = Target::branch(repository, branch).word("cherry-pick");
        self.version(Method::POST, target).json(&body).slow().once().await?.json()
    }
}
