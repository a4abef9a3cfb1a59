//! The version of a repository that a request reads.

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::ops::context::Ops;
use crate::ops::errors::{base_of, no_repository, not_open};
use crate::ops::place::{At, Place};
use lakeport_lakefs as lakefs;
use lakeport_transactions::{State, Transaction};
use lakeport_types::{CommitId, ObjectPath, Ref, RepositoryId};
use std::sync::Arc;

/// The version that a request reads.
#[derive(Debug, Clone)]
pub struct Reading {
    /// Repository of the version.
    pub repository: RepositoryId,
    /// Ref of the version in lakeFS.
    pub reference: Ref,
    /// The commit that the ref names, if the request names a commit by its ID. Its objects never change.
    pub commit: Option<CommitId>,
    /// The transaction in which the request reads, if it names one.
    pub transaction: Option<Arc<Transaction>>,
}

impl Ops {
    /// Returns the version to read: the ref, or the current branch or commit of the transaction. Renews the idle
    /// timeout of the transaction.
    ///
    /// # Errors
    /// `TransactionNotFound`; for a finished transaction, the error for its state.
    pub async fn reading(&self, caller: &Caller, place: &Place) -> Result<Reading> {
        let id = match &place.at {
            At::Transaction(id) => id,
            At::Ref(reference) => {
                let repository = place.named()?;
                // Boxed: it is rare, and its future is larger than the rest of a read.
                let commit = match reference.as_commit() {
                    Some(commit) => Box::pin(self.confirmed(caller, &repository, commit)).await,
                    None => None,
                };
                return Ok(Reading { repository, reference: reference.clone(), commit, transaction: None });
            }
        };
        let transaction = Box::pin(self.owned(caller, id)).await?;
        place.agrees_with(&transaction)?;
        let reference = match transaction.state {
            _ if transaction.options.read_only && !transaction.state.is_final() => Ref::from(base_of(&transaction)?),
            State::Open => Ref::from(&transaction.branch),
            State::Committing => match &transaction.prepared_commit_id {
                Some(commit) => Ref::from(commit),
                None => Ref::from(&transaction.branch),
            },
            ended => return Err(not_open(&transaction, ended)),
        };
        Box::pin(self.touch(&transaction)).await?;
        let (repository, commit) = (transaction.repository.clone(), reference.as_commit());
        Ok(Reading { repository, reference, commit, transaction: Some(Arc::new(transaction)) })
    }

    /// Returns the commit with an ID, if lakeFS confirms that it exists. A branch or a tag may have the same name.
    async fn confirmed(&self, caller: &Caller, repository: &RepositoryId, commit: CommitId) -> Option<CommitId> {
        let known = (repository.clone(), commit);
        if !self.known_commits.contains(&known) {
            let found = caller.lakefs.get_commit(repository, &Ref::from(&known.1)).await;
            // If lakeFS cannot tell now, the read itself reports why, or succeeds without a commit ID.
            if !found.is_ok_and(|found| found.id == known.1.as_str()) {
                return None;
            }
            self.known_commits.add(known.clone());
        }
        Some(known.1)
    }

    /// Returns the error for lakeFS's `not found`. lakeFS returns the same for a missing ref and a missing object, so
    /// this looks the ref up.
    pub async fn missing(&self, caller: &Caller, reading: &Reading, path: &ObjectPath) -> Error {
        match caller.lakefs.check_ref(&reading.repository, &reading.reference).await {
            Ok(()) => Error::new(
                Kind::ObjectNotFound,
                format!("no object {:?} at {} of repository {}", path.as_str(), shown(reading), reading.repository),
            )
            .about([path.as_str()]),
            Err(error) => caller.explain(self.missing_ref(reading, error).await).await,
        }
    }

    /// Returns the error for a ref that does not exist. In a transaction, the branch may have been replaced or deleted.
    pub async fn missing_ref(&self, reading: &Reading, error: lakefs::Error) -> Error {
        match (error.kind(), &reading.transaction) {
            (
                lakefs::Kind::CommitNotFound
                | lakefs::Kind::NotFound
                | lakefs::Kind::BranchNotFound
                | lakefs::Kind::TagNotFound,
                transaction,
            ) => match transaction {
                Some(transaction) => self.moved_on(transaction).await,
                None => {
                    let message = format!("repository {} has no ref {}", reading.repository, reading.reference);
                    Error::new(Kind::RefNotFound, message).about([reading.reference.as_str()])
                }
            },
            (lakefs::Kind::RepositoryNotFound, _) => no_repository(&reading.repository),
            _ => error.into(),
        }
    }

    /// Returns the new version to read, if the error only means that the transaction moved to another branch or to its
    /// commit.
    ///
    /// # Errors
    /// Any other error itself, and those of [`reading`](Self::reading).
    pub(in crate::ops) async fn read_on(&self, caller: &Caller, before: &Reading, error: Error) -> Result<Reading> {
        match &before.transaction {
            Some(row) if is_worth_a_retry(&error) => {
                let place = Place { repository: None, at: At::Transaction(row.id.clone()) };
                self.reading(caller, &place).await
            }
            _ => Err(error),
        }
    }
}

/// Returns whether the transaction moved to another branch or to its commit during the read, so that the read should be
/// retried there.
fn is_worth_a_retry(error: &Error) -> bool {
    matches!(error.kind(), Kind::WriteInDoubt | Kind::TransactionCommitting)
}

/// Returns the name that the caller used for the version.
fn shown(reading: &Reading) -> String {
    match &reading.transaction {
        Some(transaction) => format!("transaction {}", transaction.id),
        None => reading.reference.to_string(),
    }
}
