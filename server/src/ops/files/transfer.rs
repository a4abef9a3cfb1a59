//! Copies and moves objects.

use crate::auth::Caller;
use crate::error::{Counts, Error, Kind, Result};
use crate::ops::context::{Ops, Shared};
use crate::ops::errors::on_another_branch;
use crate::ops::files::copy_across::copy_across;
use crate::ops::files::delete::{delete_all, is_below, tree};
use crate::ops::files::file_info::FileInfo;
use crate::ops::files::guards::check_settled;
use crate::ops::files::list::Listing;
use crate::ops::files::settle::Change;
use crate::ops::files::unchanged::{self, replaced};
use crate::ops::place::Place;
use crate::ops::reading::Reading;
use crate::ops::writing::Writing;
use futures_util::{StreamExt, stream};
use lakeport_lakefs::{self as lakefs, Lakefs, Listed, ObjectStats};
use lakeport_types::{ObjectPath, Ref, RepositoryId};
use std::collections::{HashMap, HashSet};

/// Number of objects on a page of a listing.
const PAGE: usize = 1000;

/// Maximum number of pages of destinations that are compared with one page of sources.
const MAX_COMPARED_PAGES: usize = 4;

/// Parameters of a copy or a move.
#[derive(Debug, Clone)]
pub struct TransferParams {
    /// Repository of the source. `None`: that of the destination.
    pub source_repository: Option<RepositoryId>,
    /// Ref of the source. `None`: the branch of the destination.
    pub source_ref: Option<Ref>,
    /// The object, or the root of a tree.
    pub source: ObjectPath,
    /// The new object, or the root of the new tree.
    pub destination: ObjectPath,
    /// Whether objects below the source are transferred, too.
    pub recursive: bool,
}

/// Result of one batch of a transfer.
#[derive(Debug, Default)]
pub struct TransferProgress {
    /// Stored destinations.
    pub paths: Vec<String>,
    /// Sources that could not be transferred.
    pub failures: Vec<(String, Error)>,
}

/// A copy or move in progress. Each call of [`next`](Self::next) transfers a batch.
pub struct Transfer {
    caller: Caller,
    writing: Writing,
    from: Reading,
    params: TransferParams,
    listing: Option<Listing>,
    is_move: bool,
    /// In a move: sources that were copied.
    copied: Vec<Copied>,
    /// In a move: number of deleted sources. They are the first of `copied`.
    deleted: usize,
    counts: Counts,
    found_any: bool,
    is_started: bool,
    /// The last destination that was compared with its source.
    compared_until: String,
    phase: Phase,
}

/// A source to copy.
struct ToCopy {
    source: ObjectPath,
    /// The object at the destination, if it is a copy already.
    copy: Option<ObjectStats>,
}

/// A copied source of a move.
struct Copied {
    source: ObjectPath,
    /// The etag of the copy.
    etag: String,
}

/// Phase of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Copying,
    Deleting,
    Done,
}

pub(in crate::ops) async fn start(
    ops: &Shared,
    caller: &Caller,
    place: &Place,
    params: TransferParams,
    is_move: bool,
) -> Result<Transfer> {
    let mut writing = ops.writing(caller, place).await?;
    if writing.has_other_requests && !params.recursive {
        let paths = [params.source.clone(), params.destination.clone()];
        writing = Box::pin(ops.after_other_requests(caller, writing, &paths)).await?;
    }
    let branch = Ref::from(&writing.branch);
    let from = Reading {
        repository: params.source_repository.clone().unwrap_or_else(|| writing.repository.clone()),
        reference: params.source_ref.clone().unwrap_or_else(|| branch.clone()),
        commit: None,
        transaction: None,
    };
    // `main$` and `main@` are names of branch `main`, too.
    let is_same_branch = from.reference.as_str().trim_end_matches(['$', '@']) == branch.as_str();
    if from.repository == writing.repository && is_same_branch {
        reject_overlap(&params)?;
    }
    let listing = params.recursive.then(|| Listing::new(caller, from.clone(), tree(&params.source)));
    Ok(Transfer {
        caller: caller.clone(),
        writing,
        from,
        params,
        listing,
        is_move,
        copied: Vec::new(),
        deleted: 0,
        counts: Counts::default(),
        found_any: false,
        is_started: false,
        compared_until: String::new(),
        phase: Phase::Copying,
    })
}

