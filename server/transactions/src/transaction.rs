//! A transaction as a row of the store: its fields, and their columns.
//!
//! Add new fields here. A field that SQL statements read or write is a column of [`TransactionRow`] and needs a migration. Any other
//! field is part of [`Details`], which is stored as JSON and needs no migration.

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

/// A transaction as read from the store at `read_at`.
///
/// Fields are accessible through `Deref`. Only the methods in `transaction/transitions.rs` derive a row from another row, so each change
/// of a row is a named step of the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction(TransactionRow);

/// The columns of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransactionRow {
    /// ID of the lakeFS user that began the transaction.
    pub owner: String,
    /// Transaction ID, unique for the owner.
    pub id: TransactionId,
    /// The current state.
    pub state: State,
    /// Version of the row. Each step increments it. Extensions of timeouts do not change it.
    pub version: i64,
    /// Number of commits that were started.
    pub epoch: i64,
    /// Repository of the transaction.
    pub repository: RepositoryId,
    /// Branch from which the transaction began, and into which it merges.
    pub base_branch: BranchName,
    /// Head of the base branch when the transaction began. `None` until the begin has completed.
    pub base_commit_id: Option<CommitId>,
    /// Live branch, which receives the writes. Branch names are never reused.
    pub branch: BranchName,
    /// End of the lease. Without a worker: time before which the janitor does not process the row.
    pub lease_until: Millis,
    /// Whether every branch of the transaction is deleted, except a kept one.
    pub is_clean: bool,
    /// Time at which the transaction began.
    pub create_time: Millis,
    /// End of the idle timeout. Calls extend it.
    pub idle_expire_time: Millis,
    /// End of the lifetime.
    pub expire_time: Millis,
    /// Time at which the transaction ended.
    pub end_time: Option<Millis>,
    /// Start of the current commit. Queue positions are computed from it.
    pub commit_time: Option<Millis>,
    /// Time of this read, by the database's clock.
    pub read_at: Millis,
    details: Details,
}

/// Fields that no SQL statement reads or writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Details {
    /// Options that were set when the transaction began.
    pub options: Options,
    /// Labels that the owner chose.
    pub labels: BTreeMap<String, String>,
    /// Unique value of this transaction: no transaction of any owner has the same. The metadata of its commit and merge contains it.
    pub mark: String,
    /// Name of the worker that holds the lease, or held it until the lease expired.
    pub worker: Option<String>,
    /// The request of the current or last commit.
    pub commit_request: Option<CommitRequest>,
    /// Commit to merge into the base, or to publish without a merge.
    pub prepared_commit_id: Option<CommitId>,
    /// Other branches of the transaction that may exist: sources of merges, and former live branches.
    pub merge_branches: Vec<BranchName>,
    /// The last commit made inside the transaction, if its response arrived.
    #[serde(default)]
    pub inside: Option<Inside>,
    /// Whether a commit request of this epoch may still take effect.
    pub commit_in_doubt: bool,
    /// Whether a merge request of this epoch may still take effect.
    pub merge_in_doubt: bool,
    /// Time until which a merge of this epoch may take effect after the deletion of its source branches.
    pub fence_until: Option<Millis>,
    /// Why the current commit failed. Callers get this failure after the fence. Once it is stored, no worker sends a merge of this epoch.
    #[serde(default)]
    pub refusal: Option<Failure>,
    /// Whether the live branch is being replaced, because a request of a dead process may still change it. No write is acknowledged
    /// meanwhile.
    #[serde(default)]
    pub is_branch_being_replaced: bool,
    /// Whether the last attempt to replace the live branch failed. Only writes that cannot go on without a new branch try again.
    #[serde(default)]
    pub replacement_failed: bool,
    /// Paths that an abandoned request may still change, each with the end of that time.
    pub unsettled: BTreeMap<String, Millis>,
    /// The published commit.
    pub commit_id: Option<CommitId>,
    /// Whether `commit_id` is a merge of this transaction.
    pub merged: bool,
    /// Why the last commit failed, or why a branch could not be kept.
    pub failure: Option<Failure>,
    /// Whether the base already has all changes of the current commit. Once this is stored, no worker sends a merge of this epoch.
    #[serde(default)]
    pub is_merged_already: bool,
    /// Requested tags that could not be created.
    pub failed_tags: Vec<String>,
    /// Branch that is kept when the transaction ends.
    pub kept_branch: Option<BranchName>,
    /// Time at which the name of the kept branch was stored. A request that creates the branch is sent later.
    #[serde(default)]
    pub kept_branch_time: Option<Millis>,
    /// Head of the kept branch. `None` until lakeFS has confirmed the branch.
    #[serde(default)]
    pub kept_head: Option<CommitId>,
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

/// How an UPDATE of the row changes a column.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Update {
    /// The column never changes, or other statements change it.
    Keep,
    /// The new value replaces the old one.
    Set,
    /// The larger value is stored, because a concurrent renewal may have written a later time.
    Max,
}

impl Transaction {
    /// Returns the row of a transaction that begins at `now`.
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
            is_branch_being_replaced: false,
            replacement_failed: false,
            unsettled: BTreeMap::new(),
            commit_id: None,
            merged: false,
            failure: None,
            is_merged_already: false,
            failed_tags: Vec::new(),
            kept_branch: None,
            kept_branch_time: None,
            kept_head: None,
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

    /// Returns all columns. `idle_timeout`, `is_attended` and `is_kept_in_place` are derived from other fields for use in SQL.
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
    /// `Corrupt` if a value is invalid.
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
