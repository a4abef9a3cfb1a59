//! Location of objects: a ref or a transaction.

/// Location of objects: a ref of a repository, or a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    repository: String,
    reference: String,
    transaction_id: String,
}

impl Place {
    /// Selects a branch, tag, commit ID or ref expression (such as `main~1`) of a repository. Writes require a branch.
    pub fn reference(repository: impl Into<String>, reference: impl Into<String>) -> Self {
        Self { repository: repository.into(), reference: reference.into(), transaction_id: String::new() }
    }

    /// Selects a transaction. The server knows its repository.
    pub fn transaction(transaction_id: impl Into<String>) -> Self {
        Self { repository: String::new(), reference: String::new(), transaction_id: transaction_id.into() }
    }

    /// Selects a transaction and requires that it is in this repository.
    pub fn transaction_in(repository: impl Into<String>, transaction_id: impl Into<String>) -> Self {
        Self { repository: repository.into(), ..Self::transaction(transaction_id) }
    }

    /// Returns the repository. Empty if the place was created with [`Place::transaction`].
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// Returns the ref. Empty for a transaction.
    pub fn ref_name(&self) -> &str {
        &self.reference
    }

    /// Returns the transaction ID. Empty for a ref.
    pub fn transaction_id(&self) -> &str {
        &self.transaction_id
    }

    /// Returns repository, ref and transaction ID: the values of fields 1, 2 and 4 of a request.
    pub(crate) fn fields(&self) -> (String, String, String) {
        (self.repository.clone(), self.reference.clone(), self.transaction_id.clone())
    }
}
