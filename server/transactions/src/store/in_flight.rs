//! Records of requests that may be on their way to lakeFS, and of the processes that sent them.

use super::SessionStore;
use crate::error::{Error, Result};
use crate::model::Millis;
use crate::statement::Statement;
use crate::transaction::Transaction;
use lakeport_types::{BranchName, TransactionId};
use sqlx::Row as _;

/// Maximum number of records in one statement.
const CHUNK: usize = 500;
/// Age at which the row of a dead process is deleted: 1 h. Other processes then treat it as dead for ever.
const RETENTION: Millis = 3_600_000;

/// Time without an announcement of a process, during which another process announced itself, after which its leases end.
const MISSED: Millis = 2_000;

/// A path on the live branch of a transaction.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    /// The live branch.
    pub branch: String,
    /// The path.
    pub path: String,
}

impl SessionStore {
    /// Records that requests of `process` for these slots may be on their way. Returns each slot with the process that has the record: at
    /// most one has it. The slots must be sorted and distinct, so that concurrent statements lock rows in the same order.
    pub(crate) async fn record(&self, process: &str, slots: &[Slot]) -> Result<Vec<(Slot, String)>> {
        let mut holders = Vec::with_capacity(slots.len());
        for chunk in slots.chunks(CHUNK) {
            // The update changes nothing: it returns the row of another process.
            let sql = format!(
                "INSERT INTO requests_in_flight (process, branch, path) SELECT $1, {} WHERE true ON CONFLICT (branch, path) \
                 DO UPDATE SET process = requests_in_flight.process RETURNING branch, path, process",
                self.database.dialect.pairs("$2")
            );
            let statement = Statement::new(sql).bind(process).bind(json(chunk)?);
            let rows: Vec<(String, String, String)> = self.database.rows(&statement).await?;
            holders.extend(rows.into_iter().map(|(branch, path, process)| (Slot { branch, path }, process)));
        }
        Ok(holders)
    }

    /// Erases records of a process.
    ///
    /// # Errors
    /// The database failed.
    pub async fn erase(&self, process: &str, slots: &[Slot]) -> Result<()> {
        for chunk in slots.chunks(CHUNK) {
            let sql = format!(
                "DELETE FROM requests_in_flight WHERE process = $1 AND (branch, path) IN (SELECT {})",
                self.database.dialect.pairs("$2")
            );
            self.database.run(&Statement::new(sql).bind(process).bind(json(chunk)?)).await?;
        }
        Ok(())
    }

    /// Announces that a process is alive for `span`.
    pub(crate) async fn announce(&self, process: &str, span: Millis) -> Result<()> {
        let now = self.now();
        let sql = format!(
            "INSERT INTO processes (name, alive_since, alive_until) VALUES ($1, {now}, {now} + $2) \
             ON CONFLICT (name) DO UPDATE SET alive_until = {now} + $2, \
             alive_since = CASE WHEN processes.alive_until < {now} THEN {now} ELSE processes.alive_since END"
        );
        self.database.run(&Statement::new(sql).bind(process).bind(span)).await.map(drop)
    }

    /// Announces that a process ends, and has no request on its way.
    pub(crate) async fn retire(&self, process: &str) -> Result<()> {
        for table in ["requests_in_flight WHERE process", "processes WHERE name"] {
            self.database.run(&Statement::new(format!("DELETE FROM {table} = $1")).bind(process)).await?;
        }
        Ok(())
    }

    /// Announces that every other process is dead. For a store that only one process can use.
    pub(super) async fn bury_others(&self, process: &str) -> Result<()> {
        let now = self.now();
        let sql = format!("UPDATE processes SET alive_until = {now} WHERE name <> $1 AND alive_until > {now}");
        self.database.run(&Statement::new(sql).bind(process)).await.map(drop)
    }

    /// Returns a transaction of an owner, and whether other processes than `process` have records on its live branch.
    ///
    /// # Errors
    /// The database failed.
    pub async fn get_with_others(
        &self,
        owner: &str,
        id: &TransactionId,
        process: &str,
    ) -> Result<Option<(Transaction, bool)>> {
        let sql = format!(
            "SELECT *, {} AS read_at, (SELECT count(*) FROM (SELECT 1 FROM requests_in_flight AS r \
             WHERE r.branch = transactions.branch AND r.process <> $3 LIMIT 1) AS first) AS others \
             FROM transactions WHERE owner = $1 AND id = $2",
            self.now()
        );
        let found = self.database.run(&Statement::new(sql).bind(owner).bind(id.as_str()).bind(process)).await?;
        let read = |row| -> Result<_> { Ok((Transaction::read(row)?, row.try_get::<i64, _>("others")? > 0)) };
        found.rows.first().map(read).transpose()
    }

