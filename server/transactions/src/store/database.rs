//! The database of the store: one SQLite file for one replica, or PostgreSQL for several.

use super::dialect::Dialect;
use super::migrations;
use crate::error::{Error, Result, is_locked};
use crate::statement::{Statement, StatementResult};
use futures_util::TryStreamExt;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions, AnyRow};
use sqlx::pool::{PoolConnection, PoolConnectionMetadata};
use sqlx::{Any, AnyConnection, AnyPool, ConnectOptions, Connection, Executor, FromRow};
use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// Connections on which a replica waits for its turns: one for each base branch that it merges into at the same time.
const TURNS: u32 = 32;
/// Timeout for one of these connections. A turn only saves work, so it is not worth a longer wait.
const TURN: Duration = Duration::from_secs(1);
/// Timeout of one attempt of a statement, including the wait for a connection and for locks.
const STATEMENT: Duration = Duration::from_secs(6);
/// Span in which a statement is retried while the database is unavailable. A restart takes seconds.
const RETRY: Duration = Duration::from_secs(10);
/// Pause before the first retry. It doubles with each retry.
const PAUSE: Duration = Duration::from_millis(50);
/// A connection that was idle for longer is checked: its server may have restarted.
const FRESH: Duration = Duration::from_secs(1);

#[derive(Debug, Clone)]
pub(super) struct Database {
    pub(super) pool: AnyPool,
    pub(super) dialect: Dialect,
    /// Connections on which replicas wait for their turns. `None` for SQLite, which has one replica.
    pub(super) turns: Option<AnyPool>,
}

/// A connection of the pool. It is closed, not reused, if its statement was cancelled.
struct Lent {
    connection: PoolConnection<Any>,
    is_done: bool,
}

/// The URL without its password.
fn shown(url: &str, options: &AnyConnectOptions) -> String {
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
        let shown = shown(url, &options);
        let open = async {
            let options = options.disable_statement_logging();
            // The pool would retry until its timeout and hide the cause.
            let mut first = AnyConnection::connect_with(&options).await?;
            set_up(&mut first, dialect).await?;
            first.close().await?;
            let pool = connections(dialect, dialect.connections()).connect_with(options.clone()).await?;
            let turns = connections(dialect, TURNS).acquire_timeout(TURN);
            let turns = (dialect == Dialect::Postgres).then(|| turns.connect_lazy_with(options));
            migrations::run(&pool, dialect).await?;
            Ok(Self { pool, dialect, turns })
        };
        open.await.map_err(|error: Error| match error {
            Error::Open(why) => Error::Open(format!("{shown}: {why}")),
            other => {
                let cause = std::error::Error::source(&other).map(|cause| format!(" ({cause})")).unwrap_or_default();
                Error::Open(format!("{shown}: {other}{cause}"))
            }
        })
    }

    /// Runs an idempotent statement. Retries while the database is unavailable.
    pub(super) async fn run(&self, statement: &Statement) -> Result<StatementResult> {
        let began = Instant::now();
        let mut pause = PAUSE;
        loop {
            let tried = tokio::time::timeout(STATEMENT, self.once(statement));
            let tried = tried.await.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()));
            let error = match tried.map_err(Error::from) {
                Ok(result) => return Ok(result),
                Err(error) => error,
            };
            if !error.is_passing() || self.pool.is_closed() || began.elapsed() + pause > RETRY {
                return Err(error);
            }
            tracing::debug!(%error, "retrying a statement of the session store");
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }

    async fn once(&self, statement: &Statement) -> sqlx::Result<StatementResult> {
        let mut lent = Lent { connection: self.pool.acquire().await?, is_done: false };
        let parts = lent.connection.fetch_many(statement.query()?);
        let result = parts.try_fold(StatementResult::default(), async |result, part| Ok(result.with(part))).await?;
        lent.is_done = true;
        Ok(result)
    }

    /// The file of the database; `None` for PostgreSQL.
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

    /// The rows that a statement returns.
    pub(super) async fn rows<T>(&self, statement: &Statement) -> Result<Vec<T>>
    where
        T: for<'r> FromRow<'r, AnyRow>,
    {
        Ok(self.run(statement).await?.all()?)
    }

    /// The number that a statement returns.
    pub(super) async fn number(&self, statement: &Statement) -> Result<i64> {
        let rows: Vec<(i64,)> = self.rows(statement).await?;
        rows.into_iter().next().map(|(number,)| number).ok_or_else(|| sqlx::Error::RowNotFound.into())
    }
}

fn connections(dialect: Dialect, most: u32) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(most)
        .acquire_timeout(STATEMENT)
        // `before_acquire` checks only connections that were idle.
        .test_before_acquire(false)
        .before_acquire(|connection, about| Box::pin(is_alive(connection, about)))
        .after_connect(move |connection, _| Box::pin(set_up(connection, dialect)))
}

async fn set_up(connection: &mut AnyConnection, dialect: Dialect) -> sqlx::Result<()> {
    let began = Instant::now();
    for setting in dialect.settings() {
        // SQLite does not wait for a lock when it switches to WAL mode, which the first connection to a file does.
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
    Ok(about.idle_for < FRESH || connection.ping().await.is_ok())
}

impl Drop for Lent {
    fn drop(&mut self) {
        if !self.is_done {
            self.connection.close_on_drop();
        }
    }
}
