//! The store: one table, compare-and-set by version, and the clock of the database.

mod claim;
mod database;
mod dialect;
mod in_flight;
mod migrations;
mod requests;
mod rows;
mod turn;
mod upkeep;

pub use claim::Claim;
pub use in_flight::Slot;
pub use requests::Request;
pub use turn::BaseTurn;
pub use upkeep::Tally;

use crate::error::Result;
use crate::model::{Millis, NewTransaction, State};
use crate::statement::Statement;
use crate::transaction::Transaction;
use crate::watch::{RowNotifiers, RowWatch};
use database::Database;
use lakeport_types::TransactionId;
use std::collections::BTreeMap;
use upkeep::{has_worker, is_up};

/// Number of rows that a listing reads with one statement.
const PAGE: i64 = 200;

/// The result of a begin.
#[derive(Debug, Clone)]
pub enum Begun {
    /// The row was inserted.
    New(Transaction),
    /// The owner already has a transaction with that ID.
    Existing(Transaction),
}

/// Selects transactions of a listing.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Repository; `None` for all.
    pub repository: Option<String>,
    /// States; empty for all.
    pub states: Vec<State>,
    /// Labels that a transaction must have.
    pub labels: BTreeMap<String, String>,
}

/// The durable rows of all transactions. Clones are cheap and share connections.
#[derive(Debug, Clone)]
pub struct SessionStore {
    database: Database,
    notifiers: RowNotifiers,
}

impl SessionStore {
    /// Opens the store at a database URL (`sqlite:FILE`, `postgres://…`) and runs the missing migrations.
    ///
    /// # Errors
    /// The database is unavailable, damaged, or has a newer schema. The text never contains the password.
    pub async fn open(url: &str) -> Result<Self> {
        Ok(Self { database: Database::open(url).await?, notifiers: RowNotifiers::default() })
    }

