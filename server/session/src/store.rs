//! The store: one table, compare-and-set by version, time by the clock of the database.

mod record;

use crate::row::{Millis, NewTransaction, State, Transaction};
use crate::watch::{Bells, RowWatch};
use futures_util::TryStreamExt;
use lakeport_types::TransactionId;
use record::{COLUMNS, Record};
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyPool, AssertSqlSafe, ConnectOptions, Executor};
use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

/// The schema that this program reads and writes.
const SCHEMA_VERSION: i64 = 1;

/// Why the store did not answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be opened, or is not one of ours.
    #[error("cannot open the session store: {0}")]
    Open(String),
    /// The database failed.
    #[error("the session store failed: {0}")]
    Database(#[from] sqlx::Error),
    /// A row does not say what a row says: the store is damaged, or of another program.
    #[error("a row of the session store cannot be read: {0}")]
    Corrupt(String),
}

/// The result of a call of the store.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// What became of a transaction that was to begin.
#[derive(Debug, Clone)]
pub enum Begun {
    /// It stands now.
    New(Transaction),
    /// Its owner has one of that ID already.
    Existing(Transaction),
}

/// Which transactions to list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only of this repository.
    pub repository: Option<String>,
    /// Only in one of these; none: all.
    pub states: Vec<State>,
    /// Only with all of these.
    pub labels: BTreeMap<String, String>,
}

/// The durable rows of all transactions. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SessionStore {
    pool: AnyPool,
    bells: Bells,
    /// Milliseconds since 1970, in the words of this database.
    now: &'static str,
}

impl SessionStore {
    /// Opens the store at a database URL, and brings it up to date.
    ///
    /// # Errors
    /// When it is of a newer version, damaged, or not there.
    pub async fn open(url: &str) -> Result<Self> {
        sqlx::any::install_default_drivers();
        let options = AnyConnectOptions::from_str(url).map_err(|error| Error::Open(error.to_string()))?;
        let options = options.disable_statement_logging();
        // One connection writes to SQLite at a time anyway, and then nobody is told that it is busy.
        let pool = AnyPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(Duration::from_secs(10))
            .after_connect(|connection, _| {
                Box::pin(async move {
                    connection.execute("PRAGMA journal_mode = WAL").await?;
                    connection.execute("PRAGMA synchronous = FULL").await?;
                    connection.execute("PRAGMA busy_timeout = 10000").await?;
                    Ok(())
                })
            })
            .connect_with(options)
            .await
            .map_err(|error| Error::Open(format!("{url}: {error}")))?;
        let store =
            Self { pool, bells: Bells::default(), now: "CAST((julianday('now') - 2440587.5) * 86400000 AS BIGINT)" };
        store.migrate().await?;
        Ok(store)
    }

