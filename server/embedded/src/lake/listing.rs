//! Pages of sorted things: objects, changes, names.

use super::branches::Branch;
use super::staging::{StagedRow, rows_from, successor};
use super::{Lake, Repository};
use crate::store::Snapshot;
use crate::tree::{Change, Entry, Key, TreeCursor};
use crate::{Error, Result};
use std::collections::VecDeque;

/// Which page.
#[derive(Debug, Clone, Default)]
pub(crate) struct ListQuery {
    pub(crate) prefix: Key,
    /// Begins behind this key, which need not exist. A common prefix stands for all keys under it.
    pub(crate) after: Key,
    /// Keys that have it behind the prefix are folded into a common prefix. Empty: none are.
    pub(crate) delimiter: Key,
    /// At most so many results.
    pub(crate) amount: usize,
}

/// One page.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub(crate) results: Vec<T>,
    /// Where the next page begins; `None` on the last.
    pub(crate) next: Option<Key>,
}

/// A key with what is there, or a common prefix.
#[derive(Debug)]
pub(crate) enum Listed<T> {
    Item(Key, T),
    Prefix(Key),
}

/// A sorted run of keys that can be walked from anywhere.
trait Source {
    type Item;

    /// The first key that is not below `from`, and its item.
    async fn first_from(&mut self, from: &[u8]) -> Result<Option<(Key, Self::Item)>>;
}

/// One page of a source.
async fn page<S: Source>(source: &mut S, query: &ListQuery) -> Result<Page<Listed<S::Item>>> {
    let mut from = query.start();
    let (mut results, mut last) = (Vec::new(), Key::new());
    while let Some((key, item)) = source.first_from(&from).await? {
        if !key.starts_with(&query.prefix) {
            break;
        }
        if results.len() == query.amount {
            return Ok(Page { results, next: Some(last) });
        }
        let listed = match query.common_prefix(&key) {
            Some(prefix) => {
                from = behind(prefix);
                last = prefix.to_vec();
                Listed::Prefix(prefix.to_vec())
            }
            None => {
                from = successor(&key);
                last.clone_from(&key);
                Listed::Item(key, item)
            }
        };
        results.push(listed);
    }
    Ok(Page { results, next: None })
}

impl ListQuery {
    fn start(&self) -> Key {
        let behind_after = match self.common_prefix(&self.after) {
            _ if self.after.is_empty() => Key::new(),
            Some(prefix) if prefix == self.after => behind(prefix),
            _ => successor(&self.after),
        };
        behind_after.max(self.prefix.clone())
    }

    fn common_prefix<'k>(&self, key: &'k [u8]) -> Option<&'k [u8]> {
        let rest = key.strip_prefix(self.prefix.as_slice())?;
        if self.delimiter.is_empty() {
            return None;
        }
        let at = rest.windows(self.delimiter.len()).position(|window| window == self.delimiter)?;
        key.get(..self.prefix.len() + at + self.delimiter.len())
    }
}

/// The least key above all that begin with `prefix`.
fn behind(prefix: &[u8]) -> Key {
    let end = prefix.iter().rposition(|&byte| byte < 0xff).map_or(0, |at| at + 1);
    let mut key = prefix[..end].to_vec();
    if let Some(last) = key.last_mut() {
        *last += 1;
    }
    key
}

/// A page of changes, which are sorted by key.
pub(crate) async fn paginate(changes: Vec<Change>, query: &ListQuery) -> Result<Page<Listed<Change>>> {
    page(&mut Sorted(changes.into()), query).await
}

/// A page of things by name, which are sorted by it.
pub(super) fn paginate_names<T>(all: Vec<T>, query: &ListQuery, name: impl Fn(&T) -> &str) -> Page<T> {
    let wanted = |item: &T| {
        let name = name(item).as_bytes();
        name.starts_with(&query.prefix) && (query.after.is_empty() || name > query.after.as_slice())
    };
    let mut results: Vec<T> = all.into_iter().filter(wanted).take(query.amount + 1).collect();
    let more = results.len() > query.amount;
    results.truncate(query.amount);
    let next = results.last().filter(|_| more).map(|item| name(item).as_bytes().to_vec());
    Page { results, next }
}

struct Sorted(VecDeque<Change>);

impl Source for Sorted {
    type Item = Change;

    async fn first_from(&mut self, from: &[u8]) -> Result<Option<(Key, Change)>> {
        let passed = self.0.partition_point(|change| change.key.as_slice() < from);
        self.0.drain(..passed);
        Ok(self.0.pop_front().map(|change| (change.key.clone(), change)))
    }
}

/// A tree with the staged changes of a branch laid over it.
struct Overlay<'a> {
    tree: TreeCursor<'a>,
    staged: Option<StagedRows>,
}

/// The staged rows of a branch, read ahead in batches.
struct StagedRows {
    snapshot: Snapshot,
    branch: i64,
    rows: VecDeque<StagedRow>,
    /// Whether there is nothing behind `rows`.
    complete: bool,
}

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
    /// A page of the objects that a ref shows.
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
        let commit = self.commit_on(snapshot.connection(), repository, &resolved.commit_id).await?;
        let tree = commit.ok_or_else(|| Error::not_found("commit not found"))?.tree;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_a_prefix_comes_the_next_key_that_does_not_begin_so() {
        assert_eq!(behind(b"a/"), b"a0");
        assert_eq!(behind(b"a\xff"), b"b");
        assert_eq!(behind(b"a\xff\xff"), b"b");
    }
}
