//! Differences between two trees. Reads only the ranges that the trees do not share.

use super::{Entry, Key, RangeInfo, TreeId, Trees};
use crate::Result;
use std::cmp::Ordering;
use std::collections::HashSet;

/// Difference of one key between a left and a right tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) key: Key,
    pub(crate) left: Option<Entry>,
    pub(crate) right: Option<Entry>,
    /// Whether both sides changed the key differently since their merge base.
    pub(crate) conflict: bool,
}

/// Kind of a change from left to right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChangeKind {
    Added,
    Removed,
    Changed,
    Conflict,
}

impl Change {
    pub(crate) fn kind(&self) -> ChangeKind {
        match (&self.left, &self.right) {
            _ if self.conflict => ChangeKind::Conflict,
            (None, _) => ChangeKind::Added,
            (_, None) => ChangeKind::Removed,
            _ => ChangeKind::Changed,
        }
    }
}

impl Trees {
    /// Returns the keys whose content differs, in key order.
    pub(crate) async fn diff(&self, repository: i64, left: &TreeId, right: &TreeId) -> Result<Vec<Change>> {
        let (left, right) = (self.metarange(repository, left).await?, self.metarange(repository, right).await?);
        let left_only = self.entries_not_in(repository, &left, &right).await?;
        let right_only = self.entries_not_in(repository, &right, &left).await?;
        Ok(pair(left_only, right_only))
    }

    /// Returns the entries of the ranges that `other` does not have. Ranges of a tree never overlap. A range that both
    /// trees have therefore contains all entries of both trees between its first and last key.
    async fn entries_not_in(
        &self,
        repository: i64,
        metarange: &[RangeInfo],
        other: &[RangeInfo],
    ) -> Result<Vec<(Key, Entry)>> {
        let shared: HashSet<_> = other.iter().map(|range| range.id).collect();
        let mut entries = Vec::new();
        for range in metarange.iter().filter(|range| !shared.contains(&range.id)) {
            entries.extend(self.range(repository, range.id).await?.iter().cloned());
        }
        Ok(entries)
    }
}

/// Merges two sorted lists of entries by key, and returns the differences.
fn pair(left: Vec<(Key, Entry)>, right: Vec<(Key, Entry)>) -> Vec<Change> {
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    let mut changes = Vec::new();
    loop {
        let order = match (left.peek(), right.peek()) {
            (None, None) => return changes,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((left, _)), Some((right, _))) => left.cmp(right),
        };
        let before = left.next_if(|_| order.is_le());
        let after = right.next_if(|_| order.is_ge());
        let unchanged = matches!((&before, &after), (Some((_, l)), Some((_, r))) if l.same_content(r));
        let key = before.as_ref().or(after.as_ref()).map(|(key, _)| key.clone());
        if let Some(key) = key.filter(|_| !unchanged) {
            let (left, right) = (before.map(|(_, entry)| entry), after.map(|(_, entry)| entry));
            changes.push(Change { key, left, right, conflict: false });
        }
    }
}
