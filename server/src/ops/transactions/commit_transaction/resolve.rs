//! What became of a request whose answer was lost: lakeFS is asked, nothing is guessed.

use crate::error::Result;
use crate::ops::commit_id::commit_id;
use lakeport_lakefs::{self as lakefs, Commit, Lakefs, LogQuery};
use lakeport_transactions::Transaction;
use lakeport_types::{CommitId, Ref};

/// Metadata of the commit and the merge of a transaction.
pub(super) const TRANSACTION_ID: &str = "lakeport.transaction_id";

/// Which try of a commit it was.
pub(super) const EPOCH: &str = "lakeport.epoch";

/// lakeFS's mark on a copy of a commit, which has the metadata of the original.
pub(super) const CHERRY_PICKED: &str = "cherry-pick-origin";

/// Whether a transaction was merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// As this commit.
    Merged(CommitId),
    /// Not until now.
    NotMerged,
    /// The base is gone, so it cannot be said, and nothing of it can be seen.
    BaseGone,
}

fn is_of(commit: &Commit, row: &Transaction) -> bool {
    commit.metadata.get(TRANSACTION_ID) == Some(&row.mark) && !commit.metadata.contains_key(CHERRY_PICKED)
}

/// The commit of a transaction says its epoch, the merge does not.
fn is_merge_of(commit: &Commit, row: &Transaction) -> bool {
    is_of(commit, row) && !commit.metadata.contains_key(EPOCH)
}

/// The commit that step 2 made, if it did: the head of the live branch says so.
pub(super) async fn prepared_commit(lakefs: &Lakefs, row: &Transaction) -> lakefs::Result<Option<Commit>> {
    let head = match lakefs.get_commit(&row.repository, &Ref::from(&row.branch)).await {
        Ok(head) => head,
        Err(error) if error.kind() == lakefs::Kind::CommitNotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let is_this_epoch = head.metadata.get(EPOCH) == Some(&row.epoch.to_string());
    Ok((is_of(&head, row) && is_this_epoch).then_some(head))
}

/// Which commits of the base's history are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// Its own, since the transaction began: where a merge into it lands.
    OfTheBase,
    /// All that it comes from, however it came by it.
    All,
}

/// Whether the transaction was merged: its base's history has a commit that carries its ID.
pub(super) async fn merged(lakefs: &Lakefs, row: &Transaction, line: Line) -> Result<Resolution> {
    let base = Ref::from(&row.base_branch);
    let first_parent = line == Line::OfTheBase;
    let stop_at = row.base_commit_id.as_ref().filter(|_| first_parent).map(Ref::from);
    let mut query = LogQuery { amount: 100, first_parent, stop_at, ..LogQuery::default() };
    loop {
        let page = match lakefs.log(&row.repository, &base, &query).await {
            Ok(page) => page,
            Err(error) if error.kind() == lakefs::Kind::RepositoryNotFound => return Ok(Resolution::BaseGone),
            // The base, or the commit to stop at: lakeFS can lose one from its cache for minutes.
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
            // Most are near. A base that has moved far is looked through in few requests.
            Some(next) => query = LogQuery { after: next, amount: 1000, ..query },
            None => return Ok(Resolution::NotMerged),
        }
    }
}
