//! Finds transaction branches without a row. Such branches remain if a session store is lost, or if lakeFS creates a
//! branch long after the request.

use crate::error::Result;
use crate::ops::branches::{delete_branch, is_gone};
use lakeport_lakefs::{self as lakefs, Branch, Lakefs};
use lakeport_transactions::SessionStore;
use lakeport_types::{BranchName, Ref, RepositoryId, TRANSACTION_BRANCH_PREFIX};
use std::collections::HashSet;

/// Maximum number of uncommitted paths that are listed.
const MAX_LISTED: usize = 3;

/// Maximum number of uncommitted paths that are counted.
const MAX_COUNTED: usize = 1000;

/// Repositories or branches per page.
const PAGE: usize = 1000;

/// A transaction branch without a row, and its contents.
#[derive(Debug)]
pub struct Stray {
    /// The branch. Its name contains its creation time.
    pub branch: BranchName,
    /// Message of its last commit.
    pub message: String,
    /// Number of uncommitted paths, at most 1,000.
    pub uncommitted: usize,
    /// Whether there are more uncommitted paths.
    pub is_more: bool,
    /// The first uncommitted paths, at most three.
    pub paths: Vec<String>,
}

/// Returns all repositories that the service's account can list.
///
/// # Errors
/// Those of lakeFS.
pub async fn all_repositories(lakefs: &Lakefs) -> Result<Vec<RepositoryId>> {
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let page = lakefs.repositories("", &after, PAGE).await?;
        // lakeport rejects some names of repositories in lakeFS. A repository with such a name has no transactions.
        found.extend(page.results.into_iter().filter_map(|repository| RepositoryId::try_from(repository.id).ok()));
        match page.next {
            Some(next) => after = next,
            None => return Ok(found),
        }
    }
}

/// Returns the transaction branches of a repository that have no row.
///
/// # Errors
/// Those of lakeFS and of the store.
pub async fn strays(lakefs: &Lakefs, store: &SessionStore, repository: &RepositoryId) -> Result<Vec<Stray>> {
    // Branches first, rows second: a row is stored before its branches are created.
    let branches = transaction_branches(lakefs, repository).await?;
    let known = known_branches(store, repository).await?;
    let mut strays = Vec::new();
    for Branch { id, .. } in branches {
        let Ok(branch) = BranchName::try_from(id) else { continue };
        if !known.contains(&branch)
            && let Some(stray) = describe(lakefs, repository, branch).await?
        {
            strays.push(stray);
        }
    }
    Ok(strays)
}

async fn transaction_branches(lakefs: &Lakefs, repository: &RepositoryId) -> Result<Vec<Branch>> {
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let page = lakefs.branches(repository, TRANSACTION_BRANCH_PREFIX, &after, PAGE, true).await?;
        found.extend(page.results);
        match page.next {
            Some(next) => after = next,
            None => return Ok(found),
        }
    }
}

/// Returns the branches of all rows that are not clean, and all live branches that were kept. A branch of any other row
/// was created after the cleanup of that row.
async fn known_branches(store: &SessionStore, repository: &RepositoryId) -> Result<HashSet<BranchName>> {
    let rows = store.with_branches(repository).await?;
    let kept = rows.iter().filter(|row| row.is_kept_in_place()).map(|row| row.branch.clone());
    Ok(rows.iter().flat_map(lakeport_transactions::Transaction::branches).chain(kept).collect())
}

/// Reads the contents of a branch. Returns `None` if the branch no longer exists.
async fn describe(lakefs: &Lakefs, repository: &RepositoryId, branch: BranchName) -> Result<Option<Stray>> {
    let contents = async {
        let head = lakefs.get_commit(repository, &Ref::from(&branch)).await?;
        let changes = lakefs.uncommitted(repository, &branch, "", "", MAX_COUNTED).await?;
        Ok::<_, lakefs::Error>((head, changes))
    };
    match contents.await {
        Ok((head, changes)) => Ok(Some(Stray {
            branch,
            message: head.message,
            uncommitted: changes.results.len(),
            is_more: changes.next.is_some(),
            paths: changes.results.into_iter().take(MAX_LISTED).map(|change| change.path).collect(),
        })),
        Err(error) if is_gone(error.kind()) || error.kind() == lakefs::Kind::CommitNotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Deletes a transaction branch without a row.
///
/// # Errors
/// Those of lakeFS.
pub async fn delete_stray(lakefs: &Lakefs, repository: &RepositoryId, branch: &BranchName) -> Result<()> {
    delete_branch(lakefs, repository, branch).await
}
