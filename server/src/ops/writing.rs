//! The branch that a request writes to.

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::ops::context::Ops;
use crate::ops::errors::{no_repository, not_a_branch, not_open, unknown_transaction};
use crate::ops::place::{At, Place};
use lakeport_lakefs as lakefs;
use lakeport_transactions::{State, Transaction};
use lakeport_types::{BranchName, Ref, RepositoryId};
use std::sync::Arc;

/// The branch that a request writes to.
#[derive(Debug, Clone)]
pub struct Writing {
    /// Repository of the branch.
    pub repository: RepositoryId,
    /// The branch in lakeFS.
    pub branch: BranchName,
    /// The transaction in which the request writes, as read before the write.
    pub transaction: Option<Arc<Transaction>>,
    /// Whether another process may have a request on its way to this branch. Requests of a dead process may still take effect.
    pub has_other_requests: bool,
}

impl Ops {
    /// Returns the branch to write to. Renews the idle timeout of the transaction.
    ///
    /// # Errors
    /// `RefNotABranch`, `ReservedName`, `TransactionNotFound`, `TransactionReadOnly`; for a transaction that is not
    /// open, the error for its state.
    pub async fn writing(self: &Arc<Self>, caller: &Caller, place: &Place) -> Result<Writing> {
        let id = match &place.at {
            At::Transaction(id) => id,
            At::Ref(reference) => {
                let repository = place.named()?;
                let branch = writable_branch(reference)?;
                return Ok(Writing::to_branch(repository, branch));
            }
        };
        let found = self.store.get_with_others(&caller.principal, id, &self.worker.name).await?;
        let (mut transaction, has_other_requests) =
            found.filter(|(found, _)| !found.is_beginning()).ok_or_else(|| unknown_transaction(id))?;
        place.agrees_with(&transaction)?;
        if transaction.is_changing_branch() {
            // Boxed: it is rare, and its future is larger than the rest of this one.
            transaction = Box::pin(self.after_replacement(caller, transaction)).await?;
        }
        if transaction.state != State::Open {
            return Err(not_open(&transaction, transaction.state));
        }
        if transaction.options.read_only {
            return Err(Error::new(
                Kind::TransactionReadOnly,
                format!("transaction {id} is read-only: begin another one without read_only to write"),
            ));
        }
        self.touch(&transaction).await?;
        Ok(Writing {
            repository: transaction.repository.clone(),
            branch: transaction.branch.clone(),
            transaction: Some(Arc::new(transaction)),
            has_other_requests,
        })
    }
}

/// Returns the branch that a ref names.
///
/// # Errors
/// `RefNotABranch` if the ref cannot be a branch; `ReservedName` for the branch of a transaction.
pub(in crate::ops) fn writable_branch(reference: &Ref) -> Result<BranchName> {
    let branch = reference.as_branch().ok_or_else(|| not_a_branch(reference.as_str()))?;
    if branch.is_transaction() {
        return Err(Error::new(
            Kind::ReservedName,
            format!("branch {branch} is the branch of a transaction: write with its transaction_id"),
        ));
    }
    Ok(branch)
}

impl Writing {
    /// A branch that is not of a transaction.
    pub(in crate::ops) fn to_branch(repository: RepositoryId, branch: BranchName) -> Self {
        Self { repository, branch, transaction: None, has_other_requests: false }
    }

    /// Returns the name that the caller used for the branch, for messages.
    pub(in crate::ops) fn shown(&self) -> String {
        match &self.transaction {
            Some(transaction) => format!("transaction {}", transaction.id),
            None => format!("branch {}", self.branch),
        }
    }

    /// Converts lakeFS's error from a write to this branch.
    pub async fn refused(&self, ops: &Ops, caller: &Caller, error: lakefs::Error) -> Error {
        match error.kind() {
            lakefs::Kind::RepositoryNotFound => no_repository(&self.repository),
            lakefs::Kind::BranchNotFound => match &self.transaction {
                Some(transaction) => ops.moved_on(transaction).await,
                None => self.missing(caller).await,
            },
            lakefs::Kind::BranchProtected => Error::new(
                Kind::BranchProtected,
                format!(
                    "branch {} of repository {} is protected: write in a transaction",
                    self.branch, self.repository
                ),
            ),
            lakefs::Kind::RepositoryReadOnly => Error::new(
                Kind::RepositoryReadOnly,
                format!("repository {} is read-only: write to another repository", self.repository),
            ),
            _ => caller.explain(error.into()).await,
        }
    }

    /// Returns the error for a name that is not a branch: it does not exist, or is a tag or a commit.
    async fn missing(&self, caller: &Caller) -> Error {
        let reference = Ref::from(&self.branch);
        match caller.lakefs.check_ref(&self.repository, &reference).await {
            Ok(()) => not_a_branch(self.branch.as_str()),
            Err(error) if error.kind() == lakefs::Kind::RepositoryNotFound => no_repository(&self.repository),
            Err(_) => {
                Error::new(Kind::RefNotFound, format!("repository {} has no branch {}", self.repository, self.branch))
                    .about([self.branch.as_str()])
            }
        }
    }
}
