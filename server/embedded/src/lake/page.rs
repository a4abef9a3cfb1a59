//! Pages of sorted items: objects, changes and names.

use crate::Result;
use crate::tree::{Change, Key};
use std::collections::VecDeque;

/// Selects a page of a listing.
#[derive(Debug, Clone, Default)]
pub(crate) struct ListQuery {
    pub(crate) prefix: Key,
    /// Start after this key, which need not exist. If it is a common prefix, start after all keys with that prefix.
    pub(crate) after: Key,
    /// Group keys that contain the delimiter after the prefix into common prefixes. If empty, do not group keys.
    pub(crate) delimiter: Key,
    /// Maximum number of results.
    pub(crate) amount: usize,
}

/// Page of a listing.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub(crate) results: Vec<T>,
    /// Value of `after` for the next page; `None` on the last page.
    pub(crate) next: Option<Key>,
}

/// Key with its item, or a common prefix.
#[derive(Debug)]
pub(crate) enum Listed<T> {
    Item(Key, T),
    Prefix(Key),
}

/// Sorted sequence of keys and items with random access by key.
pub(super) trait Source {
    type Item;

    /// Returns the first key that is greater than or equal to `from`, and its item. `from` must be greater than in the
    /// previous call.
    async fn first_from(&mut self, from: &[u8]) -> Result<Option<(Key, Self::Item)>>;
}

/// Returns a page of a source.
pub(super) async fn page<S: Source>(source: &mut S, query: &ListQuery) -> Result<Page<Listed<S::Item>>> {
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
                from = after_prefix(prefix);
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
    /// Returns the smallest key that can be on the page.
    pub(super) fn start(&self) -> Key {
        let after = match self.common_prefix(&self.after) {
            _ if self.after.is_empty() => Key::new(),
            Some(prefix) if prefix == self.after => after_prefix(prefix),
            _ => successor(&self.after),
        };
        after.max(self.prefix.clone())
    }

    /// Returns the common prefix into which a key is grouped, if any.
    fn common_prefix<'k>(&self, key: &'k [u8]) -> Option<&'k [u8]> {
        let rest = key.strip_prefix(self.prefix.as_slice())?;
        if self.delimiter.is_empty() {
            return None;
        }
        let at = rest.windows(self.delimiter.len()).position(|window| window == self.delimiter)?;
        key.get(..self.prefix.len() + at + self.delimiter.len())
    }
}

/// Returns the smallest key that is greater than `key`.
pub(super) fn successor(key: &[u8]) -> Key {
    [key, b"\0"].concat()
}

/// Returns the smallest key that is greater than all keys with `prefix`.
fn after_prefix(prefix: &[u8]) -> Key {
    let end = prefix.iter().rposition(|&byte| byte < 0xff).map_or(0, |at| at + 1);
    let mut key = prefix[..end].to_vec();
    if let Some(last) = key.last_mut() {
        *last += 1;
    }
    key
}

/// Returns a page of changes. The changes must be sorted by key.
pub(crate) async fn paginate(changes: Vec<Change>, query: &ListQuery) -> Result<Page<Listed<Change>>> {
    page(&mut Sorted(changes.into()), query).await
}

/// Returns a page of items. The items must be sorted by name.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_after_a_prefix_is_greater_than_all_keys_with_the_prefix() {
        assert_eq!(after_prefix(b"a/"), b"a0");
        assert_eq!(after_prefix(b"a\xff"), b"b");
        assert_eq!(after_prefix(b"a\xff\xff"), b"b");
    }
}
