//! A transaction as a row of the store: its fields, and their columns.
//!
//! A new field is added here. A field that SQL statements read or write is a column of [`TransactionRow`] and needs a migration; any
//! other field belongs to [`Details`], which is stored as JSON and needs none.

mod transitions;

pub use transitions::{NotAllowed, Worker};

use crate::error::{Error, Result};
use crate::model::{CommitRequest, Failure, Inside, Millis, NewTransaction, Options, State};
use crate::statement::Value;
use lakeport_types::{BranchName, CommitId, RepositoryId, TransactionId};
use serde::{Deserialize, Serialize};
use sqlx::Row as _;
use sqlx::any::AnyRow;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::Deref;

/// A transaction at the moment `read_at`.
///
/// Its fields are read through `Deref`. Only the methods in `transaction/transitions.rs` make a row from another one, so each change of a
/// row is one of the protocol's named steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction(TransactionRow);

/// The columns of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransactionRow {
    /// The lakeFS user who began it.
    pub owner: String,
    /// Unique among the transactions of its owner.
    pub id: TransactionId,
    /// The current state.
    pub state: State,
    /// Grows with every change of the row, except renewals of its idle time.
    pub version: i64,
    /// Number of commits that were started.
    pub epoch: i64,
    /// Repository.
    pub repository: RepositoryId,
    /// The branch that it began from and merges into.
    pub base_branch: BranchName,
    /// The head of the base branch when the transaction's branch was created. `None` until that branch exists.
    pub base_commit_id: Option<CommitId>,
    /// The live branch: the one that writes go to. A name is used once and never again.
    pub branch: BranchName,
    /// End of the lease, or of the time for which the janitor leaves the row alone.
    pub lease_until: Millis,
    /// Whether every branch of the transaction is deleted.
    pub is_clean: bool,
    /// Begin of the transaction.
    pub create_time: Millis,
    /// Expiry unless a call renews it.
    pub idle_expire_time: Millis,
    /// Expiry at the latest.
    pub expire_time: Millis,
    /// End of the transaction.
    pub end_time: Option<Millis>,
    /// Start of the current commit. Commits into one base queue in this order.
    pub commit_time: Option<Millis>,
    /// Time of this read, by the database's clock.
    pub read_at: Millis,
    details: Details,
}

/// Fields that no SQL statement reads or writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Details {
    /// The options that it was begun with.
    pub options: Options,
    /// Labels that the owner chose.
    pub labels: BTreeMap<String, String>,
    /// Random value that no other transaction of any owner has. lakeFS commits of the transaction carry it.
    pub mark: String,
    /// The worker that has the lease, if one has.
    pub worker: Option<String>,
    /// The request of the current or last commit.
    pub commit_request: Option<CommitRequest>,
    /// The commit that is to be merged, or was.
    pub prepared_commit_id: Option<CommitId>,
    /// Branches besides the live one that may exist: sources of merges, and former live branches.
    pub merge_branches: Vec<BranchName>,
    /// The last commit made inside the transaction, if its response arrived.
    #[serde(default)]
    pub inside: Option<Inside>,
    /// Whether a commit request of this epoch may still take effect.
    pub commit_in_doubt: bool,
    /// Whether a merge request of this epoch may still take effect.
    pub merge_in_doubt: bool,
    /// Until when a merge of this epoch may take effect after its sources were deleted.
    pub fence_until: Option<Millis>,
    /// Why the current commit failed. Reported after the fence; from then on no worker sends a merge of this epoch.
    #[serde(default)]
    pub refusal: Option<Failure>,
    /// Paths that an abandoned request may still change, and until when.
    pub unsettled: BTreeMap<String, Millis>,
    /// The published commit.
    pub commit_id: Option<CommitId>,
    /// Whether `commit_id` is a merge of this transaction.
    pub merged: bool,
    /// Why the last commit failed, or why a branch could not be kept.
    pub failure: Option<Failure>,
    /// Requested tags that could not be created.
    pub failed_tags: Vec<String>,
    /// The branch that remains after the end.
    pub kept_branch: Option<BranchName>,
}

impl Deref for Transaction {
    type Target = TransactionRow;

    fn deref(&self) -> &TransactionRow {
        &self.0
    }
}

impl Deref for TransactionRow {
    type Target = Details;

    fn deref(&self) -> &Details {
        &self.details
    }
}

/// A column with its value.
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) value: Value,
    pub(crate) update: Update,
}

/// What an UPDATE of the row does to a column.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Update {
    /// The column never changes, or other statements change it.
    Keep,
    /// The new value replaces the old one.
    Set,
    /// The larger value stays: a renewal may have written a later one.
    Max,
}

