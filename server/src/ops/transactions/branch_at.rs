//! Making branches of our own, at the commit that they are to begin at and at no other.
//!
//! A lakeFS that has just cherry-picked a commit may say, for minutes, that it does not know the original, or take another commit
//! for it (the entry in its cache is of the copy). A branch by name is not looked up there, so a transaction begins by that of its
//! base. What a branch was made from is compared with what it was to be made from, always.

use lakeport_lakefs::{self as lakefs, Lakefs, LogQuery};
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