/// Returns whether an object is a copy of a source. Like lakeFS's own comparisons, this compares checksums, not bytes.
fn is_copy(source: &FileInfo, found: &ObjectStats) -> bool {
    let found = FileInfo::from(found.clone());
    found.etag == source.etag
        && found.size == source.size
        && found.content_type == source.content_type
        && found.metadata == source.metadata
}

fn reject_overlap(params: &TransferParams) -> Result<()> {
    let (source, destination) = (&params.source, &params.destination);
    let nested = params.recursive && (is_below(source, destination.as_str()) || is_below(destination, source.as_str()));
    if source == destination || nested {
        return Err(Error::field(
            "source_path",
            format!("{:?} overlaps with path {:?}: choose another path", source.as_str(), destination.as_str()),
        ));
    }
    Ok(())
}

impl Transfer {
    /// Transfers the next batch; `None` after the last one. A move returns a path only after its source is deleted.
    ///
    /// # Errors
    /// `PartialFailure` after the last copy if some objects failed; `ObjectNotFound` if there is no source; the error
    /// of a batch that failed as a whole.
    pub async fn next(&mut self, ops: &Shared) -> Result<Option<TransferProgress>> {
        while self.phase == Phase::Copying {
            ops.keep_alive(self.writing.transaction.as_deref()).await?;
            match self.sources(ops).await? {
                None => self.end_copying(ops).await?,
                Some(sources) if sources.is_empty() => {}
                Some(sources) => {
                    self.found_any = true;
                    let mut progress = self.copy(ops, sources).await?;
                    self.counts.succeeded += progress.paths.len() as u64;
                    self.counts.failed += progress.failures.len() as u64;
                    if self.is_move && self.listing.is_none() {
                        continue;
                    }
                    if self.is_move {
                        // The message without paths tells the client that the move makes progress.
                        progress.paths.clear();
                    }
                    return Ok(Some(progress));
                }
            }
        }
        if self.phase == Phase::Deleting { self.delete_sources(ops).await } else { Ok(None) }
    }

    /// Ends the copy phase. A move continues with the deletion of the sources if all copies succeeded.
    async fn end_copying(&mut self, ops: &Shared) -> Result<()> {
        self.phase = if self.is_move { Phase::Deleting } else { Phase::Done };
        let source = self.params.source.as_str();
        if !self.found_any {
            let message = format!("no object at or below {source:?} in repository {}", self.from.repository);
            return Err(Error::new(Kind::ObjectNotFound, message).about([source]));
        }
        if self.counts.failed > 0 {
            let next = match self.is_move {
                true => "no source was deleted; move again",
                false => "see the failures in the messages of the response",
            };
            return Err(Error::partial(self.counts, "copied", next));
        }
        self.counts = Counts::default();
        let sources: Vec<ObjectPath> = self.copied.iter().map(|copied| copied.source.clone()).collect();
        self.settle(ops, &sources).await
    }

    /// Waits until no earlier request can change the paths any more.
    async fn settle(&mut self, ops: &Shared, paths: &[ObjectPath]) -> Result<()> {
        let settled = ops.settled(&self.caller, self.writing.clone(), paths).await?;
        // The sources may be on the former branch.
        if let Some(now) = settled.transaction.as_ref().filter(|_| settled.branch != self.writing.branch) {
            return Err(on_another_branch(now));
        }
        self.writing = settled;
        Ok(())
    }

    /// Returns the next sources; `None` after the last ones.
    async fn sources(&mut self, ops: &Ops) -> Result<Option<Vec<ToCopy>>> {
        let Some(listing) = &mut self.listing else {
            let is_first = !std::mem::replace(&mut self.is_started, true);
            return Ok(is_first.then(|| vec![ToCopy { source: self.params.source.clone(), copy: None }]));
        };
        let Some(page) = listing.next(ops).await? else { return Ok(None) };
        let entries = page.entries.into_iter().filter(|entry| is_below(&self.params.source, &entry.path));
        let entries: Vec<FileInfo> = entries.collect();
        let mut copies = self.existing_copies(&entries).await?;
        // A key that is not a valid path in lakeport (with a NUL in it) fails the call instead of being skipped silently.
        let sources = entries.into_iter().map(|entry| {
            let copy = copies.remove(&entry.path);
            let source = ObjectPath::try_from(entry.path).map_err(|error| Error::field("source_path", error))?;
            Ok(ToCopy { source, copy })
        });
        Ok(Some(sources.collect::<Result<_>>()?))
    }

