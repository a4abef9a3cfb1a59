//! The store: one table, compare-and-set by version, time by the clock of the database.

mod claim;
mod database;
mod migrations;
mod record;
mod statement;
mod turn;
mod upkeep;

pub use claim::Claim;
pub use turn::BaseTurn;
pub use upkeep::Tally;

use crate::error::Result;
use crate::row::{Millis, NewTransaction, State, Transaction};
use crate::watch::{Bells, RowWatch};
use database::Database;
use lakeport_types::TransactionId;
use record::{COLUMNS, Record};
use statement::Statement;
use std::collections::BTreeMap;
use upkeep::has_worker;

/// Rows that a listing looks at together.
const PAGE: i64 = 200;

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
    database: Database,
    bells: Bells,
}

impl SessionStore {
    /// Opens the store at a database URL (`sqlite:FILE`, `postgres://…`), and brings it up to date.
    ///
    /// # Errors
    /// When it is of a newer version, damaged, or not there. The text has no password.
    pub async fn open(url: &str) -> Result<Self> {
        Ok(Self { database: Database::open(url).await?, bells: Bells::default() })
    }

    fn now(&self) -> &'static str {
        self.database.dialect.now()
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<()> {
        self.database.run(&Statement::new("SELECT 1")).await?;
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
            commit_time: None,
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
            is_clean: false,
            end_time: None,
        };
        loop {
            if Record::of(&transaction)?.insert(&self.database).await? {
                return Ok(Begun::New(transaction));
            }
            match self.get(&owner, &id).await? {
                // Our own first try, whose answer was lost, and which nobody has found since: no two have one branch.
                Some(own) if own.branch == transaction.branch && own.version == transaction.version => {
                    return Ok(Begun::New(own));
                }
                Some(existing) => return Ok(Begun::Existing(existing)),
                // It could not begin, and was forgotten meanwhile.
                None => {}
            }
        }
    }

    /// Forgets a transaction that has not begun and cannot, if `current` is what stands there.
    ///
    /// # Errors
    /// When the database fails.
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

    /// A transaction of an owner.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn get(&self, owner: &str, id: &TransactionId) -> Result<Option<Transaction>> {
        let sql = format!("{} WHERE owner = $1 AND id = $2", self.select());
        let found = self.transactions(&Statement::new(sql).bind(owner).bind(id.as_str())).await?;
        Ok(found.into_iter().next())
    }

    fn select(&self) -> String {
        format!("SELECT {COLUMNS}, {} AS read_at FROM transactions", self.now())
    }

    async fn transactions(&self, statement: &Statement) -> Result<Vec<Transaction>> {
        let records: Vec<Record> = self.database.rows(statement).await?;
        records.into_iter().map(Record::transaction).collect()
    }

    /// Writes `next` in the place of `current`, if `current` is what stands there. Says what stands now, or `None` if somebody was
    /// faster.
    ///
    /// # Errors
    /// When the database fails for long: then it may stand, or not. An answer that was lost is looked for.
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
        let now = self.now();
        let overdue = format!(" AND (idle_expire_time <= {now} - ({grace}) OR expire_time <= {now} - ({grace}))");
        self.replace(current, next, &overdue).await
    }

    async fn replace(&self, current: &Transaction, next: Transaction, also: &str) -> Result<Option<Transaction>> {
        let next = Transaction { version: current.version + 1, ..next };
        let swapped = Record::of(&next)?.replace(&self.database, current, also).await;
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
        let renewal = Statement::new(sql).bind(until).bind(transaction.owner.as_str()).bind(transaction.id.as_str());
        self.database.run(&renewal).await?;
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
        let (mut time, mut id) = after.unwrap_or((Millis::MAX, String::new()));
        let sql = format!(
            "{} WHERE owner = $1 AND (create_time < $2 OR (create_time = $2 AND id > $3)) \
             ORDER BY create_time DESC, id LIMIT $4",
            self.select()
        );
        let mut wanted = Vec::new();
        // Page by page: a day's rows of a busy owner need not fit the memory.
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

    /// How many transactions of an owner have not ended.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_live(&self, owner: &str) -> Result<i64> {
        let sql = "SELECT count(*) FROM transactions WHERE owner = $1 AND end_time IS NULL";
        self.database.number(&Statement::new(sql).bind(owner)).await
    }

    /// How many commits into the base of a transaction began before its own and are at work.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn commits_ahead(&self, transaction: &Transaction) -> Result<i64> {
        let sql = format!(
            "SELECT count(*) FROM transactions WHERE state = 'committing' AND repository = $1 AND base_branch = $2 AND \
             commit_time < $3 AND {}",
            has_worker(self.now())
        );
        let (repository, base) = (transaction.repository.as_str(), transaction.base_branch.as_str());
        self.database.number(&Statement::new(sql).bind(repository).bind(base).bind(transaction.commit_time)).await
    }

    /// Waits for what is under way and closes the database.
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
