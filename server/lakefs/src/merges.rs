//! Merges, and what undoes or repeats a commit. All are sent once: what lost its answer may have happened.

use crate::Lakefs;
use crate::error::Result;
use crate::model::Commit;
use crate::url::Target;
use http::Method;
use lakeport_types::{BranchName, Ref, RepositoryId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;

/// What becomes of a key that both sides changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    /// The merge fails.
    #[default]
    Fail,
    /// The source's stands.
    SourceWins,
    /// The destination's stands.
    DestinationWins,
}

/// What to say of a merge.
#[derive(Debug, Clone, Default)]
pub struct NewMerge {
    /// Empty: lakeFS's own.
    pub message: String,
    /// User metadata.
    pub metadata: BTreeMap<String, String>,
    /// What becomes of conflicts.
    pub strategy: Strategy,
    /// One commit with one parent: the source leaves no trace, and a repetition is not noticed.
    pub squash: bool,
    /// Merge even if nothing differs.
    pub allow_empty: bool,
}

/// Two refs and where their histories part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeBase {
    /// The best commit that both come from.
    pub base: String,
    /// The commit of the source.
    pub source: String,
    /// The commit of the destination.
    pub destination: String,
}

/// As lakeFS sends it, with source and destination the wrong way round.
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
    /// Merges a ref into a branch and says the new head.
    ///
    /// # Errors
    /// `NoChanges`, `MergeConflict`, `DirtyBranch`, `HookRejected`, `BranchNotFound` for the destination, `NotFound` for the
    /// source; `Contended` when other merges were faster, and then nothing was merged.
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

    /// Where the histories of two refs part.
    ///
    /// # Errors
    /// `RepositoryNotFound`, `NotFound`.
    pub async fn merge_base(&self, repository: &RepositoryId, source: &Ref, destination: &Ref) -> Result<MergeBase> {
        let target = Target::of_ref(repository, source).word("merge").name(destination.as_str());
        let raw: RawMergeBase = self.get(target).idempotent().await?.json()?;
        Ok(MergeBase { base: raw.base_commit_id, source: raw.destination_commit_id, destination: raw.source_commit_id })
    }

    /// Undoes on a branch what a commit changed against a parent of its (1 is the first; 0 for a commit with one parent).
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

    /// Makes the change of a commit once more on top of a branch (against its first parent, or that one of a merge).
    ///
    /// # Errors
    /// `MergeConflict`, `DirtyBranch`, `NotFound`, `BranchNotFound`.
    pub async fn cherry_pick(
        &self,
        repository: &RepositoryId,
        branch: &BranchName,
        commit: &Ref,
        parent: Option<u32>,
    ) -> Result<Commit> {
        let mut body = json!({ "ref": commit.as_str() });
        if let Some(parent) = parent {
            body["parent_number"] = json!(parent);
        }
        let target = Target::branch(repository, branch).word("cherry-pick");
        self.version(Method::POST, target).json(&body).slow().once().await?.json()
    }
}
