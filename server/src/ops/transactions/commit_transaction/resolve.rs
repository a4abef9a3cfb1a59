//! Searches the history in lakeFS for the outcome of a request whose response was lost.

use crate::error::Result;
use crate::ops::commit_id::commit_id;
use lakeport_lakefs::{self as lakefs, Commit, Lakefs, LogQuery};
use lakeport_transactions::Transaction;
use lakeport_types::{CommitId, Ref};

/// Metadata key on the commit and the merge of a transaction: the transaction's mark, which is unique across all owners.
pub(super) const TRANSACTION_ID: &str = "lakeport.transaction_id";

/// Metadata key on the commit of a transaction, but not on its merge: the epoch.
pub(super) const EPOCH: &str = "lakeport.epoch";

/// Metadata key that lakeFS sets on a cherry-picked commit. lakeFS copies the other metadata from the original commit.
pub(super) const CHERRY_PICKED: &str = "cherry-pick-origin";

/// Whether a transaction was merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// It was merged as this commit.
    Merged(CommitId),
    /// It has not been merged yet.
    NotMerged,
    /// The base branch does not exist, so the merge cannot be found, and no reader can see it.
    BaseGone,
}

fn is_of(commit: &Commit, row: &Transaction) -> bool {
    commit.metadata.get(TRANSACTION_ID) == Some(&row.mark) && !commit.metadata.contains_key(CHERRY_PICKED)
}

/// Returns whether a commit is the merge of the transaction. The merge has the mark of the transaction, but no epoch.
fn is_merge_of(commit: &Commit, row: &Transaction) -> bool {
    is_of(commit, row) && !commit.metadata.contains_key(EPOCH)
}

/// Returns the commit of step 2 in this epoch, if it is the head of the live branch.
pub(super) async fn prepared_commit(lakefs: &Lakefs, row: &Transaction) -> lakefs::Result<Option<Commit>> {
    let head = match lakefs.get_commit(&row.repository, &Ref::from(&row.branch)).await {
        Ok(head) => head,
        Err(error) if error.kind() == lakefs::Kind::CommitNotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let is_this_epoch = head.metadata.get(EPOCH) == Some(&row.epoch.to_string());
    Ok((is_of(&head, row) && is_this_epoch).then_some(head))
}

/// Commits of the base that a search covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum History {
    /// First parents, back to the base commit of the transaction. They include all merges into the base.
    FirstParents,
    /// All ancestors.
    All,
}

/// Searches the history of the base branch for the merge of the transaction, by its mark.
pub(super) async fn find_merge(lakefs: &Lakefs, row: &Transaction, history: History) -> Result<Resolution> {
    let base = Ref::from(&row.base_branch);
    let first_parent = history == History::FirstParents;
    let stop_at = row.base_commit_id.as_ref().filter(|_| first_parent).map(Ref::from);
    let mut query = LogQuery { amount: 100, first_parent, stop_at, ..LogQuery::default() };
    loop {
        let page = match lakefs.log(&row.repository, &base, &query).await {
            Ok(page) => page,
            Err(error) if error.kind() == lakefs::Kind::RepositoryNotFound => return Ok(Resolution::BaseGone),
            // Either the base or the commit to stop at was not found. lakeFS's cache can miss a commit for minutes.
            Err(error) if error.kind() == lakefs::Kind::NotFound => {
                match lakefs.branch(&row.repository, &row.base_branch).await {
                    Ok(_) if query.stop_at.is_some() => {
                        query = LogQuery { amount: 100, first_parent, ..LogQuery::default() };
                    }
                    Err(gone) if gone.kind() == lakefs::Kind::BranchNotFound => return Ok(Resolution::BaseGone),
                    _ => return Err(error.into()),
                }
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        if let Some(commit) = page.results.into_iter().find(|commit| is_merge_of(commit, row)) {
            return Ok(Resolution::Merged(commit_id(commit.id)?));
        }
        match page.next {
            // Most merges are on the first page. Later pages are larger, so that a long history needs few requests.
            Some(next) => query = LogQuery { after: next, amount: 1000, ..query },
            None => return Ok(Resolution::NotMerged),
        }
    }
}
