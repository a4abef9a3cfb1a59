//! What brings a database up to date, one step after the other, by one replica at a time.

use super::database::{Database, Dialect};
use crate::error::{Error, Result};
use sqlx::{AssertSqlSafe, Executor};

/// The steps, in order: a database of version n has taken the first n.
const STEPS: [&str; 3] =
    [include_str!("migrations/1.sql"), include_str!("migrations/2.sql"), include_str!("migrations/3.sql")];
/// "lakeport", as a number: who brings a database up to date holds this lock.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7809641312259371636)";

pub(super) async fn run(database: &Database) -> Result<()> {
    let begin = match database.dialect {
        // So that it waits for whoever is at it, instead of failing at the first write.
        Dialect::Sqlite => "BEGIN IMMEDIATE",
        Dialect::Postgres => "BEGIN",
    };
    let mut transaction = database.pool.begin_with(begin).await?;
    if database.dialect == Dialect::Postgres {
        transaction.execute(LOCK).await?;
    }
    transaction.execute("CREATE TABLE IF NOT EXISTS lakeport_schema (version BIGINT NOT NULL)").await?;
    let version: Option<i64> =
        sqlx::query_scalar("SELECT version FROM lakeport_schema").fetch_optional(&mut *transaction).await?;
    let taken = usize::try_from(version.unwrap_or_default()).unwrap_or(usize::MAX);
    let Some(missing) = STEPS.get(taken..) else {
        return Err(Error::Open(format!(
            "it has schema version {taken}, and this program knows version {}: use the program that wrote it, or another store",
            STEPS.len()
        )));
    };
    for statement in missing.iter().flat_map(|step| step.split(';')).filter(|sql| !sql.trim().is_empty()) {
        transaction.execute(AssertSqlSafe(statement)).await?;
    }
    // Written even where nothing is missing: a database that takes no writes is found out at the start.
    let note = match version {
        Some(_) => "UPDATE lakeport_schema SET version = $1",
        None => "INSERT INTO lakeport_schema (version) VALUES ($1)",
    };
    let steps = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    sqlx::query(note).bind(steps).execute(&mut *transaction).await?;
    Ok(transaction.commit().await?)
}
