//! Commits, history and diffs.

use crate::Lakefs;
use crate::error::Result;
use crate::model::{Commit, Difference, Page, RawPage};
use crate::url::Target;
use http::Method;
use lakeport_types::{BranchName, Ref, RepositoryId};
use serde::Serialize;
use std::collections::BTreeMap;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Commit to create.
#[derive(Debug, Clone, Default, Serialize)]
pub struct NewCommit {
    /// Commit message; may be empty.
    pub message: String,
    /// User metadata.
    pub metadata: BTreeMap<String, String>,
    /// Create the commit even if the branch has no uncommitted changes.
    pub allow_empty: bool,
}

/// Selects commits of a history.
#[derive(Debug, Clone, Default)]
pub struct LogQuery {
    /// Start after this commit; empty for the first page.
    pub after: String,
    /// Maximum number of commits on the page, 1 to 1,000.
    pub amount: usize,
    /// Follow only the first parent of each commit.
    pub first_parent: bool,
    /// Last commit to return.
    pub stop_at: Option<Ref>,
    /// Return only commits of this time or later, in Unix seconds.
    pub since: Option<i64>,
    /// Return only commits that changed one of these objects. Merge commits never match.
    pub objects: Vec<String>,
    /// Return only commits that changed an object with one of these prefixes. Merge commits never match.
    pub prefixes: Vec<String>,
}

/// Kind of comparison of two refs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiffKind {
    /// Compares the left ref with the right ref.
    TwoDot,
    /// Like `TwoDot`, and returns the checksum, content type and metadata of each object on the right side.
    TwoDotDescribed,
    /// Compares the merge base with the right ref, and marks conflicts with the left ref.
    ThreeDot,
}

impl Lakefs {
    /// Commits the uncommitted changes of a branch. The request is not retried.
    ///
    /// # Errors
    /// `NoChanges`, `HookRejected`, `BranchNotFound`, `BranchProtected`, `RepositoryReadOnly`. After an error with
    /// `Retry::Check` or `Retry::Lost`, the commit may exist.
    pub async fn commit(&self, repository: &RepositoryId, branch: &BranchName, commit: &NewCommit) -> Result<Commit> {
        let target = Target::branch(repository, branch).word("commits");
        self.version(Method::POST, target).json(commit).slow().once().await?.json()
    }

    /// Returns the commit that a ref resolves to.
    ///
    /// # Errors
    /// `RepositoryNotFound`, `CommitNotFound`, `InvalidArgument` for an invalid ref expression.
    pub async fn get_commit(&self, repository: &RepositoryId, reference: &Ref) -> Result<Commit> {
        let target = Target::repository(repository).word("commits").name(reference.as_str());
        self.get(target).idempotent().await?.json()
    }

    /// Returns a page of the history of a ref, newest commits first.
    ///
    /// # Errors
    /// `RepositoryNotFound`, `NotFound`.
    pub async fn log(&self, repository: &RepositoryId, reference: &Ref, query: &LogQuery) -> Result<Page<Commit>> {
        let mut target = Target::of_ref(repository, reference).word("commits").query_if("after", &query.after);
        target = target.query("amount", &query.amount.to_string()).flag("first_parent", query.first_parent);
        if let Some(stop_at) = &query.stop_at {
            target = target.query("stop_at", stop_at.as_str());
        }
        let since = query.since.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
        if let Some(since) = since.and_then(|since| since.format(&Rfc3339).ok()) {
            target = target.query("since", &since);
        }
        for object in &query.objects {
            target = target.query("objects", object);
        }
        for prefix in &query.prefixes {
            target = target.query("prefixes", prefix);
        }
        Ok(self.get(target).idempotent().await?.json::<RawPage<_>>()?.into())
    }

    /// Returns a page of the differences between two refs, in key order, starting after the key `after`.
    ///
    /// # Errors
    /// `RepositoryNotFound`, `NotFound`.
    pub async fn diff(
        &self,
        repository: &RepositoryId,
        (left, right): (&Ref, &Ref),
        kind: DiffKind,
        prefix: &str,
        after: &str,
        amount: usize,
    ) -> Result<Page<Difference>> {
        let is_described = kind == DiffKind::TwoDotDescribed;
        let kind = match kind {
            DiffKind::TwoDot | DiffKind::TwoDotDescribed => "two_dot",
            DiffKind::ThreeDot => "three_dot",
        };
        let target = Target::of_ref(repository, left).word("diff").name(right.as_str()).query("type", kind);
        let target = target.flag("include_right_stats", is_described);
        let target = target.query_if("prefix", prefix).query_if("after", after).query("amount", &amount.to_string());
        Ok(self.get(target).slow().idempotent().await?.json::<RawPage<_>>()?.into())
    }

    /// Returns a page of the uncommitted changes of a branch, in key order, starting after the key `after`.
    ///
    /// # Errors
    /// `RepositoryNotFound`, `BranchNotFound`.
    pub async fn uncommitted(
        &self,
        repository: &RepositoryId,
        branch: &BranchName,
        prefix: &str,
        after: &str,
        amount: usize,
    ) -> Result<Page<Difference>> {
        let target = Target::branch(repository, branch).word("diff").query_if("prefix", prefix);
        let target = target.query_if("after", after).query("amount", &amount.to_string());
        Ok(self.get(target).slow().idempotent().await?.json::<RawPage<_>>()?.into())
    }
}
