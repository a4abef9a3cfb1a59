//! Creates and deletes branches of transactions.
//!
//! After a cherry-pick, lakeFS (1.x) may for minutes not find the original commit by its ID, or resolve the ID to another commit, since its
//! cache holds the copy. It resolves a branch by name without that cache, so a transaction begins from the name of its base branch. The
//! head of a branch created from a commit ID is always compared with that commit.

use crate::error::Result;
use lakeport_lakefs::{self as lakefs, Lakefs, LogQuery};
use lakeport_transactions::Transaction;
use lakeport_types::{BranchName, CommitId, Ref, RepositoryId};

/// Makes a branch whose name is random and known: one that is there is our own earlier try, with what was committed on it since.
///
/// # Errors
/// Those of lakeFS; `Unavailable` where it cannot make a branch from that commit now.
pub(in crate::ops) async fn branch_at(
    lakefs: &Lakefs,
    repository: &RepositoryId,
    branch: &BranchName,
    commit: &CommitId,
) -> lakefs::Result<()> {
    match lakefs.create_branch(repository, branch, &Ref::from(commit), true).await {
        Ok(head) if head == commit.as_str() => Ok(()),
        Ok(_) => {
            // Nobody has heard of it yet, so nothing is lost.
            lakefs.delete_branch(repository, branch).await?;
            Err(lakefs::Error::unavailable("lakeFS cannot make a branch from that commit now: try again"))
        }
        Err(error) if error.kind() == lakefs::Kind::AlreadyExists => {
            match begins_at(lakefs, repository, branch, commit).await? {
                true => Ok(()),
                false => Err(lakefs::Error::unavailable("its branch does not come from the commit that it should")),
            }
        }
        Err(error) => Err(error),
    }
}

/// Whether a branch has a commit in its own line.
async fn begins_at(
    lakefs: &Lakefs,
    repository: &RepositoryId,
    branch: &BranchName,
    commit: &CommitId,
) -> lakefs::Result<bool> {
    let mut query = LogQuery { amount: 100, first_parent: true, ..LogQuery::default() };
    loop {
        let page = lakefs.log(repository, &Ref::from(branch), &query).await?;
        if page.results.iter().any(|found| found.id == commit.as_str()) {
            return Ok(true);
        }
        match page.next {
            Some(next) => query.after = next,
            None => return Ok(false),
        }
    }
}

/// Deletes every branch that a transaction may have.
pub(in crate::ops) async fn delete_branches(lakefs: &Lakefs, transaction: &Transaction) -> Result<()> {
    for branch in transaction.branches() {
        delete_branch(lakefs, &transaction.repository, &branch).await?;
    }
    Ok(())
}

/// Deletes a branch of ours, if it is still there.
pub(in crate::ops) async fn delete_branch(
    lakefs: &Lakefs,
    repository: &RepositoryId,
    branch: &BranchName,
) -> Result<()> {
    match lakefs.delete_branch(repository, branch).await {
        Ok(()) => Ok(()),
        Err(error) if matches!(error.kind(), lakefs::Kind::BranchNotFound | lakefs::Kind::RepositoryNotFound) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

pub(in crate::ops) fn is_gone(kind: lakefs::Kind) -> bool {
    matches!(kind, lakefs::Kind::BranchNotFound | lakefs::Kind::NotFound | lakefs::Kind::RepositoryNotFound)
}
