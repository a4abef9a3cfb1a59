//! Types of the fields of a transaction.

use lakeport_types::{BranchName, CommitId, RepositoryId, TagName, TransactionId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Time or duration in milliseconds, by the clock of the database. Times count from the Unix epoch.
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
    /// Expired after a timeout. Final.
    Expired,
}

impl State {
    /// Returns whether the state is final.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Committed | Self::RolledBack | Self::Expired)
    }

    /// Returns the name of the state in the store.
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

/// Whether to keep a branch when a transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retention {
    /// Keep no branch.
    #[default]
    Delete,
    /// Keep a branch unless the transaction was merged.
    KeepOnFailure,
    /// Keep a branch.
    Keep,
}

/// How to resolve conflicts: paths that both the transaction and the base branch changed.
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

/// Options of a transaction, set when it begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// Time without a call after which the transaction expires.
    pub idle_timeout: Millis,
    /// Time after which the transaction expires, even if calls continue.
    pub lifetime: Millis,
    /// Whether the transaction is read-only.
    pub read_only: bool,
    /// Whether to keep a branch when the transaction ends.
    pub retention: Retention,
    /// Name of the branch to keep, if the caller chose one.
    pub kept_branch: Option<String>,
}

/// Parameters of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CommitRequest {
    /// Message of the commit and of the merge.
    pub message: String,
    /// Metadata of the commit and of the merge.
    pub metadata: BTreeMap<String, String>,
    /// How to resolve conflicts.
    pub strategy: Strategy,
    /// Whether to squash the commits of the transaction into one.
    pub squash: bool,
    /// Whether to merge the commit into the base branch.
    pub merge: bool,
    /// Tags to create on the merge commit.
    pub tags: Vec<String>,
}

impl CommitRequest {
    /// Returns the tags, which were validated before the request was stored.
    pub fn tag_names(&self) -> Vec<TagName> {
        self.tags.iter().filter_map(|tag| TagName::try_from(tag.as_str()).ok()).collect()
    }
}

/// Failure of a commit or of keeping a branch, as reported to callers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// An `ErrorReason` of the contract, such as `MERGE_CONFLICT`.
    pub reason: String,
    /// Message for users.
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
    /// Whether the commit has changes and its only parent is the base commit. If so, the transaction has changes to merge.
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
    /// Transaction ID, unique for the owner.
    pub id: TransactionId,
    /// ID of the lakeFS user that begins the transaction.
    pub owner: String,
    /// Repository of the transaction.
    pub repository: RepositoryId,
    /// The branch to begin from and to merge into.
    pub base_branch: BranchName,
    /// The base commit, if it is known before the live branch is created.
    pub base_commit_id: Option<CommitId>,
    /// Live branch, which is created after the row.
    pub branch: BranchName,
    /// Timeouts, access mode and branch retention.
    pub options: Options,
    /// Labels that the owner chose.
    pub labels: BTreeMap<String, String>,
}