    fn now(&self) -> &'static str {
        self.database.dialect.now()
    }

    /// Inserts the row of a new transaction, unless its owner has one with that ID.
    ///
    /// # Errors
    /// The database failed.
    pub async fn begin(&self, new: NewTransaction) -> Result<Begun> {
        let now = self.clock().await?;
        let (id, owner) = (new.id.clone(), new.owner.clone());
        let transaction = Transaction::new(new, now);
        loop {
            if rows::insert(&self.database, &transaction).await? {
                return Ok(Begun::New(transaction));
            }
            match self.get(&owner, &id).await? {
                // An earlier attempt of this insert succeeded, and its response was lost. Branch names are unique.
                Some(own) if own.branch == transaction.branch && own.version == transaction.version => {
                    return Ok(Begun::New(own));
                }
                Some(existing) => return Ok(Begun::Existing(existing)),
                // Another call removed the row between the two statements.
                None => {}
            }
        }
    }

    /// Deletes the row of a transaction that could not begin, if the row is still `current`. Returns whether the row was
    /// deleted.
    ///
    /// # Errors
    /// The database failed.
    pub async fn remove(&self, current: &Transaction) -> Result<bool> {
        let sql = "DELETE FROM transactions WHERE owner = $1 AND id = $2 AND branch = $3 AND version = $4 AND \
                   state = 'open' AND base_commit_id = ''";
        let removal = Statement::new(sql)
            .bind(current.owner.as_str())
            .bind(current.id.as_str())
            .bind(current.branch.as_str())
            .bind(current.version);
        Ok(self.database.run(&removal).await?.changed == 1)
    }

    async fn clock(&self) -> Result<Millis> {
        self.database.number(&Statement::new(format!("SELECT {}", self.now()))).await
    }

    /// Returns a transaction of an owner.
    ///
    /// # Errors
    /// The database failed.
    pub async fn get(&self, owner: &str, id: &TransactionId) -> Result<Option<Transaction>> {
        let sql = format!("{} WHERE owner = $1 AND id = $2", self.select());
        let found = self.transactions(&Statement::new(sql).bind(owner).bind(id.as_str())).await?;
        Ok(found.into_iter().next())
    }

    fn select(&self) -> String {
        format!("SELECT *, {} AS read_at FROM transactions", self.now())
    }

    async fn transactions(&self, statement: &Statement) -> Result<Vec<Transaction>> {
        self.database.run(statement).await?.rows.iter().map(Transaction::read).collect()
    }

    /// Writes `next` if the row is still `current`. Returns the written row, or `None` if another writer changed the row
    /// first.
    ///
    /// # Errors
    /// The database failed, despite retries. It is unknown whether the row was written.
    pub async fn swap(&self, current: &Transaction, next: Transaction) -> Result<Option<Transaction>> {
        self.replace(current, next, "").await
    }

    /// As [`swap`](Self::swap), but only if the transaction is overdue by `grace` when the database writes the row, and the service has
    /// had no downtime just before. A renewal does not change the version, so the compare-and-set alone would not detect a renewal.
    ///
    /// # Errors
    /// As [`swap`](Self::swap).
    pub async fn swap_overdue(
        &self,
        current: &Transaction,
        next: Transaction,
        grace: Millis,
    ) -> Result<Option<Transaction>> {
        let now = self.now();
        let is_up = is_up(now);
        let overdue =
            format!(" AND (idle_expire_time <= {now} - ({grace}) OR expire_time <= {now} - ({grace})) AND {is_up}");
        self.replace(current, next, &overdue).await
    }

    /// As [`swap`](Self::swap), but only if the lifetime of the transaction was not extended since `current` was read, and the service has
    /// had no downtime just before.
    ///
    /// # Errors
    /// As [`swap`](Self::swap).
    pub async fn swap_past_lifetime(&self, current: &Transaction, next: Transaction) -> Result<Option<Transaction>> {
        let now = self.now();
        let is_over = format!(" AND expire_time = {} AND {}", current.expire_time, is_up(now));
        self.replace(current, next, &is_over).await
    }

    async fn replace(&self, current: &Transaction, next: Transaction, condition: &str) -> Result<Option<Transaction>> {
        let next = next.replacing(current);
        let swapped = rows::replace(&self.database, current, &next, condition).await;
        // Notifies after an error, too, because the row may have been written.
        self.notifiers.notify(&next.id);
        Ok(swapped?.then_some(next))
    }

    /// Returns a watch for later writes of a row.
    pub fn watch(&self, id: &TransactionId) -> RowWatch {
        self.notifiers.subscribe(id)
    }

    /// Restarts the idle timeout of an open transaction, if this extends the idle expiry by at least `step`. Returns the idle expiry.
    ///
    /// # Errors
    /// The database failed.
    pub async fn renew(&self, transaction: &Transaction, step: Millis) -> Result<Millis> {
        let until = transaction.read_at + transaction.options.idle_timeout;
        if until < transaction.idle_expire_time + step {
            return Ok(transaction.idle_expire_time);
        }
        let sql = "UPDATE transactions SET idle_expire_time = $1 WHERE owner = $2 AND id = $3 AND state = 'open' AND \
                   idle_expire_time < $1";
        let renewal = Statement::new(sql).bind(until).bind(transaction.owner.as_str()).bind(transaction.id.as_str());
        self.database.run(&renewal).await?;
        Ok(until)
    }

    /// Returns at most `limit` transactions of an owner, newest first, after the one with creation time and ID `after`.
    ///
    /// # Errors
    /// The database failed.
    pub async fn list(
        &self,
        owner: &str,
        filter: &Filter,
        after: Option<(Millis, String)>,
        limit: usize,
    ) -> Result<Vec<Transaction>> {
        let (mut time, mut id) = after.unwrap_or((Millis::MAX, String::new()));
        let sql = format!(
            "{} WHERE owner = $1 AND (create_time < $2 OR (create_time = $2 AND id > $3)) \
             ORDER BY create_time DESC, id LIMIT $4",
            self.select()
        );
        let mut wanted = Vec::new();
        // Reads page by page, because all rows of one owner may not fit into memory.
        loop {
            let page = Statement::new(sql.as_str()).bind(owner).bind(time).bind(id).bind(PAGE);
            let page = self.transactions(&page).await?;
            let Some(last) = page.last() else { return Ok(wanted) };
            (time, id) = (last.create_time, last.id.to_string());
            wanted.extend(page.into_iter().filter(|transaction| filter.matches(transaction)));
            if wanted.len() >= limit {
                wanted.truncate(limit);
                return Ok(wanted);
            }
        }
    }

    /// Counts the unfinished transactions of an owner.
    ///
    /// # Errors
    /// The database failed.
    pub async fn count_live(&self, owner: &str) -> Result<i64> {
        let sql = "SELECT count(*) FROM transactions WHERE owner = $1 AND end_time IS NULL";
        self.database.number(&Statement::new(sql).bind(owner)).await
    }

    /// Counts the commits into the same base branch that started before this one and have a worker.
    ///
    /// # Errors
    /// The database failed.
    pub async fn commits_ahead(&self, transaction: &Transaction) -> Result<i64> {
        let sql = format!(
            "SELECT count(*) FROM transactions WHERE state = 'committing' AND repository = $1 AND base_branch = $2 AND \
             commit_time < $3 AND {}",
            has_worker(self.now())
        );
        let (repository, base) = (transaction.repository.as_str(), transaction.base_branch.as_str());
        self.database.number(&Statement::new(sql).bind(repository).bind(base).bind(transaction.commit_time)).await
    }

    /// Waits for statements in progress and closes the database.
    pub async fn close(&self) {
        self.database.close().await;
    }
}

impl Filter {
    fn matches(&self, transaction: &Transaction) -> bool {
        !transaction.is_beginning()
            && self.repository.as_deref().is_none_or(|repository| repository == transaction.repository.as_str())
            && (self.states.is_empty() || self.states.contains(&transaction.state))
            && self.labels.iter().all(|(key, value)| transaction.labels.get(key) == Some(value))
    }
}
