//! Applies edits to a tree. Reads and writes only the ranges that contain edited keys.

use super::node::{NewNode, ends_range};
use super::{Edits, Entry, Key, Range, RangeInfo, TreeId, Trees};
use crate::Result;
use std::collections::btree_map;
use std::iter::Peekable;

/// Tree that is not stored yet: its ID and its new nodes.
pub(crate) struct NewTree {
    pub(crate) id: TreeId,
    pub(crate) nodes: Vec<NewNode>,
}

/// Collects entries into ranges, and ranges into a metarange.
#[derive(Default)]
struct Builder {
    metarange: Vec<RangeInfo>,
    open: Range,
    nodes: Vec<NewNode>,
}

impl Builder {
    fn push(&mut self, key: Key, entry: Entry) -> Result<()> {
        let ends = ends_range(&key);
        self.open.push((key, entry));
        if ends { self.close() } else { Ok(()) }
    }

    fn close(&mut self) -> Result<()> {
        let (Some((first, _)), Some((last, _))) = (self.open.first(), self.open.last()) else { return Ok(()) };
        let (first, last) = (first.clone(), last.clone());
        let range = NewNode::range(&self.open)?;
        self.metarange.push(RangeInfo { id: range.id, first, last });
        self.nodes.push(range);
        self.open.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<NewTree> {
        self.close()?;
        let metarange = NewNode::metarange(&self.metarange)?;
        let id = TreeId::of(metarange.id);
        self.nodes.push(metarange);
        Ok(NewTree { id, nodes: self.nodes })
    }
}

impl Trees {
    /// Returns the result of applying `edits` to `base`.
    pub(crate) async fn apply(&self, repository: i64, base: &TreeId, edits: Edits) -> Result<NewTree> {
        let metarange = self.metarange(repository, base).await?;
        let mut edits = edits.into_iter().peekable();
        let mut tree = Builder::default();
        for range in metarange.iter() {
            let touched = edits.peek().is_some_and(|(key, _)| *key <= range.last);
            // An unchanged range is reused if no range is open in the builder. The last range of a tree can end at any key. If keys
            // follow, that range is not reused: the keys are appended to its entries.
            let is_tail = !ends_range(&range.last) && edits.peek().is_some();
            if tree.open.is_empty() && !touched && !is_tail {
                tree.metarange.push(range.clone());
                continue;
            }
            for (key, entry) in self.range(repository, range.id).await?.iter() {
                put_up_to(&mut tree, &mut edits, Some(key))?;
                match edits.next_if(|(edited, _)| edited == key) {
                    None => tree.push(key.clone(), entry.clone())?,
                    Some((key, Some(replacement))) => tree.push(key, replacement)?,
                    Some((_, None)) => {}
                }
            }
        }
        put_up_to(&mut tree, &mut edits, None)?;
        tree.finish()
    }
}

type PendingEdits = Peekable<btree_map::IntoIter<Key, Option<Entry>>>;

/// Applies the edits whose keys are less than `key`, or all remaining edits if `key` is `None`.
fn put_up_to(tree: &mut Builder, edits: &mut PendingEdits, key: Option<&Key>) -> Result<()> {
    while let Some((edited, entry)) = edits.next_if(|(edited, _)| key.is_none_or(|key| edited < key)) {
        if let Some(entry) = entry {
            tree.push(edited, entry)?;
        }
    }
    Ok(())
}
