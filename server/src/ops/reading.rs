//! The version of a repository that a request reads.

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::ops::context::Ops;
use crate::ops::errors::{base_of, no_repository, not_open};
use crate::ops::place::{At, Place};
use lakeport_lakefs as lakefs;
use lakeport_transactions::{State, Transaction};
use lakeport_types::{ObjectPath, Ref, RepositoryId};

/// Where to read.
#[derive(Debug, Clone)]
pub struct Reading {
    /// Repository.
    pub repository: RepositoryId,
    /// What to read.
    pub reference: Ref,
    /// The transaction that it is read in.
    pub transaction: Option<Transaction>,
}

impl Ops {
    /// Where a read is to look.
    ///
    /// # Errors
    /// `TransactionNotFound`, and the state of a transaction that has ended.
    pub async fn reading(&self, caller: &Caller, place: &Place) -> Result<Reading> {
        let id = match &place.at {
            At::Transaction(id) => id,
            At::Ref(reference) => {
                return Ok(Reading { repository: place.named()?, reference: reference.clone(), transaction: None });
            }
        };
        let transaction = self.owned(caller, id).await?;
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
        self.touch(&transaction).await?;
        Ok(Reading { repository: transaction.repository.clone(), reference, transaction: Some(transaction) })
    }

    /// What lakeFS's one `not found` means: the ref or the object. It says the same for both, so it is asked which.
    pub async fn missing(&self, caller: &Caller, reading: &Reading, path: &ObjectPath) -> Error {
        match caller.lakefs.get_commit(&reading.repository, &reading.reference).await {
            Ok(_) => Error::new(
                Kind::ObjectNotFound,
                format!("no object {:?} at {} of repository {}", path.as_str(), shown(reading), reading.repository),
            )
            .about([path.as_str()]),
            Err(error) => self.missing_ref(reading, error).await,
        }
    }

    /// A ref that names nothing; in a transaction, a branch that it has left.
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

    /// Where to read on, if an error only says that the transaction has moved on meanwhile.
    ///
    /// # Errors
    /// The error itself, and those of [`reading`](Self::reading).
    pub(in crate::ops) async fn read_on(&self, caller: &Caller, before: &Reading, error: Error) -> Result<Reading> {
        match &before.transaction {
            Some(row) if has_moved(&error) => {
                let place = Place { repository: None, at: At::Transaction(row.id.clone()) };
                self.reading(caller, &place).await
            }
            _ => Err(error),
        }
    }
}

/// Whether a read met a transaction that moved on meanwhile, to another branch or into its commit: then it is worth another look.
fn has_moved(error: &Error) -> bool {
    matches!(error.kind(), Kind::WriteInDoubt | Kind::TransactionCommitting)
}

/// The ref as its caller knows it.
fn shown(reading: &Reading) -> String {
    match &reading.transaction {
        Some(transaction) => format!("transaction {}", transaction.id),
        None => reading.reference.to_string(),
    }
}