impl Transaction {
    /// The row of a transaction that begins at `now`.
    pub(crate) fn new(new: NewTransaction, now: Millis) -> Self {
        let details = Details {
            mark: format!("{}/{}", new.id, new.branch),
            labels: new.labels,
            worker: None,
            commit_request: None,
            prepared_commit_id: None,
            merge_branches: Vec::new(),
            inside: None,
            commit_in_doubt: false,
            merge_in_doubt: false,
            fence_until: None,
            refusal: None,
            unsettled: BTreeMap::new(),
            commit_id: None,
            merged: false,
            failure: None,
            failed_tags: Vec::new(),
            kept_branch: None,
            options: new.options,
        };
        Self(TransactionRow {
            owner: new.owner,
            id: new.id,
            state: State::Open,
            version: 1,
            epoch: 0,
            repository: new.repository,
            base_branch: new.base_branch,
            base_commit_id: new.base_commit_id,
            branch: new.branch,
            lease_until: 0,
            is_clean: false,
            create_time: now,
            idle_expire_time: now + details.options.idle_timeout,
            expire_time: now + details.options.lifetime,
            end_time: None,
            commit_time: None,
            read_at: now,
            details,
        })
    }

    /// All columns. `idle_timeout`, `is_attended` and `is_kept_in_place` are derived: statements filter by them.
    pub(crate) fn columns(&self) -> Result<Vec<Column>> {
        let column = |name, value: Value, update| Column { name, value, update };
        let text = |value: &dyn Display| Value::from(value.to_string());
        let number = |value: bool| Value::from(i64::from(value));
        let details = serde_json::to_string(&self.details).map_err(corrupt)?;
        Ok(vec![
            column("owner", text(&self.owner), Update::Keep),
            column("id", text(&self.id), Update::Keep),
            column("state", self.state.as_str().into(), Update::Set),
            column("version", self.version.into(), Update::Set),
            column("epoch", self.epoch.into(), Update::Set),
            column("repository", text(&self.repository), Update::Keep),
            column("base_branch", text(&self.base_branch), Update::Keep),
            column("base_commit_id", self.base_commit_id.as_ref().map_or("", CommitId::as_str).into(), Update::Set),
            column("branch", text(&self.branch), Update::Set),
            column("lease_until", self.lease_until.into(), Update::Set),
            column("is_clean", number(self.is_clean), Update::Set),
            column("create_time", self.create_time.into(), Update::Keep),
            column("idle_expire_time", self.idle_expire_time.into(), Update::Max),
            column("expire_time", self.expire_time.into(), Update::Keep),
            column("end_time", self.end_time.into(), Update::Set),
            column("commit_time", self.commit_time.into(), Update::Set),
            column("details", details.into(), Update::Set),
            column("idle_timeout", self.options.idle_timeout.into(), Update::Keep),
            column("is_attended", number(self.worker.is_some()), Update::Set),
            column("is_kept_in_place", number(self.is_kept_in_place()), Update::Set),
        ])
    }

    /// Reads a row that has every column of the table, and `read_at`.
    ///
    /// # Errors
    /// `Corrupt` if a value breaks its rule.
    pub(crate) fn read(row: &AnyRow) -> Result<Self> {
        let details: String = row.try_get("details")?;
        let state: String = row.try_get("state")?;
        let base_commit_id: String = row.try_get("base_commit_id")?;
        let is_clean: i64 = row.try_get("is_clean")?;
        Ok(Self(TransactionRow {
            owner: row.try_get("owner")?,
            id: parsed(row, "id")?,
            state: State::parse(&state).ok_or_else(|| corrupt(format!("state {state:?}")))?,
            version: row.try_get("version")?,
            epoch: row.try_get("epoch")?,
            repository: parsed(row, "repository")?,
            base_branch: parsed(row, "base_branch")?,
            base_commit_id: match base_commit_id.is_empty() {
                true => None,
                false => Some(CommitId::try_from(base_commit_id).map_err(corrupt)?),
            },
            branch: parsed(row, "branch")?,
            lease_until: row.try_get("lease_until")?,
            is_clean: is_clean != 0,
            create_time: row.try_get("create_time")?,
            idle_expire_time: row.try_get("idle_expire_time")?,
            expire_time: row.try_get("expire_time")?,
            end_time: row.try_get("end_time")?,
            commit_time: row.try_get("commit_time")?,
            read_at: row.try_get("read_at")?,
            details: serde_json::from_str(&details).map_err(corrupt)?,
        }))
    }
}

fn corrupt(error: impl Display) -> Error {
    Error::Corrupt(error.to_string())
}

fn parsed<T: TryFrom<String>>(row: &AnyRow, column: &str) -> Result<T>
where
    T::Error: Display,
{
    let text: String = row.try_get(column)?;
    T::try_from(text).map_err(corrupt)
}
