//! The error for a merge of two refs that changed the same paths.

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::ops::context::Ops;
use crate::ops::differences::Differences;
use crate::ops::reading::Reading;
use lakeport_lakefs::{DiffKind, DifferenceKind};
use lakeport_types::{BranchName, Prefix, Ref, RepositoryId};
use std::time::{Duration, Instant};

/// Maximum number of paths that the error names.
const NAMED: usize = 10;
/// Time after which the search for paths ends. The caller of the merge waits for it.
const SEARCH_LIMIT: Duration = Duration::from_secs(5);

/// Returns the error for a merge of `source` that conflicts. It names up to ten of the paths, if lakeFS lists them in time.
pub(in crate::ops) async fn merge_conflict(
    ops: &Ops,
    caller: &Caller,
    repository: &RepositoryId,
    source: &Ref,
    destination: &BranchName,
) -> Error {
    let paths = conflicts(ops, caller, repository, source, destination).await.unwrap_or_default();
    let more = if paths.len() < NAMED { "" } else { ", …" };
    let listed = if paths.is_empty() { String::new() } else { format!(" ({}{more})", paths.join(", ")) };
    let message =
        format!("{source} and branch {destination} changed the same paths{listed}: see Diff, or choose a strategy");
    Error::new(Kind::MergeConflict, message).about(paths)
}

/// Returns the first paths in conflict.
async fn conflicts(
    ops: &Ops,
    caller: &Caller,
    repository: &RepositoryId,
    source: &Ref,
    destination: &BranchName,
) -> Result<Vec<String>> {
    let (repository, reference) = (repository.clone(), Ref::from(destination));
    let left = Reading { repository, reference, commit: None, transaction: None };
    let mut changes = Differences::between(caller, left, source.clone(), DiffKind::ThreeDot, Prefix::default());
    let (began, mut paths) = (Instant::now(), Vec::new());
    while began.elapsed() < SEARCH_LIMIT
        && let Some(page) = changes.next(ops).await?
    {
        let conflicts = page.into_iter().filter(|difference| difference.kind == DifferenceKind::Conflict);
        paths.extend(conflicts.map(|difference| difference.path).take(NAMED - paths.len()));
        if paths.len() == NAMED {
            break;
        }
    }
    Ok(paths)
}
