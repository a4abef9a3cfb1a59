//! The database of the store: one SQLite file for one replica, or PostgreSQL for several.

use super::dialect::Dialect;
use super::migrations;
use crate::error::{Error, Result, is_locked};
use crate::statement::{Statement, StatementResult};
use futures_util::TryStreamExt;
use lakeport_waiting::{self as waiting, Side};
use sqlx::any::{AnyConnectOptions, AnyPoolOptions, AnyRow};
use sqlx::pool::{PoolConnection, PoolConnectionMetadata};
use sqlx::{Any, AnyConnection, AnyPool, ConnectOptions, Connection, Executor, FromRow};
use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// Maximum number of connections for merge turns. A replica uses one for each base branch into which it merges at the same time.
const TURN_CONNECTIONS: u32 = 32;
/// Timeout to acquire such a connection. Turns only save work, so a merge does not wait longer for one.
const TURN_TIMEOUT: Duration = Duration::from_secs(1);
/// Timeout of one attempt of a statement, including the wait for a connection and for locks.
const STATEMENT: Duration = Duration::from_secs(6);
/// Maximum time for retries of a statement while the database is unavailable. A restart of the database takes seconds.
const RETRY_LIMIT: Duration = Duration::from_secs(10);
/// Pause before the first retry of a statement. The pause doubles with each retry.
const PAUSE: Duration = Duration::from_millis(50);
/// Idle time after which a connection is checked before its use, because the database may have restarted.
const CHECK_AFTER: Duration = Duration::from_secs(1);

#[derive(Debug, Clone)]
pub(super) struct Database {
    pub(super) pool: AnyPool,
    pub(super) dialect: Dialect,
    /// Connections for merge turns. `None` for SQLite, which supports only one replica.
    pub(super) turns: Option<AnyPool>,
}

/// A connection from the pool. If its statement does not complete, the connection is closed instead of reused.
struct PooledConnection {
    connection: PoolConnection<Any>,
    is_done: bool,
}

/// Returns the URL without its password.
fn without_password(url: &str, options: &AnyConnectOptions) -> String {
    let mut parsed = options.to_url_lossy();
    match parsed.set_password(None) {
        Ok(()) if parsed.query().is_some_and(|query| query.contains("password")) => {
            parsed.set_query(None);
            parsed.to_string()
        }
        Ok(()) => parsed.to_string(),
        Err(()) => url.to_owned(),
    }
}

impl Database {
    /// Opens the database and runs the missing migrations.
    pub(super) async fn open(url: &str) -> Result<Self> {
        sqlx::any::install_default_drivers();
        let unknown =
            || Error::Open("at that URL: it must be sqlite:FILE or postgres://USER:PASSWORD@HOST/DATABASE".into());
        let dialect = Dialect::of(url).ok_or_else(unknown)?;
        // The text of this error may contain the password.
        let options = AnyConnectOptions::from_str(url).map_err(|_| unknown())?;
        let safe_url = without_password(url, &options);
        let open = async {
            let options = options.disable_statement_logging();
            // Connects once without the pool, which would retry until its timeout and hide the cause.
            let mut first = AnyConnection::connect_with(&options).await?;
            set_up(&mut first, dialect).await?;
            first.close().await?;
            let pool = connections(dialect, dialect.connections()).connect_with(options.clone()).await?;
            let turns = connections(dialect, TURN_CONNECTIONS).acquire_timeout(TURN_TIMEOUT);
            let turns = (dialect == Dialect::Postgres).then(|| turns.connect_lazy_with(options));
            migrations::run(&pool, dialect).await?;
            Ok(Self { pool, dialect, turns })
        };
        open.await.map_err(|error: Error| match error {
            Error::Open(why) => Error::Open(format!("{safe_url}: {why}")),
            other => {
                let cause = std::error::Error::source(&other).map(|cause| format!(" ({cause})")).unwrap_or_default();
                Error::Open(format!("{safe_url}: {other}{cause}"))
            }
        })
    }

    /// Runs an idempotent statement. Retries while the database is unavailable.
    pub(super) async fn run(&self, statement: &Statement) -> Result<StatementResult> {
        let _wait = waiting::on(Side::SessionStore);
        let began = Instant::now();
        let mut pause = PAUSE;
        loop {
            let tried = tokio::time::timeout(STATEMENT, self.once(statement));
            let tried = tried.await.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()));
            let error = match tried.map_err(Error::from) {
                Ok(result) => return Ok(result),
                Err(error) => error,
            };
            if !error.is_transient() || self.pool.is_closed() || began.elapsed() + pause > RETRY_LIMIT {
                return Err(error);
            }
            tracing::debug!(%error, "retrying a statement of the session store");
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }

    async fn once(&self, statement: &Statement) -> sqlx::Result<StatementResult> {
        let mut pooled = PooledConnection { connection: self.pool.acquire().await?, is_done: false };
        let parts = pooled.connection.fetch_many(statement.query()?);
        let result = parts.try_fold(StatementResult::default(), async |result, part| Ok(result.with(part))).await?;
        pooled.is_done = true;
        Ok(result)
    }

    /// Returns the file of the database; `None` for PostgreSQL.
    pub(super) async fn file(&self) -> Result<Option<PathBuf>> {
        if self.dialect == Dialect::Postgres {
            return Ok(None);
        }
        let main = Statement::new("SELECT file FROM pragma_database_list WHERE name = 'main'");
        let files: Vec<(String,)> = self.rows(&main).await?;
        Ok(files.into_iter().next().map(|(file,)| file.into()))
    }

    pub(super) async fn close(&self) {
        if let Some(turns) = &self.turns {
            turns.close().await;
        }
        self.pool.close().await;
    }

    /// Runs a statement and returns its rows.
    pub(super) async fn rows<T>(&self, statement: &Statement) -> Result<Vec<T>>
    where
        T: for<'r> FromRow<'r, AnyRow>,
    {
        Ok(self.run(statement).await?.all()?)
    }

    /// Runs a statement and returns the number in its first row.
    pub(super) async fn number(&self, statement: &Statement) -> Result<i64> {
        let rows: Vec<(i64,)> = self.rows(statement).await?;
        rows.into_iter().next().map(|(number,)| number).ok_or_else(|| sqlx::Error::RowNotFound.into())
    }
}

fn connections(dialect: Dialect, most: u32) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(most)
        .acquire_timeout(STATEMENT)
        // `before_acquire` checks connections instead, and only idle ones.
        .test_before_acquire(false)
        .before_acquire(|connection, about| Box::pin(is_alive(connection, about)))
        .after_connect(move |connection, _| Box::pin(set_up(connection, dialect)))
}

async fn set_up(connection: &mut AnyConnection, dialect: Dialect) -> sqlx::Result<()> {
    let began = Instant::now();
    for setting in dialect.settings() {
        // The first connection to a file switches SQLite to WAL mode. SQLite does not wait for locks during this switch.
        while let Err(error) = connection.execute(*setting).await {
            if !is_locked(&error) || began.elapsed() > STATEMENT {
                return Err(error);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
    Ok(())
}

async fn is_alive(connection: &mut AnyConnection, about: PoolConnectionMetadata) -> sqlx::Result<bool> {
    Ok(about.idle_for < CHECK_AFTER || connection.ping().await.is_ok())
}

impl Drop for PooledConnection {
    fn drop(&mut self) {
        if !self.is_done {
            self.connection.close_on_drop();
        }
    }
}
