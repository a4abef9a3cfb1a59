//! Creates and deletes branches of transactions.
//!
//! For minutes after a cherry-pick, the cache of lakeFS (1.x) may hold the copy instead of the original commit. lakeFS
//! then does not find the original commit by its ID, or resolves the ID to another commit. Branch names are resolved
//! without that cache, so a transaction begins from the name of its base branch. If a
//! branch is created from a commit ID, its head is always compared with that commit.

use crate::error::Result;
use lakeport_lakefs::{self as lakefs, Lakefs, LogQuery};
use lakeport_transactions::Transaction;
use lakeport_types::{BranchName, CommitId, Ref, RepositoryId};
use std::time::Duration;

/// Maximum number of requests for one creation or deletion of a branch.
const TRIES: u32 = 4;

/// Pause after the first request. It doubles with each further one.
const PAUSE: Duration = Duration::from_millis(100);

/// Repeats the creation or deletion of a branch of a transaction until a response is definite, up to four times. A repeat changes
/// nothing: the name is used only once, and lakeFS neither creates a branch twice nor deletes a missing one.
pub(in crate::ops) async fn until_definite<T, F>(send: impl Fn() -> F) -> lakefs::Result<T>
where
    F: Future<Output = lakefs::Result<T>>,
{
    let (mut pause, mut tries_left) = (PAUSE, TRIES - 1);
    loop {
        match send().await {
            Err(error) if error.retry() != lakefs::Retry::Never && tries_left > 0 => {
                tokio::time::sleep(pause).await;
                (pause, tries_left) = (pause * 2, tries_left - 1);
            }
            definite => return definite,
        }
    }
}

/// Creates a branch from a commit. The name must be random and stored in the row: if the branch exists, an earlier
/// attempt created the branch, and the branch may have newer commits.
///
/// # Errors
/// Those of lakeFS; `Unavailable` if lakeFS created the branch from another commit, or the existing branch does not
/// contain the commit.
pub(in crate::ops) async fn create_branch_at(
    lakefs: &Lakefs,
    repository: &RepositoryId,
    branch: &BranchName,
    commit: &CommitId,
) -> lakefs::Result<()> {
    let source = Ref::from(commit);
    match until_definite(|| lakefs.create_branch(repository, branch, &source, true)).await {
        Ok(head) if head == commit.as_str() => Ok(()),
        Ok(_) => {
            // The branch is not in use yet, so its deletion loses no writes.
            lakefs.delete_branch(repository, branch).await?;
            Err(lakefs::Error::unavailable(format!(
                "lakeFS created branch {branch} from another commit than {commit}: try again"
            )))
        }
        Err(error) if error.kind() == lakefs::Kind::AlreadyExists => {
            match is_in_first_parent_history(lakefs, repository, branch, commit).await? {
                true => Ok(()),
                false => Err(lakefs::Error::unavailable(format!(
                    "existing branch {branch} does not contain commit {commit}, from which it was created: try again"
                ))),
            }
        }
        Err(error) => Err(error),
    }
}

/// Returns whether the first-parent history of a branch contains a commit.
async fn is_in_first_parent_history(
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

/// Deletes every branch of a transaction that may exist.
pub(in crate::ops) async fn delete_branches(lakefs: &Lakefs, transaction: &Transaction) -> Result<()> {
    for branch in transaction.branches() {
        delete_branch(lakefs, &transaction.repository, &branch).await?;
    }
    Ok(())
}

/// Deletes a branch of a transaction, if it exists.
pub(in crate::ops) async fn delete_branch(
    lakefs: &Lakefs,
    repository: &RepositoryId,
    branch: &BranchName,
) -> Result<()> {
    match until_definite(|| lakefs.delete_branch(repository, branch)).await {
        Ok(()) => Ok(()),
        Err(error) if matches!(error.kind(), lakefs::Kind::BranchNotFound | lakefs::Kind::RepositoryNotFound) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Returns whether an error means that the branch or its repository does not exist.
pub(in crate::ops) fn is_gone(kind: lakefs::Kind) -> bool {
    matches!(kind, lakefs::Kind::BranchNotFound | lakefs::Kind::NotFound | lakefs::Kind::RepositoryNotFound)
}
