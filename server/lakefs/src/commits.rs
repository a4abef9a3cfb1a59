//! Commits, history and differences.

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

/// What to say of a commit.
#[derive(Debug, Clone, Default, Serialize)]
pub struct NewCommit {
    /// May be empty.
    pub message: String,
    /// User metadata.
    pub metadata: BTreeMap<String, String>,
    /// Commit even if nothing is staged.
    pub allow_empty: bool,
}

/// Which part of a history.
#[derive(Debug, Clone, Default)]
pub struct LogQuery {
    /// Begins behind this commit.
    pub after: String,
    /// 1 to 1,000.
    pub amount: usize,
    /// Follows first parents alone.
    pub first_parent: bool,
    /// The last commit to show.
    pub stop_at: Option<Ref>,
    /// Only commits of this time or later, in Unix seconds.
    pub since: Option<i64>,
    /// Only commits that changed one of these objects. Merges never count.
    pub objects: Vec<String>,
    /// Only commits that changed something below one of these prefixes. Merges never count.
    pub prefixes: Vec<String>,
}

/// How two refs are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiffKind {
    /// As they are.
    TwoDot,
    /// As they are, with what stands on the right side.
    TwoDotDescribed,
    /// The right one with the merge base; conflicts with the left one are shown.
    ThreeDot,
}

impl Lakefs {
    /// Commits what is staged on a branch. Sent once.
    ///
    /// # Errors
    /// `NoChanges`, `HookRejected`, `BranchNotFound`, `BranchProtected`, `RepositoryReadOnly`; with `Retry::Look` it may have
    /// been made.
    pub async fn commit(&self, repository: &RepositoryId, branch: &BranchName, commit: &NewCommit) -> Result<Commit> {
        let target = Target::branch(repository, branch).word("commits");
        self.version(Method::POST, target).json(commit).slow().once().await?.json()
    }

    /// The commit that a ref names.
    ///
    /// # Errors
    /// `RepositoryNotFound`, `CommitNotFound`, `InvalidArgument` for an expression that makes no sense.
    pub async fn get_commit(&self, repository: &RepositoryId, reference: &Ref) -> Result<Commit> {
        let target = Target::repository(repository).word("commits").name(reference.as_str());
        self.get(target).idempotent().await?.json()
    }

    /// A page of the history of a ref, newest first.
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

    /// A page of what differs between two refs, by key, from behind `after`.
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

    /// A page of what is uncommitted on a branch, by key, from behind `after`.
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
