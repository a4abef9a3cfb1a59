//! `FileService.Delete`.

use crate::auth::Caller;
use crate::error::{Counts, Error, Kind, Result};
use crate::ops::context::{Ops, Shared};
use crate::ops::files::list::{List, Listing};
use crate::ops::files::settle::Change;
use crate::ops::place::Place;
use crate::ops::reading::Reading;
use crate::ops::writing::Writing;
use futures_util::{StreamExt, TryStreamExt, stream};
use lakeport_lakefs::{self as lakefs, DeleteFailure, Lakefs};
use lakeport_types::{ObjectPath, Prefix, Ref};
use std::collections::HashSet;

/// The objects to delete.
#[derive(Debug, Clone)]
pub enum DeleteTarget {
    /// These objects.
    Paths(Vec<ObjectPath>),
    /// The object with this key, and all objects below it. With a trailing `/`: all objects with this prefix.
    Tree(ObjectPath),
}

/// Result of one batch of a deletion.
#[derive(Debug, Default)]
pub struct DeletionProgress {
    /// Number of deleted objects.
    pub deleted: u64,
    /// Paths that could not be deleted.
    pub failures: Vec<(String, Error)>,
}

/// A deletion in progress. Each call of [`next`](Self::next) deletes a batch.
pub struct Deletion {
    caller: Caller,
    writing: Writing,
    allow_missing: bool,
    is_single: bool,
    found_any: bool,
    counts: Counts,
    todo: Todo,
}

enum Todo {
    Paths(Vec<ObjectPath>),
    Tree(Box<Listing>, ObjectPath),
    Nothing,
}

/// Starts a deletion.
///
/// # Errors
/// Those of the place.
pub async fn delete(
    ops: &Shared,
    caller: &Caller,
    place: &Place,
    target: DeleteTarget,
    allow_missing: bool,
) -> Result<Deletion> {
    let writing = ops.writing(caller, place).await?;
    let is_single = !allow_missing && matches!(&target, DeleteTarget::Paths(paths) if paths.len() == 1);
    // lakeFS reports success for a batch deletion on a branch that does not exist, but not for the deletion of one object.
    if !is_single && let Err(error) = caller.lakefs.branch(&writing.repository, &writing.branch).await {
        return Err(writing.refused(ops, caller, error).await);
    }
    let todo = match target {
        DeleteTarget::Paths(mut paths) => {
            paths.reverse();
            Todo::Paths(paths)
        }
        DeleteTarget::Tree(root) => Todo::Tree(Box::new(below(caller, &writing, &root)), root),
    };
    let (caller, counts) = (caller.clone(), Counts::default());
    Ok(Deletion { caller, writing, allow_missing, is_single, found_any: false, counts, todo })
}

/// Lists all objects at or below a root.
fn below(caller: &Caller, writing: &Writing, root: &ObjectPath) -> Listing {
    let reading = Reading {
        repository: writing.repository.clone(),
        reference: Ref::from(&writing.branch),
        commit: None,
        transaction: writing.transaction.clone(),
    };
    Listing::new(caller, reading, tree(root))
}

/// Returns a listing of all keys with the prefix `root`. It also has keys like `root2`, which [`is_below`] filters out.
pub(in crate::ops) fn tree(root: &ObjectPath) -> List {
    List {
        prefix: Prefix::from(root),
        delimiter: String::new(),
        glob: None,
        max_depth: 0,
        limit: 0,
        after: String::new(),
    }
}

/// Parses keys. A key that is not a valid path in lakeport (with a NUL in it) becomes a failure instead of being
/// skipped silently.
pub(in crate::ops) fn parsed(
    keys: impl Iterator<Item = String>,
    failures: &mut Vec<(String, Error)>,
) -> Vec<ObjectPath> {
    let paths = keys.filter_map(|key| match ObjectPath::try_from(key.as_str()) {
        Ok(path) => Some(path),
        Err(error) => {
            failures.push((key, Error::field("path", error)));
            None
        }
    });
    paths.collect()
}

/// Returns whether a key is the root itself or below it. `x2` is not below `x`, but has its prefix.
pub(in crate::ops) fn is_below(root: &ObjectPath, key: &str) -> bool {
    match key.strip_prefix(root.as_str()) {
        Some("") => true,
        Some(rest) => root.as_str().ends_with('/') || rest.starts_with('/'),
        None => false,
    }
}

impl Deletion {
    /// Deletes the next batch. Returns `None` after the last one.
    ///
    /// # Errors
    /// `PartialFailure` after the last batch if some paths failed; `ObjectNotFound` for an empty tree unless
    /// `allow_missing`; the error of a batch that failed as a whole.
    pub async fn next(&mut self, ops: &Shared) -> Result<Option<DeletionProgress>> {
        match self.next_batch(ops).await? {
            Some(progress) => {
                self.counts.succeeded += progress.deleted;
                self.counts.failed += progress.failures.len() as u64;
                Ok(Some(progress))
            }
            None if self.counts.failed > 0 => {
                Err(Error::partial(self.counts, "deleted", "see the failures in the messages of the response"))
            }
            None => Ok(None),
        }
    }

