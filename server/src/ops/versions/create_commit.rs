//! `VersionService.CreateCommit`.

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::ops::context::{Ops, Shared};
use crate::ops::errors::outcome;
use crate::ops::lease::{MADE_IN, stands_on_base, under_lease};
use crate::ops::metadata::check_metadata;
use crate::ops::place::Place;
use lakeport_lakefs::{self as lakefs, Commit};
use lakeport_transactions::{Inside, Transaction};
use lakeport_types::CommitId;
use std::collections::BTreeMap;

/// What to say of a commit.
#[derive(Debug, Clone, Default)]
pub struct NewCommit {
    /// May be empty.
    pub message: String,
    /// The caller's.
    pub metadata: BTreeMap<String, String>,
    /// Commit even if nothing changed.
    pub allow_empty: bool,
}

/// Commits what is uncommitted on a branch, or in a transaction, which stays open.
///
/// # Errors
/// `NoChanges`, `HookRejected`, `BranchProtected`, `OutcomeUnknown`; in a transaction `CommitInDoubt`, and those of the place.
pub async fn create_commit(ops: &Shared, caller: &Caller, place: &Place, new: NewCommit) -> Result<Commit> {
    check_metadata(&new.metadata)?;
    let writing = ops.writing(caller, place).await?;
    let mut commit = lakefs::NewCommit { message: new.message, metadata: new.metadata, allow_empty: new.allow_empty };
    match &writing.transaction {
        None => match caller.lakefs.commit(&writing.repository, &writing.branch, &commit).await {
            Ok(made) => Ok(made),
            Err(error) if error.is_ambiguous() => Err(outcome(error)),
            Err(error) => Err(writing.refused(ops, caller, error).await),
        },
        Some(transaction) => {
            commit.metadata.insert(MADE_IN.into(), transaction.id.to_string());
            let (lakefs, repository, branch) =
                (caller.lakefs.clone(), writing.repository.clone(), writing.branch.clone());
            let request = async move { lakefs.commit(&repository, &branch, &commit).await };
            let is_of_something = !new.allow_empty;
            let made = move |row: &Transaction, made: &Commit| committed_inside(row, made, is_of_something);
            match under_lease(ops, transaction, request, made, in_doubt).await? {
                None => Err(Error::new(Kind::CommitInDoubt, LOST)),
                Some(Ok(made)) => Ok(made),
                Some(Err(error)) => Err(writing.refused(ops, caller, error).await),
            }
        }
    }
}

const LOST: &str =
    "the answer to the commit was lost: what was written stays in the transaction, and its commit will hold it";

/// The commit of the transaction need not ask for it again.
fn committed_inside(row: &Transaction, made: &Commit, is_of_something: bool) -> Transaction {
    let is_first = is_of_something && stands_on_base(row, made);
    let inside = CommitId::try_from(made.id.clone()).ok().map(|commit| Inside { commit, is_first });
    row.committed_inside(inside)
}

/// A commit of the transaction must not trust the live branch then.
fn in_doubt(_: &Ops, row: &Transaction) -> Transaction {
    row.commit_doubted()
}
