//! Differences between refs, and between a branch and its head.

use super::page::{ListQuery, Listed, Page, paginate};
use super::{Lake, Repository};
use crate::Result;
use crate::tree::{Change, Edits, TreeId};
use std::collections::HashMap;

/// Parameters of a comparison of two refs.
#[derive(Debug, Clone)]
pub(crate) struct DiffQuery {
    pub(crate) left: String,
    pub(crate) right: String,
    /// If true, compares left with right. Otherwise compares the merge base with right, and marks conflicts with left.
    pub(crate) two_dot: bool,
    pub(crate) list: ListQuery,
}

impl Lake {
    /// Returns a page of the uncommitted changes of a branch.
    pub(crate) async fn diff_branch(
        &self,
        repository: &Repository,
        branch: &str,
        query: &ListQuery,
    ) -> Result<Page<Listed<Change>>> {
        let branch = self.branch(repository, branch, "branch").await?;
        paginate(self.staged(repository, &branch).await?.changes, query).await
    }

    /// Returns a page of the differences between two refs.
    pub(crate) async fn diff_refs(&self, repository: &Repository, query: &DiffQuery) -> Result<Page<Listed<Change>>> {
        let changes = if query.two_dot {
            self.two_dot(repository, &query.left, &query.right).await?
        } else {
            self.three_dot(repository, &query.left, &query.right).await?
        };
        paginate(changes, &query.list).await
    }

    async fn two_dot(&self, repository: &Repository, left: &str, right: &str) -> Result<Vec<Change>> {
        let resolved =
            self.resolve(repository, left).await.map_err(|e| e.context(format!("get commit by branch {left}")));
        let left_ref = resolved?;
        left_ref.must_be_a_commit(left)?;
        let resolved =
            self.resolve(repository, right).await.map_err(|e| e.context(format!("get commit by ref {right}")));
        let right_ref = resolved?;
        let left_tree = self.tree_of(repository, &left_ref.commit_id).await?;
        let right_tree = match right_ref.staged.as_ref().filter(|_| right_ref.staging_only()) {
            None => self.tree_of(repository, &right_ref.commit_id).await?,
            Some(branch) => {
                let staged = self.staged(repository, branch).await?;
                let head = self.tree_of(repository, &staged.head).await?;
                let edits: Edits = staged.changes.into_iter().map(|change| (change.key, change.right)).collect();
                return self.diff_with_edits(repository, &left_tree, &head, edits).await;
            }
        };
        self.trees.diff(repository.number, &left_tree, &right_tree).await
    }

    /// Returns the differences between `left` and the result of applying `edits` to `right`. That result is not stored.
    async fn diff_with_edits(
        &self,
        repository: &Repository,
        left: &TreeId,
        right: &TreeId,
        edits: Edits,
    ) -> Result<Vec<Change>> {
        let committed = self.trees.diff(repository.number, left, right).await?;
        let mut changes: std::collections::BTreeMap<_, _> =
            committed.into_iter().map(|change| (change.key.clone(), change)).collect();
        for (key, edited) in edits {
            let before = self.trees.get(repository.number, left, &key).await?;
            changes.remove(&key);
            let unchanged = matches!((&before, &edited), (Some(l), Some(r)) if l.same_content(r));
            if !unchanged && (before.is_some() || edited.is_some()) {
                changes.insert(key.clone(), Change { key, left: before, right: edited, conflict: false });
            }
        }
        Ok(changes.into_values().collect())
    }

    async fn three_dot(&self, repository: &Repository, left: &str, right: &str) -> Result<Vec<Change>> {
        // lakeFS resolves the left ref first. This determines which error is returned if both refs are invalid.
        let base = self.merge_base(repository, left, right).await?;
        let ours = self.trees.diff(repository.number, &base.base.tree, &base.source.tree).await?;
        let ours: HashMap<_, _> = ours.into_iter().map(|change| (change.key.clone(), change)).collect();
        let theirs = self.trees.diff(repository.number, &base.base.tree, &base.destination.tree).await?;
        Ok(theirs.into_iter().filter_map(|change| against(change, &ours)).collect())
    }
}

/// Compares a change of the other side with our changes. Returns `None` if both sides made the same change, and a conflict
/// if the changes of the key differ.
fn against(change: Change, ours: &HashMap<Vec<u8>, Change>) -> Option<Change> {
    match ours.get(&change.key) {
        None => Some(change),
        Some(our) if same_outcome(our, &change) => None,
        Some(our) => Some(Change { left: our.right.clone(), conflict: true, ..change }),
    }
}

/// Returns whether two changes of a key have the same result.
pub(super) fn same_outcome(a: &Change, b: &Change) -> bool {
    match (&a.right, &b.right) {
        (None, None) => true,
        (Some(a), Some(b)) => a.same_content(b),
        _ => false,
    }
}
