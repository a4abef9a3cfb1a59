//! Undoing a commit.

use super::inside::{MADE_IN, under_lease};
use super::merge::refused;
use super::settle::settling;
use super::write::check_metadata;
use super::{Caller, Ops, Place, Shared, Writing};
use crate::error::{Error, Kind, Result};
use lakeport_lakefs::{self as lakefs, Commit};
use lakeport_session::Transaction;
use lakeport_types::Ref;
use std::collections::BTreeMap;

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
pub async fn revert(ops: &Shared, caller: &Caller, place: &Place, new: NewRevert) -> Result<Commit> {
    check_metadata(&new.metadata)?;
    let writing = ops.writing(caller, place).await?;
    let undone = match &writing.transaction {
        None => send(caller.clone(), writing.clone(), new.clone()).await,
        Some(transaction) => revert_inside(ops, caller, &writing, transaction, new.clone()).await?,
    };
    match undone {
        Ok(commit) => Ok(commit),
        Err(error) => Err(refused(ops, caller, &writing, &new.target, error).await),
    }
}

async fn revert_inside(
    ops: &Shared,
    caller: &Caller,
    writing: &Writing,
    transaction: &Transaction,
    mut new: NewRevert,
) -> Result<lakefs::Result<Commit>> {
    new.metadata.insert(MADE_IN.into(), transaction.id.to_string());
    let undone = under_lease(ops, transaction, send(caller.clone(), writing.clone(), new), may_still_land).await?;
    match undone {
        Err(error) if error.is_ambiguous() => {
            let message = format!(
                "the answer to the revert was lost, and it may or may not be in transaction {}: see its Log",
                transaction.id
            );
            Err(Error::new(Kind::OutcomeUnknown, message).caused_by(error))
        }
        undone => Ok(undone),
    }
}

/// No commit of the transaction begins before a revert that was given up has landed, or cannot any more. No object has this path.
fn may_still_land(ops: &Ops, row: &Transaction) -> Transaction {
    row.unsettling("", settling(ops))
}

async fn send(caller: Caller, writing: Writing, new: NewRevert) -> lakefs::Result<Commit> {
    let Writing { repository, branch, .. } = &writing;
    caller.lakefs.revert(repository, branch, &new.target, new.parent, &new.message, &new.metadata).await?;
    // lakeFS does not say which commit it made.
    caller.lakefs.get_commit(repository, &Ref::from(branch)).await
}
