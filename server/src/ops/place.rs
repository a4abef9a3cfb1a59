//! The target of a request: a ref of a repository, or a transaction.

use crate::error::{Error, Result};
use lakeport_transactions::Transaction;
use lakeport_types::{Ref, RepositoryId, TransactionId};

/// Where a request is about.
#[derive(Debug, Clone)]
pub struct Place {
    /// In a transaction: checked against the transaction's, if it is given.
    pub repository: Option<RepositoryId>,
    /// A ref, or a transaction.
    pub at: At,
}

/// Which version of a repository.
#[derive(Debug, Clone)]
pub enum At {
    /// The one that a ref names.
    Ref(Ref),
    /// The one that a transaction sees.
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
                    "is {repository}, and transaction {} is of repository {}",
                    transaction.id, transaction.repository
                ),
            )),
            _ => Ok(()),
        }
    }
}

impl Place {
    /// The transaction that it is about, if it is.
    pub fn transaction_id(&self) -> Option<&lakeport_types::TransactionId> {
        match &self.at {
            At::Transaction(id) => Some(id),
            At::Ref(_) => None,
        }
    }
}