    /// Returns the records of other processes than `process` on a branch: each slot with its process.
    ///
    /// # Errors
    /// The database failed.
    pub async fn records_of_others(&self, branch: &BranchName, process: &str) -> Result<Vec<(Slot, String)>> {
        let sql = "SELECT branch, path, process FROM requests_in_flight WHERE branch = $1 AND process <> $2";
        let statement = Statement::new(sql).bind(branch.as_str()).bind(process);
        let rows: Vec<(String, String, String)> = self.database.rows(&statement).await?;
        Ok(rows.into_iter().map(|(branch, path, process)| (Slot { branch, path }, process)).collect())
    }

    /// Returns for how long a process has been dead; `None` if it is alive.
    ///
    /// # Errors
    /// The database failed.
    pub async fn dead_for(&self, process: &str) -> Result<Option<Millis>> {
        let sql = format!("SELECT {} - alive_until FROM processes WHERE name = $1", self.now());
        let rows: Vec<(Millis,)> = self.database.rows(&Statement::new(sql).bind(process)).await?;
        let dead_for = rows.first().map_or(Millis::MAX, |(dead_for,)| *dead_for);
        Ok(Some(dead_for).filter(|dead_for| *dead_for >= 0))
    }

    /// Ends the leases of dead processes, so that others need not wait for them. If no process could announce itself at the time when a
    /// process would have had to, the store was unavailable, and the process counts as alive here. Returns the number of leases.
    pub(crate) async fn end_leases_of_dead_processes(&self) -> Result<usize> {
        let now = self.now();
        let dead = format!(
            "SELECT name FROM processes AS dead WHERE alive_until < {now} AND EXISTS (SELECT 1 FROM processes AS other \
             WHERE other.alive_since <= dead.alive_until AND other.alive_until > dead.alive_until + $1)"
        );
        let dead: Vec<(String,)> = self.database.rows(&Statement::new(dead).bind(MISSED)).await?;
        if dead.is_empty() {
            return Ok(0);
        }
        let leased = format!("{} WHERE is_clean = 0 AND is_attended = 1 AND lease_until > {now}", self.select());
        let mut ended = 0;
        for row in self.transactions(&Statement::new(leased)).await? {
            let is_of_dead = dead.iter().any(|(name,)| row.worker.as_ref() == Some(name));
            if is_of_dead && self.swap(&row, row.leased_until(row.read_at)).await?.is_some() {
                ended += 1;
            }
        }
        Ok(ended)
    }

    /// Erases the records of branches that are no longer live, and the rows of processes that died long ago.
    ///
    /// # Errors
    /// The database failed.
    pub async fn forget_requests_in_flight(&self) -> Result<()> {
        let records = "DELETE FROM requests_in_flight WHERE branch NOT IN (SELECT branch FROM transactions WHERE end_time IS NULL)";
        self.database.run(&Statement::new(records)).await?;
        let processes = format!("DELETE FROM processes WHERE alive_until < {} - $1", self.now());
        self.database.run(&Statement::new(processes).bind(RETENTION)).await.map(drop)
    }

    /// Returns the number of records on a branch.
    ///
    /// # Errors
    /// The database failed.
    pub async fn requests_in_flight(&self, branch: &BranchName) -> Result<i64> {
        let count = Statement::new("SELECT count(*) FROM requests_in_flight WHERE branch = $1");
        self.database.number(&count.bind(branch.as_str())).await
    }
}

/// Returns the slots as JSON, which binds them as one value: the text of the statement is then always the same, so the database parses
/// it once.
fn json(slots: &[Slot]) -> Result<String> {
    let pairs: Vec<[&str; 2]> = slots.iter().map(|slot| [slot.branch.as_str(), slot.path.as_str()]).collect();
    serde_json::to_string(&pairs).map_err(|error| Error::Corrupt(error.to_string()))
}
