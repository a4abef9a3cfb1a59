//! The error for a merge into a branch with uncommitted changes.

use crate::error::{Error, Kind};
use lakeport_lakefs::Lakefs;
use lakeport_types::{BranchName, RepositoryId};

/// Maximum number of paths that the error names.
const NAMED: usize = 10;

/// Returns the error for a branch with uncommitted changes. It names up to ten of the paths, if lakeFS can list them now.
pub(in crate::ops) async fn dirty_branch(lakefs: &Lakefs, repository: &RepositoryId, branch: &BranchName) -> Error {
    let changes = lakefs.uncommitted(repository, branch, "", "", NAMED + 1).await;
    let mut paths: Vec<String> =
        changes.map(|page| page.results).unwrap_or_default().into_iter().map(|c| c.path).collect();
    let more = if paths.len() > NAMED { ", …" } else { "" };
    paths.truncate(NAMED);
    let listed = if paths.is_empty() { String::new() } else { format!(" ({}{more})", paths.join(", ")) };
    let message = format!("branch {branch} has uncommitted changes{listed}: commit or reset them, then try again");
    Error::new(Kind::BaseDirty, message).about(paths)
}
