//! From what a request names to where lakeFS has it.

use super::absent::{base_of, no_repository, not_a_branch, not_open, unknown_transaction};
use super::{Caller, Ops};
use crate::error::{Error, Kind, Result};
use lakeport_lakefs as lakefs;
use lakeport_session::{Millis, State, Transaction};
use lakeport_types::{BranchName, ObjectPath, Ref, RepositoryId, TransactionId};
use std::time::Duration;

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

/// Where to write.
#[derive(Debug, Clone)]
pub struct Writing {
    /// Repository.
    pub repository: RepositoryId,
    /// The branch to write to.
    pub branch: BranchName,
    /// The transaction that it is written in, as it was before the write.
    pub transaction: Option<Transaction>,
}

/// A renewal of the idle time is written when it moves the end by at least a tenth of it.
const RENEWAL_PART: Millis = 10;
/// How often a commit of another process is looked at that has not said yet what it commits.
const PREPARING: Duration = Duration::from_millis(200);

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

    /// Where a write goes.
    ///
    /// # Errors
    /// `RefNotABranch`, `ReservedName`, `TransactionNotFound`, and the state of a transaction that is not open.
    pub async fn writing(&self, caller: &Caller, place: &Place) -> Result<Writing> {
        let id = match &place.at {
            At::Transaction(id) => id,
            At::Ref(reference) => {
                let repository = place.named()?;
                return Ok(Writing { repository, branch: writable_branch(reference)?, transaction: None });
            }
        };
        let transaction = self.owned(caller, id).await?;
        place.agrees_with(&transaction)?;
        if transaction.state != State::Open {
            return Err(not_open(&transaction, transaction.state));
        }
        if transaction.options.read_only {
            return Err(Error::new(
                Kind::TransactionReadOnly,
                format!("transaction {id} only reads: begin one without read_only to write"),
            ));
        }
        self.touch(&transaction).await?;
        Ok(Writing {
            repository: transaction.repository.clone(),
            branch: transaction.branch.clone(),
            transaction: Some(transaction),
        })
    }

    /// A transaction of this caller's. Another's is as unknown as none, and so is one that is yet to begin.
    ///
    /// # Errors
    /// `TransactionNotFound`.
    pub async fn owned(&self, caller: &Caller, id: &TransactionId) -> Result<Transaction> {
        let found = self.noted(caller, id).await?;
        if found.is_beginning() { Err(unknown_transaction(id)) } else { Ok(found) }
    }

    /// A transaction of this caller's, also one that is yet to begin.
    ///
    /// # Errors
    /// `TransactionNotFound`.
    pub(super) async fn noted(&self, caller: &Caller, id: &TransactionId) -> Result<Transaction> {
        self.store.get(&caller.principal, id).await?.ok_or_else(|| unknown_transaction(id))
    }

    /// The row of a transaction as it is now.
    ///
    /// # Errors
    /// `TransactionNotFound` when it was forgotten meanwhile.
    pub async fn refreshed(&self, transaction: &Transaction) -> Result<Transaction> {
        let now = self.store.get(&transaction.owner, &transaction.id).await?;
        now.ok_or_else(|| unknown_transaction(&transaction.id))
    }

    /// Puts off the end of a transaction in which a long call goes on.
    pub async fn stay(&self, transaction: Option<&Transaction>) -> Result<()> {
        match transaction {
            Some(transaction) => self.touch(&self.refreshed(transaction).await?).await,
            None => Ok(()),
        }
    }

    /// Notes that something is called in a transaction.
    pub(super) async fn touch(&self, transaction: &Transaction) -> Result<()> {
        if transaction.state == State::Open {
            self.store.renew(transaction, transaction.options.idle_timeout / RENEWAL_PART).await?;
        }
        Ok(())
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

    /// The branch of a transaction is gone: it has ended, or goes on on another one.
    async fn moved_on(&self, before: &Transaction) -> Error {
        match self.refreshed(before).await {
            Ok(now) if now.state == State::Open && now.branch == before.branch => Error::new(
                Kind::RefNotFound,
                format!("the branch of transaction {} is gone, and what was written with it: roll back", now.id),
            ),
            Ok(now) if now.state == State::Open => Error::new(
                Kind::WriteInDoubt,
                format!(
                    "a commit of transaction {} failed meanwhile, and it goes on elsewhere: repeat the call",
                    now.id
                ),
            ),
            Ok(now) => not_open(&now, now.state),
            Err(error) => error,
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
    pub(super) async fn read_on(&self, caller: &Caller, before: &Reading, error: Error) -> Result<Reading> {
        match &before.transaction {
            Some(row) if has_moved(&error) => {
                let place = Place { repository: None, at: At::Transaction(row.id.clone()) };
                self.reading(caller, &place).await
            }
            _ => Err(error),
        }
    }

    /// Waits until a transaction that is being committed says what it commits, or is open or ended.
    ///
    /// # Errors
    /// As [`refreshed`](Self::refreshed).
    pub async fn prepared(&self, transaction: &Transaction) -> Result<Transaction> {
        let mut writes = self.store.watch(&transaction.id);
        loop {
            let now = self.refreshed(transaction).await?;
            let is_preparing = now.state == State::Committing && now.prepared_commit_id.is_none();
            if !is_preparing {
                return Ok(now);
            }
            writes.next(PREPARING).await;
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

impl Place {
    fn named(&self) -> Result<RepositoryId> {
        self.repository.clone().ok_or_else(|| Error::field("repository", "is empty: name a repository"))
    }

    fn agrees_with(&self, transaction: &Transaction) -> Result<()> {
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

/// The branch that a ref must be to be written to.
///
/// # Errors
/// `RefNotABranch` for what cannot be one; `ReservedName` for those of transactions.
pub(super) fn writable_branch(reference: &Ref) -> Result<BranchName> {
    let branch = reference.as_branch().ok_or_else(|| not_a_branch(reference.as_str()))?;
    if branch.is_transaction() {
        return Err(Error::new(
            Kind::ReservedName,
            format!("branch {branch} belongs to a transaction: write with its transaction_id"),
        ));
    }
    Ok(branch)
}

impl Writing {
    /// What a refusal of lakeFS to write here means.
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
            lakefs::Kind::RepositoryReadOnly => {
                Error::new(Kind::RepositoryReadOnly, format!("repository {} is read-only", self.repository))
            }
            _ => caller.explain(error.into()).await,
        }
    }

    /// A name that is no branch: nothing, or a tag or commit.
    async fn missing(&self, caller: &Caller) -> Error {
        let reference = Ref::from(&self.branch);
        match caller.lakefs.get_commit(&self.repository, &reference).await {
            Ok(_) => not_a_branch(self.branch.as_str()),
            Err(error) if error.kind() == lakefs::Kind::RepositoryNotFound => no_repository(&self.repository),
            Err(_) => {
                Error::new(Kind::RefNotFound, format!("repository {} has no branch {}", self.repository, self.branch))
                    .about([self.branch.as_str()])
            }
        }
    }
}
