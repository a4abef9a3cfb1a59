//! What clients were told.

use std::collections::BTreeMap;

/// What a client did in one transaction, and how that ended.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) id: String,
    /// Path and content of every write, in the order of the paths. Each was acknowledged, unless the outcome says otherwise.
    pub(crate) writes: BTreeMap<String, String>,
    pub(crate) tag: Option<String>,
    pub(crate) outcome: Outcome,
}

/// How a transaction ended, as far as its client knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was told this commit.
    Committed { commit: String, failed_tags: Vec<String> },
    /// It was told that it has ended, or never asked for it to be published.
    Ended,
    /// It asked for it to be published and has no answer: both may be.
    InDoubt,
}
