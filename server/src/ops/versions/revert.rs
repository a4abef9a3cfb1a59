//! Undoing a commit.

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::ops::context::{Ops, Shared};
use crate::ops::lease::{MADE_IN, under_lease};
use crate::ops::metadata::check_metadata;
use crate::ops::place::Place;
use crate::ops::versions::merging::parent_refused;
use crate::ops::writing::Writing;
use crate::timing::millis;
use lakeport_lakefs::{self as lakefs, Commit, LogQuery};
use lakeport_transactions::Transaction;
use lakeport_types::Ref;
use rand::RngExt;
use std::collections::BTreeMap;

/// Tells this revert from any other in the history.
const MARK: &str = "lakeport.revert_id";

/// What to undo, and what to say of it.
#[derive(Debug, Clone)]
pub struct NewRevert {
    /// The commit.
    pub target: Ref,
    /// Which parent a merge is undone against: 1 is the first. 0 where there is one.
    pub parent: u32,
    /// Empty: one that names the commit.
    pub message: String,
    /// The caller's.
    pub metadata: BTreeMap<String, String>,
}

/// Undoes a commit on a branch, or in a transaction, which stays open.
///
/// # Errors
/// `MergeConflict`, `NoChanges`, `BaseDirty`, `RefNotFound`, `OutcomeUnknown`, and those of the place.
pub async fn revert(ops: &Shared, caller: &Caller, place: &Place, mut new: NewRevert) -> Result<Commit> {
    check_metadata(&new.metadata)?;
    let writing = ops.writing(caller, place).await?;
    let mark = format!("{:032x}", rand::rng().random::<u128>());
    new.metadata.insert(MARK.into(), mark.clone());
    let undone = match &writing.transaction {
        None => Some(send(caller.clone(), writing.clone(), new.clone()).await),
        Some(transaction) => {
            new.metadata.insert(MADE_IN.into(), transaction.id.to_string());
            let request = send(caller.clone(), writing.clone(), new.clone());
            under_lease(ops, transaction, request, moved_on, may_still_land).await?
        }
    };
    match undone {
        Some(Ok(())) => marked(caller, &writing, &mark).await,
        Some(Err(error)) => {
            let against = (&new.target, Some(new.parent).filter(|parent| *parent > 0));
            Err(parent_refused(ops, caller, &writing, against, error).await)
        }
        None => {
            let lost = "the answer to the revert was lost, and it may or may not be in the transaction: see its Log";
            Err(Error::new(Kind::OutcomeUnknown, lost))
        }
    }
}

/// lakeFS does not say which commit it made: it is the one with our mark.
async fn marked(caller: &Caller, writing: &Writing, mark: &str) -> Result<Commit> {
    let query = LogQuery { amount: 100, first_parent: true, ..LogQuery::default() };
    let made = "the revert is made, and its commit cannot be found now: see the Log";
    let page = caller.lakefs.log(&writing.repository, &Ref::from(&writing.branch), &query).await;
    let page = page.map_err(|error| Error::new(Kind::OutcomeUnknown, made).caused_by(error))?;
    let found = page.results.into_iter().find(|commit| commit.metadata.get(MARK).is_some_and(|found| found == mark));
    found.ok_or_else(|| Error::new(Kind::OutcomeUnknown, made))
}

/// lakeFS does not say to which commit.
fn moved_on(row: &Transaction, (): &()) -> Transaction {
    row.committed_inside(None)
}

/// No commit of the transaction begins before a revert that was given up has landed, or cannot any more. No object has this path.
fn may_still_land(ops: &Ops, row: &Transaction) -> Transaction {
    row.unsettling([""], millis(ops.timing.settle))
}

async fn send(caller: Caller, writing: Writing, new: NewRevert) -> lakefs::Result<()> {
    let Writing { repository, branch, .. } = &writing;
    caller.lakefs.revert(repository, branch, &new.target, new.parent, &new.message, &new.metadata).await
}
