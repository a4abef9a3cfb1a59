//! Errors that several operations return.

use crate::error::{Error, Kind, Result};
use lakeport_lakefs as lakefs;
use lakeport_transactions::{State, Transaction};
use lakeport_types::{CommitId, RepositoryId, TransactionId};
use std::time::Duration;

/// Maximum time that a call waits for an abandoned request, and the longest delay that a caller is asked for.
pub(in crate::ops) const SETTLE_LIMIT: Duration = Duration::from_secs(5);

/// A write to a ref that is not a branch.
pub(in crate::ops) fn not_a_branch(name: &str) -> Error {
    Error::new(Kind::RefNotABranch, format!("{name:?} is not a branch: only branches can be written to"))
}

/// A repository that does not exist.
pub(in crate::ops) fn no_repository(repository: &RepositoryId) -> Error {
    Error::new(Kind::RepositoryNotFound, format!("no repository {repository}")).about([repository.as_str()])
}

/// A transaction that does not exist or has another owner: both return the same error.
pub fn unknown_transaction(id: &TransactionId) -> Error {
    Error::new(Kind::TransactionNotFound, format!("no transaction {id}")).about([id.as_str()])
}

/// Returns the base commit of a transaction. A transaction whose begin has not completed is reported as not found.
///
/// # Errors
/// `TransactionNotFound`.
pub(in crate::ops) fn base_of(transaction: &Transaction) -> Result<&CommitId> {
    transaction.base_commit_id.as_ref().ok_or_else(|| unknown_transaction(&transaction.id))
}

/// The error for a call in a transaction that is not open.
pub(in crate::ops) fn not_open(transaction: &Transaction, state: State) -> Error {
    let id = &transaction.id;
    match state {
        State::Open => Error::new(Kind::Internal, format!("transaction {id} is open")),
        State::Committing => Error::new(
            Kind::TransactionCommitting,
            format!("transaction {id} is being committed: retry the commit for its outcome, or begin another"),
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
                "transaction {id} expired, and none of its writes were published: begin another, with a longer idle_timeout"
            ),
        ),
    }
}

/// The error for a call that had no effect because the transaction continues on another branch than when the call began.
pub(in crate::ops) fn on_another_branch(transaction: &Transaction) -> Error {
    let message = format!("transaction {} continues on another branch: retry the call", transaction.id);
    Error::new(Kind::WriteInDoubt, message).retry_in(Duration::from_millis(1))
}

/// A ref that does not exist.
pub(in crate::ops) fn no_ref(repository: &RepositoryId, name: &str) -> Error {
    Error::new(Kind::RefNotFound, format!("repository {repository} has no ref {name}")).about([name])
}

/// A tag that already exists.
pub(in crate::ops) fn tag_exists(name: &str) -> Error {
    Error::new(Kind::TagExists, format!("tag {name} already exists, or another ref has this name: choose another"))
        .about([name])
}

/// Converts lakeFS's error from a version call outside a transaction. The call may have taken effect if the response was lost,
/// or does not say whether it did.
pub(in crate::ops) fn outcome(error: lakefs::Error) -> Error {
    if !error.is_ambiguous() {
        return error.into();
    }
    let message = match error.is_lost() {
        true => "the response of lakeFS was lost, and the call may have taken effect: check before a retry".to_owned(),
        false => format!("lakeFS: {error}; the call may have taken effect: check before a retry"),
    };
    Error::new(Kind::OutcomeUnknown, message).caused_by(error)
}

/// The error for a request without effect that lakeFS keeps failing at. `next` says what to do.
pub(in crate::ops) fn keeps_failing(error: lakefs::Error, next: &str) -> Error {
    Error::new(Kind::LakefsFailed, format!("lakeFS: {error}; retries did not help: {next}")).caused_by(error)
}

/// The error for a call that must wait for an abandoned request, which can take effect for `left` at most. The request may end
/// earlier, so the caller is asked to retry soon. The longest delay is shorter than any idle timeout.
pub(in crate::ops) fn unsettled(what: &str, left: Duration) -> Error {
    let seconds = left.as_secs() + 1;
    let message = format!("{what}, for {seconds} s at most: retry after the delay in RetryInfo");
    Error::new(Kind::WriteInDoubt, message).retry_in(left.clamp(Duration::from_millis(200), SETTLE_LIMIT))
}
