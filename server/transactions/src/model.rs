//! Values that a transaction is made of.

use lakeport_types::{BranchName, CommitId, RepositoryId, TagName, TransactionId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Milliseconds by the clock of the database: a time since 1970, or a span.
pub type Millis = i64;

/// State of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Reads and writes are accepted.
    Open,
    /// A commit is in progress.
    Committing,
    /// Published. Final.
    Committed,
    /// Rolled back by its owner. Final.
    RolledBack,
    /// Ended by the janitor. Final.
    Expired,
}

impl State {
    /// Returns whether no other state can follow.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Committed | Self::RolledBack | Self::Expired)
    }

    /// The name that the store uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Committing => "committing",
            Self::Committed => "committed",
            Self::RolledBack => "rolled_back",
            Self::Expired => "expired",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        let all = [Self::Open, Self::Committing, Self::Committed, Self::RolledBack, Self::Expired];
        all.into_iter().find(|state| state.as_str() == name)
    }
}

/// Whether a branch remains when a transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retention {
    /// No branch remains.
    #[default]
    Delete,
    /// A branch remains unless the transaction committed.
    KeepOnFailure,
    /// A branch remains.
    Keep,
}

/// Resolution of a path that both sides changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// The commit fails.
    #[default]
    Fail,
    /// The transaction's version wins.
    SourceWins,
    /// The base branch's version wins.
    DestinationWins,
}

/// Options of a transaction, chosen at its begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// Span without a call after which the transaction expires.
    pub idle_timeout: Millis,
    /// Span after which the transaction expires, even if calls continue.
    pub lifetime: Millis,
    /// Whether the transaction is read-only.
    pub read_only: bool,
    /// Whether a branch remains at the end.
    pub retention: Retention,
    /// Name of the branch that remains, if the caller chose one.
    pub kept_branch: Option<String>,
}

/// Parameters of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CommitRequest {
    /// Message of the commit and of the merge.
    pub message: String,
    /// Metadata of the commit and of the merge.
    pub metadata: BTreeMap<String, String>,
    /// Resolution of conflicts.
    pub strategy: Strategy,
    /// Whether the transaction's side of the merge becomes one commit.
    pub squash: bool,
    /// Whether the commit is merged into the base branch.
    pub merge: bool,
    /// Tags to create on the merge commit.
    pub tags: Vec<String>,
}

impl CommitRequest {
    /// The tags. They were validated before the request was stored.
    pub fn tag_names(&self) -> Vec<TagName> {
        self.tags.iter().filter_map(|tag| TagName::try_from(tag.as_str()).ok()).collect()
    }
}

/// A failure, as callers see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// An `ErrorReason` of the contract, such as `MERGE_CONFLICT`.
    pub reason: String,
    /// Text for people.
    pub message: String,
    /// Conflicting paths, at most ten.
    #[serde(default)]
    pub paths: Vec<String>,
}

/// A commit made inside a transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(CommitId, bool)", into = "(CommitId, bool)")]
pub struct Inside {
    /// The commit.
    pub commit: CommitId,
    /// Whether its parent is the base commit and it changed something. Then the transaction has something to merge.
    pub is_first: bool,
}

impl From<(CommitId, bool)> for Inside {
    fn from((commit, is_first): (CommitId, bool)) -> Self {
        Self { commit, is_first }
    }
}

impl From<Inside> for (CommitId, bool) {
    fn from(inside: Inside) -> Self {
        (inside.commit, inside.is_first)
    }
}

/// Parameters of a new transaction.
#[derive(Debug, Clone)]
pub struct NewTransaction {
    /// Unique among the transactions of the owner.
    pub id: TransactionId,
    /// The lakeFS user who begins it.
    pub owner: String,
    /// Repository.
    pub repository: RepositoryId,
    /// The branch to begin from and to merge into.
    pub base_branch: BranchName,
    /// The base commit, if it is known before the branch is created.
    pub base_commit_id: Option<CommitId>,
    /// The live branch. It is created after the row.
    pub branch: BranchName,
    /// Options.
    pub options: Options,
    /// Labels that the owner chose.
    pub labels: BTreeMap<String, String>,
}