    /// Returns the destinations that already have the object of their source, by source. A retry thus continues where an earlier
    /// call stopped. Looks at the same range of keys as the sources, and stops early if that has many other objects.
    async fn existing_copies(&mut self, sources: &[FileInfo]) -> Result<HashMap<String, ObjectStats>> {
        let Some(last) = sources.last() else { return Ok(HashMap::new()) };
        let (root, below) = (&self.params.source, &self.params.destination);
        let destination = |source: &str| format!("{below}{}", source.strip_prefix(root.as_str()).unwrap_or_default());
        let by_destination: HashMap<String, &FileInfo> =
            sources.iter().map(|source| (destination(&source.path), source)).collect();
        let last = destination(&last.path);
        let branch = Ref::from(&self.writing.branch);
        let mut after = std::mem::replace(&mut self.compared_until, last.clone());
        let mut copies = HashMap::new();
        for _ in 0..MAX_COMPARED_PAGES {
            let listing = self.caller.lakefs.list(&self.writing.repository, &branch, below.as_str(), &after, "", PAGE);
            // A branch that does not exist is reported by the copies.
            let Ok(page) = listing.await else { break };
            for listed in page.results {
                let Listed::Object(stats) = listed else { continue };
                if let Some(source) = by_destination.get(&stats.path).filter(|source| is_copy(source, &stats)) {
                    copies.insert(source.path.clone(), stats);
                }
            }
            match page.next {
                Some(next) if next < last => after = next,
                _ => break,
            }
        }
        Ok(copies)
    }

    async fn copy(&mut self, ops: &Shared, sources: Vec<ToCopy>) -> Result<TransferProgress> {
        let paths: Vec<ObjectPath> =
            sources.iter().filter_map(|to_copy| self.destination(&to_copy.source).try_into().ok()).collect();
        // If a path is not settled yet, only its copy fails.
        let _ = self.settle(ops, &paths).await;
        let this = &*self;
        let copies = stream::iter(sources)
            .map(async |ToCopy { source, copy }| {
                let copied = this.copy_one(ops, &source, copy).await;
                (source, copied)
            })
            .buffered(ops.limits.fan_out)
            .collect::<Vec<_>>();
        let copies = ops.while_renewing(&this.writing, async { Ok(copies.await) }).await?;
        let changes: Vec<Change> = copies.iter().filter_map(|(_, copied)| copied.as_ref().ok().cloned()).collect();
        let mut outcomes = ops.acknowledge(&self.caller, &self.writing, &changes).await?.into_iter();
        let mut progress = TransferProgress::default();
        for (source, copied) in copies {
            let acknowledged = copied.and_then(|change| outcomes.next().unwrap_or(Ok(())).map(|()| change));
            match acknowledged {
                Ok(change) => {
                    progress.paths.push(change.path().to_owned());
                    if self.is_move {
                        let etag = change.into_stats().map(|stats| stats.checksum).unwrap_or_default();
                        self.copied.push(Copied { source, etag });
                    }
                }
                Err(error) if self.listing.is_none() => return Err(error),
                Err(error) => progress.failures.push((source.into_string(), error)),
            }
        }
        Ok(progress)
    }

    /// Returns the destination of a source.
    fn destination(&self, source: &ObjectPath) -> String {
        let below = source.as_str().strip_prefix(self.params.source.as_str()).unwrap_or_default();
        format!("{}{below}", self.params.destination)
    }

