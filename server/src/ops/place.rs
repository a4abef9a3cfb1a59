//! The target of a request: a ref of a repository, or a transaction.

use crate::error::{Error, Result};
use lakeport_transactions::Transaction;
use lakeport_types::{Ref, RepositoryId, TransactionId};

/// The target of a request.
#[derive(Debug, Clone)]
pub struct Place {
    /// Repository. Optional in a transaction; if set, it must be that of the transaction.
    pub repository: Option<RepositoryId>,
    /// Version of the repository.
    pub at: At,
}

/// A version of a repository.
#[derive(Debug, Clone)]
pub enum At {
    /// The version that a ref names.
    Ref(Ref),
    /// The version that a transaction sees.
    Transaction(TransactionId),
}

impl Place {
    pub(in crate::ops) fn named(&self) -> Result<RepositoryId> {
        self.repository.clone().ok_or_else(|| Error::field("repository", "is empty: name a repository"))
    }

    pub(in crate::ops) fn agrees_with(&self, transaction: &Transaction) -> Result<()> {
        match &self.repository {
            Some(repository) if *repository != transaction.repository => Err(Error::field(
                "repository",
                format!(
                    "is {repository}, but transaction {} is in repository {}: leave the field empty or correct it",
                    transaction.id, transaction.repository
                ),
            )),
            _ => Ok(()),
        }
    }
}

impl Place {
    /// Returns the transaction ID, if the target is a transaction.
    pub fn transaction_id(&self) -> Option<&TransactionId> {
        match &self.at {
            At::Transaction(id) => Some(id),
            At::Ref(_) => None,
        }
    }
}
