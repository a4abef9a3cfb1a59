//! Finds the commit of a version call by its mark.

use super::once::{Found, REQUEST_ID};
use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use lakeport_lakefs::{self as lakefs, Commit, LogQuery};
use lakeport_types::{BranchName, CommitId, Ref, RepositoryId};

/// Commits per page. Most are found among the newest ones.
const PAGE: usize = 100;

/// Returns the commit with this mark among those of a branch since `head`, its head before the call.
///
/// # Errors
/// `OutcomeUnknown` if lakeFS cannot list them.
pub(super) async fn marked_commit(
    caller: &Caller,
    (repository, branch): (&RepositoryId, &BranchName),
    head: &str,
    mark: &str,
) -> Result<Option<Commit>> {
    let stop_at = CommitId::try_from(head).ok().map(|head| Ref::from(&head));
    let mut query = LogQuery { amount: PAGE, first_parent: true, stop_at, ..LogQuery::default() };
    let is_marked = |commit: &Commit| commit.metadata.get(REQUEST_ID).is_some_and(|found| found == mark);
    loop {
        let page = match caller.lakefs.log(repository, &Ref::from(branch), &query).await {
            Ok(page) => page,
            // lakeFS may lose the commit to stop at from its cache for minutes: read the whole history instead.
            Err(error) if error.kind() == lakefs::Kind::NotFound && query.stop_at.is_some() => {
                query.stop_at = None;
                continue;
            }
            Err(error) if error.kind() == lakefs::Kind::NotFound => return Ok(None),
            Err(error) => {
                let message = "the commits since the call cannot be listed now: retry with the same request_id";
                return Err(Error::new(Kind::LakefsUnavailable, message).caused_by(error));
            }
        };
        if let Some(found) = page.results.iter().position(is_marked) {
            return Ok(page.results.into_iter().nth(found));
        }
        // If `stop_at` is not set, the search ends at the head that was recorded before the call.
        let is_past = page.results.iter().any(|commit| commit.id == head);
        match page.next {
            Some(next) if !is_past => query.after = next,
            _ => return Ok(None),
        }
    }
}

/// Checks a call whose commit has no mark, after its request has ended. If the head of the branch is the same as before, the call
/// had no effect.
///
/// # Errors
/// `LakefsUnavailable`.
pub(super) async fn unmarked<T>(
    caller: &Caller,
    (repository, branch): (&RepositoryId, &BranchName),
    head: &str,
) -> Result<Found<T>> {
    let now = caller.lakefs.branch(repository, branch).await?;
    Ok(if now.commit_id == head { Found::NotDone } else { Found::Unknown })
}

impl From<Option<Commit>> for Found<Commit> {
    /// A mark is unique: without a marked commit, the call had no effect.
    fn from(marked: Option<Commit>) -> Self {
        marked.map_or(Self::NotDone, Self::Done)
    }
}
