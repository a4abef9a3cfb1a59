//! Statements of the janitor and of operators.

use super::SessionStore;
use crate::error::Result;
use crate::model::Millis;
use crate::statement::Statement;
use crate::transaction::Transaction;
use lakeport_types::RepositoryId;

/// Maximum number of finished rows deleted by one statement.
const MAX_DELETED: i64 = 1000;
/// Minimum time without a heartbeat of any replica that counts as a downtime of the service.
const DOWNTIME: Millis = 10_000;

/// Number of transactions by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Open, and no timeout has passed.
    pub open: i64,
    /// Open, and a timeout has passed. The janitor expires these transactions.
    pub overdue: i64,
    /// Committing, with a worker.
    pub committing: i64,
    /// Committing, without a worker. The owner or the janitor must continue the commit.
    pub unattended: i64,
    /// Finished, with branches that may still exist. The janitor deletes the branches.
    pub unclean: i64,
}

impl Tally {
    /// Returns the number of unfinished transactions.
    pub fn live(&self) -> i64 {
        self.open + self.overdue + self.committing + self.unattended
    }
}

impl SessionStore {
    /// Returns transactions that the janitor must process: open and overdue by `grace`, committing, or finished and not clean. Omits
    /// committing and finished transactions that are leased or postponed. Returns at most `limit`, selected at random. Skips and logs
    /// corrupt rows.
    ///
    /// # Errors
    /// The database failed.
    pub async fn due(&self, grace: Millis, limit: i64) -> Result<Vec<Transaction>> {
        let now = self.now();
        let sql = format!(
            "{} WHERE is_clean = 0 AND (\
             (state = 'open' AND (idle_expire_time <= {now} - $1 OR expire_time <= {now} - $1)) OR \
             (state = 'committing' AND lease_until <= {now}) OR \
             (end_time IS NOT NULL AND lease_until <= {now})) \
             ORDER BY random() LIMIT $2",
            self.select()
        );
        let due = self.database.run(&Statement::new(sql).bind(grace).bind(limit)).await?;
        let readable = |row| {
            Transaction::read(row).inspect_err(|error| tracing::error!(%error, "corrupt row in the session store")).ok()
        };
        Ok(due.rows.iter().filter_map(readable).collect())
    }

    /// Returns the transactions of a repository whose branches may exist, including kept live branches.
    ///
    /// # Errors
    /// The database failed.
    pub async fn with_branches(&self, repository: &RepositoryId) -> Result<Vec<Transaction>> {
        let sql = format!("{} WHERE (is_clean = 0 OR is_kept_in_place = 1) AND repository = $1", self.select());
        self.transactions(&Statement::new(sql).bind(repository.as_str())).await
    }

    /// Counts transactions by state.
    ///
    /// # Errors
    /// The database failed.
    pub async fn tally(&self) -> Result<Tally> {
        let now = self.now();
        let is_late = format!("(idle_expire_time <= {now} OR expire_time <= {now})");
        let has_worker = has_worker(now);
        let sql = format!(
            "SELECT count(CASE WHEN state = 'open' AND NOT {is_late} THEN 1 END), \
             count(CASE WHEN state = 'open' AND {is_late} THEN 1 END), \
             count(CASE WHEN state = 'committing' AND {has_worker} THEN 1 END), \
             count(CASE WHEN state = 'committing' AND NOT {has_worker} THEN 1 END), \
             count(CASE WHEN end_time IS NOT NULL THEN 1 END) FROM transactions WHERE is_clean = 0"
        );
        let rows: Vec<(i64, i64, i64, i64, i64)> = self.database.rows(&Statement::new(sql)).await?;
        let (open, overdue, committing, unattended, unclean) = rows.into_iter().next().unwrap_or_default();
        Ok(Tally { open, overdue, committing, unattended, unclean })
    }

    /// Deletes some clean transactions that ended more than `age` ago, and returns their number. Does not delete
    /// the row of a transaction whose live branch was kept: without the row, `sweep` would list that branch as stray.
    ///
    /// # Errors
    /// The database failed.
    pub async fn forget(&self, age: Millis) -> Result<u64> {
        let sql = format!(
            "DELETE FROM transactions WHERE (owner, id) IN (SELECT owner, id FROM transactions WHERE is_clean = 1 AND \
             is_kept_in_place = 0 AND end_time <= {} - $1 LIMIT $2)",
            self.now()
        );
        Ok(self.database.run(&Statement::new(sql).bind(age).bind(MAX_DELETED)).await?.changed)
    }

    /// Stores a heartbeat of a replica. If no replica stored one for 10 s, extends each unfinished transaction to at least one idle
    /// timeout from now, because owners could not reach the service. The extension may exceed the lifetime. Returns the number of extended
    /// transactions.
    ///
    /// # Errors
    /// The database failed.
    pub async fn heartbeat(&self) -> Result<u64> {
        let now = self.now();
        let until = format!("{now} + idle_timeout");
        // The extension comes first. If this replica dies before the second statement, the next heartbeat extends transactions again.
        let grace = format!(
            "UPDATE transactions SET \
             idle_expire_time = CASE WHEN idle_expire_time > {until} THEN idle_expire_time ELSE {until} END, \
             expire_time = CASE WHEN expire_time > {until} THEN expire_time ELSE {until} END \
             WHERE end_time IS NULL AND (idle_expire_time < {until} OR expire_time < {until}) AND (SELECT max(seen) FROM lakeport_service) < {now} - $1"
        );
        let extended = self.database.run(&Statement::new(grace).bind(DOWNTIME)).await?.changed;
        let seen = format!("UPDATE lakeport_service SET seen = {now} WHERE seen < {now}");
        self.database.run(&Statement::new(seen)).await?;
        Ok(extended)
    }
}

/// Condition: a replica has stored a heartbeat lately. After a downtime, no transaction expires before the next heartbeat extends it.
pub(super) fn is_up(now: &str) -> String {
    format!("(SELECT max(seen) FROM lakeport_service) >= {now} - {DOWNTIME}")
}

/// Condition: a worker has a valid lease on the row.
pub(super) fn has_worker(now: &str) -> String {
    format!("(is_attended = 1 AND lease_until > {now})")
}
