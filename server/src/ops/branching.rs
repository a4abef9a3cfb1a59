//! Making branches of our own, at the commit that they are to begin at and at no other.
//!
//! A lakeFS that has just cherry-picked a commit may say, for minutes, that it does not know the original, or take another commit
//! for it (the entry in its cache is of the copy). A branch by name is not looked up there. So what a branch was made from is
//! compared with what it was to be made from, always.

use super::end::is_gone;
use lakeport_lakefs::{self as lakefs, Lakefs, LogQuery};
use lakeport_session::Transaction;
use lakeport_types::{BranchName, CommitId, Ref, RepositoryId};

/// Where a branch is to begin.
#[derive(Clone, Copy)]
pub(super) struct Start<'a> {
    commit: &'a CommitId,
    /// A branch that may have that commit as its head.
    named: Option<&'a BranchName>,
}

impl<'a> Start<'a> {
    /// Of the branch of a transaction that begins.
    pub(super) fn of(transaction: &'a Transaction) -> Self {
        Self { commit: &transaction.base_commit_id, named: Some(&transaction.base_branch) }
    }

    /// At a commit of which nothing else is known.
    pub(super) fn at(commit: &'a CommitId) -> Self {
        Self { commit, named: None }
    }
}

/// Makes a branch whose name is random and known: one that is there is our own earlier try, with what was committed on it since.
///
/// # Errors
/// Those of lakeFS; `Unavailable` where it cannot make a branch from that commit now.
pub(super) async fn branch_at(
    lakefs: &Lakefs,
    repository: &RepositoryId,
    branch: &BranchName,
    start: Start<'_>,
) -> lakefs::Result<()> {
    let by_name = start.named.map(Ref::from);
    for source in [Some(Ref::from(start.commit)), by_name].into_iter().flatten() {
        match lakefs.create_branch(repository, branch, &source, true).await {
            Ok(head) if head == start.commit.as_str() => return Ok(()),
            // Nobody has heard of it yet, so nothing is lost.
            Ok(_) => lakefs.delete_branch(repository, branch).await?,
            Err(error) if error.kind() == lakefs::Kind::AlreadyExists => {
                return match begins_at(lakefs, repository, branch, start.commit).await? {
                    true => Ok(()),
                    false => Err(lakefs::Error::unavailable("its branch does not come from the commit that it should")),
                };
            }
            Err(error) if is_gone(error.kind()) || error.kind() == lakefs::Kind::CommitNotFound => {
                if start.named.is_none() || error.kind() == lakefs::Kind::RepositoryNotFound {
                    return Err(error);
                }
            }
            Err(error) => return Err(error),
        }
    }
    Err(lakefs::Error::unavailable("lakeFS cannot make a branch from that commit now: try again"))
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