    async fn copy_one(&self, ops: &Shared, source: &ObjectPath, copy: Option<ObjectStats>) -> Result<Change> {
        let destination = self.destination(source);
        let destination = ObjectPath::try_from(destination).map_err(|error| Error::field("path", error))?;
        check_settled(&self.writing, &destination)?;
        if let Some(copy) = copy {
            return Ok(Change::Put(Box::new(copy)));
        }
        if self.from.repository != self.writing.repository {
            return copy_across(ops, &self.caller, (&self.from, source), (&self.writing, &destination)).await;
        }
        let (task_ops, caller, writing, from) =
            (ops.clone(), self.caller.clone(), self.writing.clone(), self.from.clone());
        let (source, to) = (source.clone(), destination.clone());
        let request = async move {
            let copied = caller.lakefs.copy(&writing.repository, &writing.branch, &to, &from.reference, &source).await;
            match copied {
                Ok(stats) => Ok(Change::Put(Box::new(stats))),
                Err(error) if error.kind() == lakefs::Kind::NotFound => {
                    Err(task_ops.missing(&caller, &from, &source).await)
                }
                Err(error) if error.is_ambiguous() => Err(task_ops.guard_lost_change(&writing, &[to], error).await),
                Err(error) => Err(writing.refused(&task_ops, &caller, error).await),
            }
        };
        ops.run_recorded(&self.caller, &self.writing, vec![destination], request).await
    }

    /// Deletes the next sources; `None` after the last ones.
    async fn delete_sources(&mut self, ops: &Shared) -> Result<Option<TransferProgress>> {
        let left = &self.copied[self.deleted..];
        let batch = &left[..left.len().min(Lakefs::MAX_DELETE)];
        if batch.is_empty() {
            return self.end_deleting();
        }
        ops.keep_alive(self.writing.transaction.as_deref()).await?;
        let etags: HashMap<&str, &str> =
            batch.iter().map(|copied| (copied.source.as_str(), copied.etag.as_str())).collect();
        let sources: Vec<ObjectPath> = batch.iter().map(|copied| copied.source.clone()).collect();
        let is_unchanged = |source: &ObjectStats| etags.get(source.path.as_str()) == Some(&source.checksum.as_str());
        let checked = unchanged::check(ops, &self.caller, &self.writing, &sources, is_unchanged).await?;
        let mut failures: Vec<(String, Error)> =
            checked.changed.iter().map(|source| (source.as_str().to_owned(), replaced(source))).collect();
        if !checked.unchanged.is_empty() {
            failures.extend(self.delete(ops, checked.unchanged).await?);
        }
        let failed: HashSet<&str> = failures.iter().map(|(source, _)| source.as_str()).collect();
        let deleted = sources.iter().filter(|source| !failed.contains(source.as_str()));
        let paths: Vec<String> = deleted.map(|source| self.destination(source)).collect();
        self.deleted += sources.len();
        self.counts.succeeded += paths.len() as u64;
        self.counts.failed += failures.len() as u64;
        match failures.pop() {
            Some((_, error)) if self.listing.is_none() => Err(error),
            last => {
                failures.extend(last);
                Ok(Some(TransferProgress { paths, failures }))
            }
        }
    }

    /// Deletes sources, and returns those that could not be deleted.
    async fn delete(&self, ops: &Shared, sources: Vec<ObjectPath>) -> Result<Vec<(String, Error)>> {
        let request = delete_all(ops.clone(), self.caller.clone(), self.writing.clone(), sources.clone());
        let mut failures = Vec::new();
        for failure in ops.run_recorded(&self.caller, &self.writing, sources.clone(), request).await? {
            failures.push((failure.path, self.writing.refused(ops, &self.caller, failure.error).await));
        }
        let failed: HashSet<&str> = failures.iter().map(|(source, _)| source.as_str()).collect();
        let deleted = sources.into_iter().filter(|source| !failed.contains(source.as_str()));
        let changes: Vec<Change> = deleted.map(Change::Deleted).collect();
        ops.acknowledge(&self.caller, &self.writing, &changes).await?.into_iter().collect::<Result<()>>()?;
        Ok(failures)
    }

    fn end_deleting(&mut self) -> Result<Option<TransferProgress>> {
        self.phase = Phase::Done;
        match self.counts.failed {
            0 => Ok(None),
            _ => Err(Error::partial(
                self.counts,
                "deleted",
                "all are copied; see the failures in the messages of the response",
            )),
        }
    }
}
