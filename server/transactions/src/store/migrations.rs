//! Schema migrations. One replica at a time runs the missing ones, in order.

use super::dialect::Dialect;
use crate::error::{Error, Result};
use sqlx::{AnyPool, AssertSqlSafe, Executor};

/// All migrations, in order. Schema version n means that the first n migrations have run.
const STEPS: [&str; 5] = [
    include_str!("migrations/1.sql"),
    include_str!("migrations/2.sql"),
    include_str!("migrations/3.sql"),
    include_str!("migrations/4.sql"),
    include_str!("migrations/5.sql"),
];
/// Takes the advisory lock for migrations. Its key is "lakeport" as a number.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7809641312259371636)";

/// Brings a database to the current schema version.
pub(super) async fn run(pool: &AnyPool, dialect: Dialect) -> Result<()> {
    let begin = match dialect {
        // IMMEDIATE waits for another migration instead of failing at the first write.
        Dialect::Sqlite => "BEGIN IMMEDIATE",
        Dialect::Postgres => "BEGIN",
    };
    let mut transaction = pool.begin_with(begin).await?;
    if dialect == Dialect::Postgres {
        transaction.execute(LOCK).await?;
    }
    transaction.execute("CREATE TABLE IF NOT EXISTS lakeport_schema (version BIGINT NOT NULL)").await?;
    let version: Option<i64> =
        sqlx::query_scalar("SELECT version FROM lakeport_schema").fetch_optional(&mut *transaction).await?;
    let applied = usize::try_from(version.unwrap_or_default()).unwrap_or(usize::MAX);
    let Some(missing) = STEPS.get(applied..) else {
        return Err(Error::Open(format!(
            "it has schema version {applied}, and this program supports up to version {}: use a newer program, or another store",
            STEPS.len()
        )));
    };
    for statement in missing.iter().flat_map(|step| step.split(';')).filter(|sql| !sql.trim().is_empty()) {
        transaction.execute(AssertSqlSafe(statement)).await?;
    }
    // Written even if no migration is missing, so that a server does not start on a read-only database.
    let note = match version {
        Some(_) => "UPDATE lakeport_schema SET version = $1",
        None => "INSERT INTO lakeport_schema (version) VALUES ($1)",
    };
    let steps = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    sqlx::query(note).bind(steps).execute(&mut *transaction).await?;
    Ok(transaction.commit().await?)
}
