//! Errors that several operations return.

use crate::error::{Error, Kind, Result};
use lakeport_lakefs as lakefs;
use lakeport_transactions::{State, Transaction};
use lakeport_types::{CommitId, RepositoryId, TransactionId};

/// A write to what is no branch.
pub(in crate::ops) fn not_a_branch(name: &str) -> Error {
    Error::new(Kind::RefNotABranch, format!("{name:?} is not a branch: only branches can be written to"))
}

/// A repository that is not there.
pub(in crate::ops) fn no_repository(repository: &RepositoryId) -> Error {
    Error::new(Kind::RepositoryNotFound, format!("no repository {repository}")).about([repository.as_str()])
}

/// An ID that is nobody's, or another's: both say the same.
pub fn unknown_transaction(id: &TransactionId) -> Error {
    Error::new(Kind::TransactionNotFound, format!("no transaction {id}")).about([id.as_str()])
}

/// The commit that a transaction began from. One that never began is as unknown as none.
///
/// # Errors
/// `TransactionNotFound`.
pub(in crate::ops) fn base_of(transaction: &Transaction) -> Result<&CommitId> {
    transaction.base_commit_id.as_ref().ok_or_else(|| unknown_transaction(&transaction.id))
}

/// A call in a transaction that is not open.
pub(in crate::ops) fn not_open(transaction: &Transaction, state: State) -> Error {
    let id = &transaction.id;
    match state {
        State::Open => Error::new(Kind::Internal, format!("transaction {id} is open")),
        State::Committing => Error::new(
            Kind::TransactionCommitting,
            format!("transaction {id} is being committed: commit it again to hear what became of it, or begin another"),
        ),
        State::Committed => {
            let commit = transaction.commit_id.as_ref().map(ToString::to_string).unwrap_or_default();
            Error::new(Kind::TransactionCommitted, format!("transaction {id} is committed, as {commit}: begin another"))
                .about([commit])
        }
        State::RolledBack => {
            Error::new(Kind::TransactionRolledBack, format!("transaction {id} was rolled back: begin another"))
        }
        State::Expired => Error::new(
            Kind::TransactionExpired,
            format!(
                "transaction {id} expired and nothing of it was published: begin another, with a longer idle_timeout"
            ),
        ),
    }
}

pub(in crate::ops) fn no_ref(repository: &RepositoryId, name: &str) -> Error {
    Error::new(Kind::RefNotFound, format!("repository {repository} has no ref {name}")).about([name])
}

pub(in crate::ops) fn tag_exists(name: &str) -> Error {
    Error::new(Kind::TagExists, format!("tag {name} is there, or another ref has its name: choose another"))
        .about([name])
}

/// A version call outside a transaction whose answer was lost may have happened.
pub(in crate::ops) fn outcome(error: lakefs::Error) -> Error {
    if error.is_ambiguous() {
        return Error::new(
            Kind::OutcomeUnknown,
            "the answer of lakeFS was lost and the call may have had its effect: look before repeating it",
        )
        .caused_by(error);
    }
    error.into()
}
