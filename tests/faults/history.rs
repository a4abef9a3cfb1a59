//! Outcomes of transactions as their clients observed them.

use std::collections::BTreeMap;

/// Writes of a client in one transaction, and the outcome.
#[derive(Debug, Clone)]
pub(crate) struct Observation {
    pub(crate) id: String,
    /// Content of every write by path. If the outcome is not `Committed`, a write may be unacknowledged.
    pub(crate) writes: BTreeMap<String, String>,
    pub(crate) tag: Option<String>,
    pub(crate) outcome: Outcome,
}

/// Outcome of a transaction, as far as its client knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The commit succeeded with this commit ID.
    Committed { commit: String, failed_tags: Vec<String> },
    /// The transaction ended without a commit, or the client never requested a commit.
    Ended,
    /// The client requested a commit and received no definite response, so the outcome is unknown.
    InDoubt,
}