    async fn migrate(&self) -> Result<()> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        transaction.execute("CREATE TABLE IF NOT EXISTS lakeport_schema (version BIGINT NOT NULL)").await?;
        let version: Option<i64> =
            sqlx::query_scalar("SELECT version FROM lakeport_schema").fetch_optional(&mut *transaction).await?;
        match version {
            Some(SCHEMA_VERSION) => {}
            None => {
                for statement in include_str!("store/schema.sql").split(';').filter(|sql| !sql.trim().is_empty()) {
                    transaction.execute(AssertSqlSafe(statement)).await?;
                }
            }
            Some(other) => {
                return Err(Error::Open(format!(
                    "it has schema version {other}, and this program knows version {SCHEMA_VERSION}: use the program that \
                     wrote it, or another store"
                )));
            }
        }
        Ok(transaction.commit().await?)
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<()> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    /// Writes the row of a transaction that is to begin, if its owner has none of that ID.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin(&self, new: NewTransaction) -> Result<Begun> {
        let now = self.clock().await?;
        let (id, owner) = (new.id.clone(), new.owner.clone());
        let transaction = Transaction {
            create_time: now,
            idle_expire_time: now + new.options.idle_timeout,
            expire_time: now + new.options.lifetime,
            read_at: now,
            mark: format!("{}/{}", new.id, new.branch),
            id: new.id,
            owner: new.owner,
            repository: new.repository,
            base_branch: new.base_branch,
            base_commit_id: new.base_commit_id,
            branch: new.branch,
            options: new.options,
            labels: new.labels,
            state: State::Open,
            epoch: 0,
            version: 1,
            worker: None,
            lease_until: 0,
            commit_request: None,
            prepared_commit_id: None,
            merge_branches: Vec::new(),
            commit_in_doubt: false,
            merge_in_doubt: false,
            fence_until: None,
            unsettled: BTreeMap::new(),
            commit_id: None,
            merged: false,
            failure: None,
            failed_tags: Vec::new(),
            kept_branch: None,
            is_clean: false,
            end_time: None,
        };
        let record = Record::of(&transaction)?;
        if record.insert(&self.pool).await? {
            return Ok(Begun::New(transaction));
        }
        let existing = self.get(&owner, &id).await?;
        existing.map(Begun::Existing).ok_or_else(|| Error::Corrupt(format!("transaction {id} is there and is not")))
    }

    async fn clock(&self) -> Result<Millis> {
        let sql = format!("SELECT {}", self.now);
        Ok(sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&self.pool).await?)
    }

    /// A transaction of an owner.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn get(&self, owner: &str, id: &TransactionId) -> Result<Option<Transaction>> {
        let sql = format!("SELECT {COLUMNS}, {} AS read_at FROM transactions WHERE owner = $1 AND id = $2", self.now);
        let record: Option<Record> =
            sqlx::query_as(AssertSqlSafe(sql)).bind(owner).bind(id.as_str()).fetch_optional(&self.pool).await?;
        record.map(Record::transaction).transpose()
    }

    /// Writes `next` in the place of `current`, if `current` is what stands there. Says what stands now, or `None` if somebody was
    /// faster.
    ///
    /// # Errors
    /// When the database fails: then it may stand, or not.
    pub async fn swap(&self, current: &Transaction, next: Transaction) -> Result<Option<Transaction>> {
        self.replace(current, next, "").await
    }

    /// As [`swap`](Self::swap), if the transaction is also overdue by `grace` in that very moment: a renewal does not change the
    /// version.
    ///
    /// # Errors
    /// As [`swap`](Self::swap).
    pub async fn swap_overdue(
        &self,
        current: &Transaction,
        next: Transaction,
        grace: Millis,
    ) -> Result<Option<Transaction>> {
        let now = self.now;
        let overdue = format!(" AND (idle_expire_time <= {now} - ({grace}) OR expire_time <= {now} - ({grace}))");
        self.replace(current, next, &overdue).await
    }

    async fn replace(&self, current: &Transaction, next: Transaction, also: &str) -> Result<Option<Transaction>> {
        let next = Transaction { version: current.version + 1, ..next };
        let swapped = Record::of(&next)?.replace(&self.pool, current.version, also).await;
        // Also after an error: it may stand.
        self.bells.ring(&next.id);
        Ok(swapped?.then_some(next))
    }

    /// What is written to a row from now on.
    pub fn watch(&self, id: &TransactionId) -> RowWatch {
        self.bells.listen(id)
    }

    /// Puts off the end of an open transaction, if that moves it by at least `step`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn renew(&self, transaction: &Transaction, step: Millis) -> Result<Millis> {
        let until = transaction.read_at + transaction.options.idle_timeout;
        if until < transaction.idle_expire_time + step {
            return Ok(transaction.idle_expire_time);
        }
        let sql = "UPDATE transactions SET idle_expire_time = $1 WHERE owner = $2 AND id = $3 AND state = 'open' AND \
                   idle_expire_time < $1";
        sqlx::query(sql).bind(until).bind(&transaction.owner).bind(transaction.id.as_str()).execute(&self.pool).await?;
        Ok(until)
    }

    /// An owner's transactions, newest first, from behind the one that began at `after`, at most `limit`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list(
        &self,
        owner: &str,
        filter: &Filter,
        after: Option<(Millis, String)>,
        limit: usize,
    ) -> Result<Vec<Transaction>> {
        let (time, id) = after.unwrap_or((Millis::MAX, String::new()));
        let sql = format!(
            "SELECT {COLUMNS}, {} AS read_at FROM transactions WHERE owner = $1 AND \
             (create_time < $2 OR (create_time = $2 AND id > $3)) ORDER BY create_time DESC, id",
            self.now
        );
        let mut records =
            sqlx::query_as::<_, Record>(AssertSqlSafe(sql)).bind(owner).bind(time).bind(id).fetch(&self.pool);
        let mut wanted = Vec::new();
        // One after the other: a day's rows of a busy owner need not fit the memory.
        while wanted.len() < limit
            && let Some(record) = records.try_next().await?
        {
            let transaction = record.transaction()?;
            if filter.matches(&transaction) {
                wanted.push(transaction);
            }
        }
        Ok(wanted)
    }

    /// How many transactions of an owner have not ended.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_live(&self, owner: &str) -> Result<i64> {
        let sql = "SELECT count(*) FROM transactions WHERE owner = $1 AND end_time IS NULL";
        Ok(sqlx::query_scalar(sql).bind(owner).fetch_one(&self.pool).await?)
    }

    /// Transactions that the janitor has to do with: overdue by `grace`, committing and unattended, or ended and not clean.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn due(&self, grace: Millis, limit: i64) -> Result<Vec<Transaction>> {
        let now = self.now;
        let sql = format!(
            "SELECT {COLUMNS}, {now} AS read_at FROM transactions WHERE \
             (state = 'open' AND (idle_expire_time <= {now} - $1 OR expire_time <= {now} - $1)) OR \
             (state = 'committing' AND lease_until <= {now}) OR \
             (end_time IS NOT NULL AND is_clean = 0 AND lease_until <= {now}) \
             ORDER BY idle_expire_time LIMIT $2"
        );
        let records: Vec<Record> =
            sqlx::query_as(AssertSqlSafe(sql)).bind(grace).bind(limit).fetch_all(&self.pool).await?;
        records.into_iter().map(Record::transaction).collect()
    }

    /// Forgets clean transactions that ended longer than `age` ago.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget(&self, age: Millis) -> Result<u64> {
        let sql = format!("DELETE FROM transactions WHERE is_clean = 1 AND end_time <= {} - $1", self.now);
        Ok(sqlx::query(AssertSqlSafe(sql)).bind(age).execute(&self.pool).await?.rows_affected())
    }

    /// Gives every open transaction one idle timeout from now: nobody could reach the service while it was away.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn grace_after_downtime(&self) -> Result<()> {
        let sql = format!("SELECT {COLUMNS}, {} AS read_at FROM transactions WHERE state = 'open'", self.now);
        let records: Vec<Record> = sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&self.pool).await?;
        for record in records {
            self.renew(&record.transaction()?, 0).await?;
        }
        Ok(())
    }

    /// Waits for what is under way and closes the database.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

impl Filter {
    fn matches(&self, transaction: &Transaction) -> bool {
        self.repository.as_deref().is_none_or(|repository| repository == transaction.repository.as_str())
            && (self.states.is_empty() || self.states.contains(&transaction.state))
            && self.labels.iter().all(|(key, value)| transaction.labels.get(key) == Some(value))
    }
}

#[cfg(test)]
mod tests;