    async fn next_batch(&mut self, ops: &Shared) -> Result<Option<DeletionProgress>> {
        ops.keep_alive(self.writing.transaction.as_deref()).await?;
        let mut progress = DeletionProgress::default();
        let batch = match &mut self.todo {
            Todo::Nothing => return Ok(None),
            Todo::Paths(paths) if paths.is_empty() => return Ok(None),
            Todo::Paths(paths) => paths.split_off(paths.len().saturating_sub(Lakefs::MAX_DELETE)),
            Todo::Tree(listing, root) => match listing.next(ops).await? {
                None => {
                    let not_found =
                        Error::new(Kind::ObjectNotFound, format!("no object at or below {:?}", root.as_str()));
                    let not_found = not_found.about([root.as_str()]);
                    self.todo = Todo::Nothing;
                    return if self.found_any || self.allow_missing { Ok(None) } else { Err(not_found) };
                }
                Some(page) => {
                    let keys = page.entries.into_iter().map(|entry| entry.path).filter(|key| is_below(root, key));
                    parsed(keys, &mut progress.failures)
                }
            },
        };
        let batch = if self.allow_missing || matches!(self.todo, Todo::Tree(..)) {
            batch
        } else {
            self.only_existing(ops, batch, &mut progress).await?
        };
        self.found_any |= !batch.is_empty();
        self.delete(ops, batch, &mut progress).await?;
        Ok(Some(progress))
    }

    /// Returns the paths that exist, and adds a failure for each other path. lakeFS itself reports success if it
    /// deletes a missing object.
    async fn only_existing(
        &self,
        ops: &Ops,
        batch: Vec<ObjectPath>,
        progress: &mut DeletionProgress,
    ) -> Result<Vec<ObjectPath>> {
        let branch = Ref::from(&self.writing.branch);
        let Writing { repository, transaction, .. } = &self.writing;
        let reading = Reading {
            repository: repository.clone(),
            reference: branch.clone(),
            commit: None,
            transaction: transaction.clone(),
        };
        let checked: Vec<(ObjectPath, Option<Error>)> = stream::iter(batch)
            .map(async |path| match self.caller.lakefs.stat(&self.writing.repository, &branch, &path).await {
                Ok(_) => Ok((path, None)),
                Err(error) if error.kind() == lakefs::Kind::NotFound => {
                    match ops.missing(&self.caller, &reading, &path).await {
                        missing if missing.kind() == Kind::ObjectNotFound => Ok((path, Some(missing))),
                        // The branch itself does not exist, so the state of the object is unknown.
                        error => Err(error),
                    }
                }
                Err(error) => Err(self.caller.explain(error.into()).await),
            })
            .buffered(ops.limits.fan_out)
            .try_collect()
            .await?;
        let mut existing = Vec::new();
        for (path, missing) in checked {
            match missing {
                None => existing.push(path),
                Some(missing) => progress.failures.push((path.into_string(), missing)),
            }
        }
        Ok(existing)
    }

    async fn delete(&mut self, ops: &Shared, batch: Vec<ObjectPath>, progress: &mut DeletionProgress) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        self.writing = ops.settled(&self.caller, self.writing.clone(), &batch).await?;
        let (shared, caller, writing, paths) = (ops.clone(), self.caller.clone(), self.writing.clone(), batch.clone());
        let is_single = self.is_single;
        let request = async move {
            match paths.as_slice() {
                [path] if is_single => delete_one(&shared, &caller, &writing, path).await,
                _ => delete_all(shared, caller, writing, paths).await,
            }
        };
        let failures = ops.run_recorded(&self.caller, &self.writing, batch.clone(), request).await?;
        let failed: HashSet<&str> = failures.iter().map(|failure| failure.path.as_str()).collect();
        let deleted = batch.into_iter().filter(|path| !failed.contains(path.as_str()));
        let changes: Vec<Change> = deleted.map(Change::Deleted).collect();
        let outcomes = ops.acknowledge(&self.caller, &self.writing, &changes).await?;
        for (change, outcome) in changes.iter().zip(outcomes) {
            match outcome {
                Ok(()) => progress.deleted += 1,
                Err(error) => progress.failures.push((change.path().to_owned(), error)),
            }
        }
        for failure in failures {
            let error = self.writing.refused(ops, &self.caller, failure.error).await;
            progress.failures.push((failure.path, error));
        }
        Ok(())
    }
}

/// Sends one request to lakeFS, and returns the objects that it could not delete.
pub(in crate::ops) async fn delete_all(
    ops: Shared,
    caller: Caller,
    writing: Writing,
    paths: Vec<ObjectPath>,
) -> Result<Vec<DeleteFailure>> {
    let deleted = caller.lakefs.delete_many(&writing.repository, &writing.branch, &paths).await;
    outcome(&ops, &caller, &writing, &paths, deleted).await
}

/// Like [`delete_all`], for a single object. Fails if the branch does not exist.
async fn delete_one(ops: &Shared, caller: &Caller, writing: &Writing, path: &ObjectPath) -> Result<Vec<DeleteFailure>> {
    let deleted = caller.lakefs.delete(&writing.repository, &writing.branch, path).await;
    outcome(ops, caller, writing, std::slice::from_ref(path), deleted.map(|()| Vec::new())).await
}

async fn outcome(
    ops: &Shared,
    caller: &Caller,
    writing: &Writing,
    paths: &[ObjectPath],
    deleted: lakefs::Result<Vec<DeleteFailure>>,
) -> Result<Vec<DeleteFailure>> {
    match deleted {
        Ok(failures) => Ok(failures),
        Err(error) if error.is_ambiguous() => Err(ops.guard_lost_change(writing, paths, error).await),
        Err(error) => Err(writing.refused(ops, caller, error).await),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_excludes_keys_that_only_share_a_prefix() {
        let root = |path: &str| ObjectPath::try_from(path).unwrap();
        assert!(is_below(&root("x/file1"), "x/file1"));
        assert!(is_below(&root("x/file1"), "x/file1/a"));
        assert!(!is_below(&root("x/file1"), "x/file10"));
        assert!(is_below(&root("x/"), "x/"));
        assert!(is_below(&root("x/"), "x/a"));
        assert!(!is_below(&root("x/"), "x"));
        assert!(!is_below(&root("x"), "y"));
    }
}
