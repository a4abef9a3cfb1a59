//! Cache of commit IDs that lakeFS has confirmed. A branch or a tag may have a name that looks like a commit ID.

use lakeport_types::{CommitId, RepositoryId};
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// Maximum number of cached commits. Each takes about 100 bytes.
const MAX: usize = 10_000;

/// Commits that exist. Entries do not expire: a commit never changes. If its repository was deleted, reads at the commit fail.
#[derive(Debug, Default)]
pub struct KnownCommits(Mutex<HashSet<(RepositoryId, CommitId)>>);

impl KnownCommits {
    /// Returns whether a commit is known to exist.
    pub(in crate::ops) fn contains(&self, commit: &(RepositoryId, CommitId)) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(commit)
    }

    /// Adds a commit. Forgets the others if there are too many.
    pub(in crate::ops) fn add(&self, commit: (RepositoryId, CommitId)) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX {
            known.clear();
        }
        known.insert(commit);
    }
}
