//! Where objects are.

/// A version of a repository, or a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    repository: String,
    reference: String,
    transaction_id: String,
}

impl Place {
    /// A branch, tag, commit ID or expression of a repository. Writes need a branch.
    pub fn reference(repository: impl Into<String>, reference: impl Into<String>) -> Self {
        Self { repository: repository.into(), reference: reference.into(), transaction_id: String::new() }
    }

    /// A transaction, in whichever repository it is.
    pub fn transaction(transaction_id: impl Into<String>) -> Self {
        Self { repository: String::new(), reference: String::new(), transaction_id: transaction_id.into() }
    }

    /// A transaction, which must be in this repository.
    pub fn transaction_in(repository: impl Into<String>, transaction_id: impl Into<String>) -> Self {
        Self { repository: repository.into(), ..Self::transaction(transaction_id) }
    }

    /// The repository; empty where only the transaction knows it.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The ref; empty in a transaction.
    pub fn ref_name(&self) -> &str {
        &self.reference
    }

    /// The transaction; empty outside of one.
    pub fn transaction_id(&self) -> &str {
        &self.transaction_id
    }

    /// The values of fields 1, 2 and 4 of a request.
    pub(crate) fn fields(&self) -> (String, String, String) {
        (self.repository.clone(), self.reference.clone(), self.transaction_id.clone())
    }
}
