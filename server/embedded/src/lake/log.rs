//! History of a ref.

use super::{Commit, Lake, Repository};
use crate::Result;
use crate::tree::TreeId;
use std::collections::{BinaryHeap, HashSet};

/// Selects commits of a history.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogQuery {
    /// Start after this commit (an ID or a unique prefix of an ID).
    pub(crate) after: String,
    pub(crate) amount: usize,
    /// If `objects` or `prefixes` is not empty, return only commits that changed one of these keys, or a key with one of these
    /// prefixes. Merge commits never match.
    pub(crate) objects: Vec<Vec<u8>>,
    pub(crate) prefixes: Vec<Vec<u8>>,
    /// Report that the first page is the last.
    pub(crate) limit: bool,
    pub(crate) first_parent: bool,
    /// Stop at the first commit that is older than this time, in Unix seconds.
    pub(crate) since: Option<i64>,
    /// Last commit to return.
    pub(crate) stop_at: Option<String>,
}

impl Lake {
    /// Returns a page of the history, newest commits first and children before parents, and whether more commits follow.
    pub(crate) async fn log(
        &self,
        repository: &Repository,
        expression: &str,
        query: &LogQuery,
    ) -> Result<(Vec<Commit>, bool)> {
        let resolved = self.resolve(repository, expression).await.map_err(|error| error.context("ref"))?;
        resolved.must_point_to_a_commit().map_err(|error| error.context("ref"))?;
        let stop_at = match &query.stop_at {
            Some(stop) => {
                Some(self.resolve(repository, stop).await.map_err(|error| error.context("stop_at"))?.commit_id)
            }
            None => None,
        };
        let mut history = History::new(self, repository, self.commit(repository, &resolved.commit_id).await?);
        let (mut commits, mut is_after) = (Vec::new(), query.after.is_empty());
        while let Some(commit) = history.next(query.first_parent).await? {
            if query.since.is_some_and(|since| commit.creation_date < since) {
                break;
            }
            let is_last = stop_at.as_ref() == Some(&commit.id);
            if is_after && self.matches(repository, &commit, query).await? {
                if commits.len() == query.amount {
                    return Ok((commits, !query.limit));
                }
                commits.push(commit);
            } else if !is_after {
                is_after = commit.id.starts_with(&query.after);
            }
            if is_last {
                break;
            }
        }
        Ok((commits, false))
    }

    /// Returns whether a commit changed one of the objects or prefixes of the query.
    async fn matches(&self, repository: &Repository, commit: &Commit, query: &LogQuery) -> Result<bool> {
        if query.objects.is_empty() && query.prefixes.is_empty() {
            return Ok(true);
        }
        let parent = match commit.parents.as_slice() {
            [] => TreeId::default(),
            [parent] => self.tree_of(repository, parent).await?,
            _ => return Ok(false),
        };
        let changes = self.trees.diff(repository.number, &parent, &commit.tree).await?;
        Ok(changes.iter().any(|change| {
            query.objects.contains(&change.key) || query.prefixes.iter().any(|prefix| change.key.starts_with(prefix))
        }))
    }
}

/// Iterator over a commit and its ancestors, newest first.
struct History<'a> {
    lake: &'a Lake,
    repository: &'a Repository,
    queue: BinaryHeap<(i64, i64, String)>,
    seen: HashSet<String>,
}

impl<'a> History<'a> {
    fn new(lake: &'a Lake, repository: &'a Repository, head: Commit) -> Self {
        let mut history = Self { lake, repository, queue: BinaryHeap::new(), seen: HashSet::new() };
        history.push(head);
        history
    }

    fn push(&mut self, commit: Commit) {
        if self.seen.insert(commit.id.clone()) {
            self.queue.push((commit.creation_date, commit.generation, commit.id));
        }
    }

    async fn next(&mut self, first_parent: bool) -> Result<Option<Commit>> {
        let Some((_, _, id)) = self.queue.pop() else { return Ok(None) };
        let commit = self.lake.commit(self.repository, &id).await?;
        let parents = if first_parent { commit.parents.get(..1).unwrap_or_default() } else { &commit.parents };
        for parent in parents {
            let parent = self.lake.commit(self.repository, parent).await?;
            self.push(parent);
        }
        Ok(Some(commit))
    }
}
