//! Listings of objects.

use super::branches::Branch;
use super::page::{ListQuery, Listed, Page, Source, page, successor};
use super::staging::{StagedRow, rows_from};
use super::{Lake, Repository};
use crate::Result;
use crate::store::Snapshot;
use crate::tree::{Entry, Key, TreeCursor};
use std::collections::VecDeque;

/// Tree with the staged changes of a branch on top.
struct Overlay<'a> {
    tree: TreeCursor<'a>,
    staged: Option<StagedRows>,
}

/// Staged rows of a branch, read in batches.
struct StagedRows {
    snapshot: Snapshot,
    branch: i64,
    rows: VecDeque<StagedRow>,
    /// Whether no row follows `rows`.
    complete: bool,
}

/// Number of staged rows per batch.
const READ_AHEAD: usize = 500;

impl StagedRows {
    async fn first_from(&mut self, from: &[u8]) -> Result<Option<&StagedRow>> {
        let passed = self.rows.partition_point(|row| row.key.as_slice() < from);
        self.rows.drain(..passed);
        if self.rows.is_empty() && !self.complete {
            let limit = READ_AHEAD.try_into().unwrap_or(i64::MAX);
            self.rows = rows_from(self.snapshot.connection(), self.branch, from, limit).await?.into();
            self.complete = self.rows.len() < READ_AHEAD;
        }
        Ok(self.rows.front())
    }
}

impl Source for Overlay<'_> {
    type Item = Entry;

    async fn first_from(&mut self, from: &[u8]) -> Result<Option<(Key, Entry)>> {
        let mut from = from.to_vec();
        loop {
            self.tree.forward_to(&from).await?;
            let committed = self.tree.peek();
            let staged = match &mut self.staged {
                Some(staged) => staged.first_from(&from).await?,
                None => None,
            };
            match (committed, staged) {
                (None, None) => return Ok(None),
                (Some((key, entry)), None) => return Ok(Some((key.clone(), entry.clone()))),
                (Some((key, entry)), Some(row)) if *key < row.key => return Ok(Some((key.clone(), entry.clone()))),
                (_, Some(row)) => match &row.entry {
                    Some(entry) => return Ok(Some((row.key.clone(), entry.clone()))),
                    None => from = successor(&row.key),
                },
            }
        }
    }
}

impl Lake {
    /// Returns a page of the objects at a ref, including staged changes.
    pub(crate) async fn list_objects(
        &self,
        repository: &Repository,
        expression: &str,
        query: &ListQuery,
    ) -> Result<Page<Listed<Entry>>> {
        if query.prefix.len() > super::objects::MAX_PATH {
            return Err(super::objects::path_too_long("prefix", &query.prefix));
        }
        let mut snapshot = self.store.snapshot().await?;
        let resolved = self.resolve_on(snapshot.connection(), repository, expression).await?;
        let tree = self.existing_commit(snapshot.connection(), repository, &resolved.commit_id).await?.tree;
        let staged = resolved.staged.map(|branch: Branch| StagedRows {
            snapshot,
            branch: branch.number,
            rows: VecDeque::new(),
            complete: false,
        });
        let tree = self.trees.cursor(repository.number, &tree, &query.start()).await?;
        page(&mut Overlay { tree, staged }, query).await
    }
}
