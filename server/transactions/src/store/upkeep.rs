//! What the janitor and operators ask of the store.

use super::SessionStore;
use super::record::Record;
use super::statement::Statement;
use crate::error::Result;
use crate::row::{Millis, Transaction};
use lakeport_types::RepositoryId;

/// Ended rows that are forgotten together.
const FORGOTTEN: i64 = 1000;
/// Without any replica for so long, nobody could reach the service.
const DOWNTIME: Millis = 10_000;

/// How many transactions wait for whom.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Open: for their owners.
    pub open: i64,
    /// Open and past their time: for the janitor.
    pub overdue: i64,
    /// Being committed: for the worker that has them.
    pub committing: i64,
    /// Being committed, and nobody works on them: for their owners or the janitor.
    pub unattended: i64,
    /// Ended, and branches of theirs may be there: for the janitor.
    pub unclean: i64,
}

impl Tally {
    /// How many have not ended.
    pub fn live(&self) -> i64 {
        self.open + self.overdue + self.committing + self.unattended
    }
}

impl SessionStore {
    /// Some transactions that the janitor has to do with: overdue by `grace`, committing and unattended, or ended and not clean. Which,
    /// chance says, where there are more than `limit`. Rows that cannot be understood are left out, and logged.
    ///
    /// # Errors
    /// When the database fails.
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
        let records: Vec<Record> = self.database.rows(&Statement::new(sql).bind(grace).bind(limit)).await?;
        let understood = |record: Record| {
            record.transaction().inspect_err(|error| tracing::error!(%error, "a row of the session store")).ok()
        };
        Ok(records.into_iter().filter_map(understood).collect())
    }

    /// The transactions of a repository that may still have branches, or keep the one that they had.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn with_branches(&self, repository: &RepositoryId) -> Result<Vec<Transaction>> {
        let sql = format!("{} WHERE (is_clean = 0 OR is_kept_in_place = 1) AND repository = $1", self.select());
        self.transactions(&Statement::new(sql).bind(repository.as_str())).await
    }

    /// How many transactions wait for whom.
    ///
    /// # Errors
    /// When the database fails.
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

    /// Forgets some clean transactions that ended longer than `age` ago, and says how many. One whose branch is kept under the name
    /// that it had is not forgotten: nothing else tells that branch from one that nobody knows.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget(&self, age: Millis) -> Result<u64> {
        let sql = format!(
            "DELETE FROM transactions WHERE (owner, id) IN (SELECT owner, id FROM transactions WHERE is_clean = 1 AND \
             is_kept_in_place = 0 AND end_time <= {} - $1 LIMIT $2)",
            self.now()
        );
        Ok(self.database.run(&Statement::new(sql).bind(age).bind(FORGOTTEN)).await?.changed)
    }

    /// Notes that a replica is there. Where none was for a while, every open transaction gets one idle timeout from now, past its
    /// lifetime if need be, since nobody could reach the service; says how many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn beat(&self) -> Result<u64> {
        let now = self.now();
        let until = format!("{now} + idle_timeout");
        // The grace first: a replica that ends between the two leaves it to the next.
        let grace = format!(
            "UPDATE transactions SET \
             idle_expire_time = CASE WHEN idle_expire_time > {until} THEN idle_expire_time ELSE {until} END, \
             expire_time = CASE WHEN expire_time > {until} THEN expire_time ELSE {until} END \
             WHERE state = 'open' AND (idle_expire_time < {until} OR expire_time < {until}) AND (SELECT max(seen) FROM lakeport_service) < {now} - $1"
        );
        let given = self.database.run(&Statement::new(grace).bind(DOWNTIME)).await?.changed;
        let seen = format!("UPDATE lakeport_service SET seen = {now} WHERE seen < {now}");
        self.database.run(&Statement::new(seen)).await?;
        Ok(given)
    }
}

/// Whether somebody works on a row.
pub(super) fn has_worker(now: &str) -> String {
    format!("(is_attended = 1 AND lease_until > {now})")
}
