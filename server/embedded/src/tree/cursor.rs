//! Cursor that reads a tree in key order.

use super::{Entry, Key, Range, RangeInfo, TreeId, Trees};
use crate::Result;
use std::sync::Arc;

/// Position in a tree. The cursor loads one range at a time.
pub(crate) struct TreeCursor<'a> {
    trees: &'a Trees,
    repository: i64,
    metarange: Arc<Vec<RangeInfo>>,
    next_range: usize,
    range: Arc<Range>,
    next_entry: usize,
}

impl Trees {
    /// Returns a cursor at the first key that is greater than or equal to `from`.
    pub(crate) async fn cursor(&self, repository: i64, tree: &TreeId, from: &[u8]) -> Result<TreeCursor<'_>> {
        let metarange = self.metarange(repository, tree).await?;
        let mut cursor =
            TreeCursor { trees: self, repository, metarange, next_range: 0, range: Arc::default(), next_entry: 0 };
        cursor.seek(from).await?;
        Ok(cursor)
    }
}

impl TreeCursor<'_> {
    /// Moves forward to the first key that is greater than or equal to `from`. Does not move if the cursor is already past it.
    pub(crate) async fn forward_to(&mut self, from: &[u8]) -> Result<()> {
        if self.range.last().is_some_and(|(last, _)| last.as_slice() >= from) {
            let ahead = self.range[self.next_entry..].partition_point(|(key, _)| key.as_slice() < from);
            self.next_entry += ahead;
            return Ok(());
        }
        self.seek(from).await
    }

    async fn seek(&mut self, from: &[u8]) -> Result<()> {
        let at = self.metarange.partition_point(|range| range.last.as_slice() < from);
        self.next_range = at;
        self.range = Arc::default();
        self.next_entry = 0;
        if self.load_next_range().await? {
            self.next_entry = self.range.partition_point(|(key, _)| key.as_slice() < from);
        }
        Ok(())
    }

    /// Returns the key and entry at the cursor, or `None` at the end of the tree.
    pub(crate) fn peek(&self) -> Option<(&Key, &Entry)> {
        self.range.get(self.next_entry).map(|(key, entry)| (key, entry))
    }

    async fn load_next_range(&mut self) -> Result<bool> {
        let Some(range) = self.metarange.get(self.next_range) else { return Ok(false) };
        self.range = self.trees.range(self.repository, range.id).await?;
        self.next_range += 1;
        self.next_entry = 0;
        Ok(true)
    }
}
