//! What the store says of a transaction.

use lakeport_types::{BranchName, CommitId, RepositoryId, TagName, TransactionId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Milliseconds since 1970, or of a span, by the clock of the database.
pub type Millis = i64;

/// Where a transaction is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Reads and writes are taken.
    Open,
    /// A commit is under way.
    Committing,
    /// Published. Final.
    Committed,
    /// Ended by its owner. Final.
    RolledBack,
    /// Ended by the janitor. Final.
    Expired,
}

impl State {
    /// Whether nothing can happen to it any more.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Committed | Self::RolledBack | Self::Expired)
    }

    /// As it stands in the store.
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

/// What becomes of the branch when a transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retention {
    /// Nothing is left.
    #[default]
    Delete,
    /// A branch is left if the transaction did not commit.
    KeepOnFailure,
    /// A branch is left.
    Keep,
}

/// What becomes of a path that both sides changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// The commit fails.
    #[default]
    Fail,
    /// The transaction's stands.
    SourceWins,
    /// The base's stands.
    DestinationWins,
}

/// What a transaction was begun with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// The end of a transaction in which nothing is called.
    pub idle_timeout: Millis,
    /// The end whatever is called.
    pub lifetime: Millis,
    /// Whether it only reads.
    pub read_only: bool,
    /// What becomes of the branch.
    pub retention: Retention,
    /// The name of the branch that is kept, if the caller chose one.
    pub kept_branch: Option<String>,
}

/// What a transaction is to be committed with.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CommitRequest {
    /// Of the commit and the merge.
    pub message: String,
    /// Of the commit and the merge.
    pub metadata: BTreeMap<String, String>,
    /// What becomes of conflicts.
    pub strategy: Strategy,
    /// One commit on the transaction's side of the merge.
    pub squash: bool,
    /// Whether to merge at all.
    pub merge: bool,
    /// To be made on the merge commit.
    pub tags: Vec<String>,
}

impl CommitRequest {
    /// The tags, which were checked before the request was stored.
    pub fn tag_names(&self) -> Vec<TagName> {
        self.tags.iter().filter_map(|tag| TagName::try_from(tag.as_str()).ok()).collect()
    }
}

/// Why the last commit failed, as it is told to whoever asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The reason of the contract, such as `MERGE_CONFLICT`.
    pub reason: String,
    /// For people.
    pub message: String,
    /// Conflicting paths, ten at most.
    #[serde(default)]
    pub paths: Vec<String>,
}

/// The last commit that was made inside of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inside {
    /// The commit.
    pub commit: CommitId,
    /// It stands right on the base commit and changed something, so that there is something to merge.
    pub is_first: bool,
}

/// A transaction that is to begin.
#[derive(Debug, Clone)]
pub struct NewTransaction {
    /// Unique among its owner's.
    pub id: TransactionId,
    /// Who begins it.
    pub owner: String,
    /// Repository.
    pub repository: RepositoryId,
    /// The branch that it begins from.
    pub base_branch: BranchName,
    /// The commit that it begins from, if that is known before its branch is made.
    pub base_commit_id: Option<CommitId>,
    /// The branch that it will work on, made once the row stands.
    pub branch: BranchName,
    /// How.
    pub options: Options,
    /// The caller's own words about it.
    pub labels: BTreeMap<String, String>,
}

/// A transaction, at the moment `read_at`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// Unique among its owner's.
    pub id: TransactionId,
    /// Who began it.
    pub owner: String,
    /// Repository.
    pub repository: RepositoryId,
    /// The branch that it began from and is merged into.
    pub base_branch: BranchName,
    /// The commit that it began from: whatever the base was when the branch was made from it. `None` until then.
    pub base_commit_id: Option<CommitId>,
    /// The branch that it works on. It is used once and never again.
    pub branch: BranchName,
    /// How it was begun.
    pub options: Options,
    /// The caller's own words about it.
    pub labels: BTreeMap<String, String>,
    /// Where it is in its life.
    pub state: State,
    /// Tells it apart from all transactions of all owners: random, and never another.
    pub mark: String,
    /// Grows with every commit that is begun.
    pub epoch: i64,
    /// Grows with every change of the row but the renewal of its idle time.
    pub version: i64,
    /// Who works on it, if somebody does.
    pub worker: Option<String>,
    /// Until when nobody else may.
    pub lease_until: Millis,
    /// What the commit under way was asked for.
    pub commit_request: Option<CommitRequest>,
    /// When the commit under way began.
    pub commit_time: Option<Millis>,
    /// The commit that is, or was, to be merged.
    pub prepared_commit_id: Option<CommitId>,
    /// Branches of ours that may be there besides the live one: a merge of this epoch may use them, or one of before did.
    pub merge_branches: Vec<BranchName>,
    /// The last commit made inside of it, if its answer came: the head of the live branch, unless another is in doubt.
    pub inside: Option<Inside>,
    /// Whether a commit request of this epoch may still be on its way: taken over, or its answer lost.
    pub commit_in_doubt: bool,
    /// Whether a merge of this epoch may still be on its way.
    pub merge_in_doubt: bool,
    /// Until when a merge of this epoch could still land, once the names that it could use are gone.
    pub fence_until: Option<Millis>,
    /// Why the commit under way failed: told once the fence is passed. From then on nobody sends a merge of this epoch.
    pub refusal: Option<Failure>,
    /// Paths that an upload could still land on, and until when.
    pub unsettled: BTreeMap<String, Millis>,
    /// What was published.
    pub commit_id: Option<CommitId>,
    /// Whether that is a merge of this transaction.
    pub merged: bool,
    /// Why the last commit failed.
    pub failure: Option<Failure>,
    /// Tags that could not be made.
    pub failed_tags: Vec<String>,
    /// The branch that was kept at the end.
    pub kept_branch: Option<BranchName>,
    /// Whether every branch of ours is gone.
    pub is_clean: bool,
    /// When it began.
    pub create_time: Millis,
    /// When it ends if nothing is called.
    pub idle_expire_time: Millis,
    /// When it ends at the latest.
    pub expire_time: Millis,
    /// When it ended.
    pub end_time: Option<Millis>,
    /// The clock of the database when this was read.
    pub read_at: Millis,
}
