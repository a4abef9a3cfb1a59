//! Branches of transactions that no row knows: of a session store that was lost, or made by lakeFS long after it was asked to.

use crate::error::Result;
use crate::ops::transactions::branches::{delete_branch, is_gone};
use lakeport_lakefs::{self as lakefs, Branch, Lakefs};
use lakeport_transactions::SessionStore;
use lakeport_types::{BranchName, Ref, RepositoryId, TRANSACTION_BRANCH_PREFIX};
use std::collections::HashSet;

/// Paths that are named of what is uncommitted.
const NAMED: usize = 3;

/// Uncommitted paths that are counted.
const COUNTED: usize = 1000;

/// Repositories and branches of a page.
const PAGE: usize = 1000;

/// A branch that no row knows, and what is in it.
#[derive(Debug)]
pub struct Stray {
    /// Its name says when it was made.
    pub branch: BranchName,
    /// What its last commit said.
    pub message: String,
    /// Uncommitted paths, counted up to a thousand.
    pub uncommitted: usize,
    /// Whether there are more.
    pub is_more: bool,
    /// Some of them.
    pub paths: Vec<String>,
}

/// All repositories that the service sees.
///
/// # Errors
/// Those of lakeFS.
pub async fn all_repositories(lakefs: &Lakefs) -> Result<Vec<RepositoryId>> {
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let page = lakefs.repositories("", &after, PAGE).await?;
        // One that is no repository by the grammar has no branches of ours.
        found.extend(page.results.into_iter().filter_map(|repository| RepositoryId::try_from(repository.id).ok()));
        match page.next {
            Some(next) => after = next,
            None => return Ok(found),
        }
    }
}

/// The branches of transactions in a repository that no row knows.
///
/// # Errors
/// Those of lakeFS and of the store.
pub async fn strays(lakefs: &Lakefs, store: &SessionStore, repository: &RepositoryId) -> Result<Vec<Stray>> {
    // In this order: a row stands before its branches are made.
    let branches = transaction_branches(lakefs, repository).await?;
    let known = known_branches(store, repository).await?;
    let mut strays = Vec::new();
    for Branch { id, .. } in branches {
        let Ok(branch) = BranchName::try_from(id) else { continue };
        if !known.contains(&branch)
            && let Some(stray) = looked_at(lakefs, repository, branch).await?
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

/// Rows that are clean have no branch any more but one that they keep: another that is there came too late to be cleaned up.
async fn known_branches(store: &SessionStore, repository: &RepositoryId) -> Result<HashSet<BranchName>> {
    let rows = store.with_branches(repository).await?;
    let kept = rows.iter().filter(|row| row.is_kept_in_place()).map(|row| row.branch.clone());
    Ok(rows.iter().flat_map(lakeport_transactions::Transaction::branches).chain(kept).collect())
}

/// `None` when it has gone meanwhile.
async fn looked_at(lakefs: &Lakefs, repository: &RepositoryId, branch: BranchName) -> Result<Option<Stray>> {
    let looked = async {
        let head = lakefs.get_commit(repository, &Ref::from(&branch)).await?;
        let changes = lakefs.uncommitted(repository, &branch, "", "", COUNTED).await?;
        Ok::<_, lakefs::Error>((head, changes))
    };
    match looked.await {
        Ok((head, changes)) => Ok(Some(Stray {
            branch,
            message: head.message,
            uncommitted: changes.results.len(),
            is_more: changes.next.is_some(),
            paths: changes.results.into_iter().take(NAMED).map(|change| change.path).collect(),
        })),
        Err(error) if is_gone(error.kind()) || error.kind() == lakefs::Kind::CommitNotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Deletes a branch that no row knows.
///
/// # Errors
/// Those of lakeFS.
pub async fn delete_stray(lakefs: &Lakefs, repository: &RepositoryId, branch: &BranchName) -> Result<()> {
    delete_branch(lakefs, repository, branch).await
}
