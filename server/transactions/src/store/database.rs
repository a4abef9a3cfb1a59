//! The database behind the store: SQLite in one file for one replica, PostgreSQL for several. What differs between the two stands
//! here and in the migrations.

use super::migrations;
use super::statement::{Answer, Statement};
use crate::error::{Error, Result, is_locked};
use futures_util::TryStreamExt;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions, AnyRow};
use sqlx::pool::{PoolConnection, PoolConnectionMetadata};
use sqlx::{Any, AnyConnection, AnyPool, ConnectOptions, Connection, Executor, FromRow};
use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// Connections to PostgreSQL. Rows are small: each is used for a moment.
const CONNECTIONS: u32 = 16;
/// And those on which replicas wait for their turns, one for each base that is merged into at once.
const TURNS: u32 = 32;
/// How long a turn waits for one of these: it is worth no more.
const TURN: Duration = Duration::from_secs(1);
/// How long one try of a statement may take, the wait for a connection and for locks included.
const STATEMENT: Duration = Duration::from_secs(6);
/// How long a statement is tried again while the database is away: a restart takes seconds.
const PATIENCE: Duration = Duration::from_secs(10);
/// The pause before the second try; doubled each time.
const PAUSE: Duration = Duration::from_millis(50);
/// A connection that was idle for longer may have gone with its server.
const FRESH: Duration = Duration::from_secs(1);

/// Which database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

#[derive(Debug, Clone)]
pub(super) struct Database {
    pub(super) pool: AnyPool,
    pub(super) dialect: Dialect,
    /// Connections on which replicas wait for their turns; none where there is one replica.
    pub(super) turns: Option<AnyPool>,
}

/// A connection of the pool. One that was given up with a statement on it is closed.
struct Lent {
    connection: PoolConnection<Any>,
    is_done: bool,
}

impl Dialect {
    fn of(url: &str) -> Option<Self> {
        match url.split_once(':')?.0 {
            "sqlite" => Some(Self::Sqlite),
            "postgres" | "postgresql" => Some(Self::Postgres),
            _ => None,
        }
    }

    /// Milliseconds since 1970, in the words of this database.
    pub(super) fn now(self) -> &'static str {
        match self {
            Self::Sqlite => "CAST((julianday('now') - 2440587.5) * 86400000 AS BIGINT)",
            Self::Postgres => "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
        }
    }

    fn connections(self) -> u32 {
        match self {
            // One connection writes to SQLite at a time anyway, and then nobody is told that it is busy.
            Self::Sqlite => 1,
            Self::Postgres => CONNECTIONS,
        }
    }

    /// What makes what is acknowledged durable, and ends what takes too long.
    fn settings(self) -> &'static [&'static str] {
        match self {
            Self::Sqlite => &["PRAGMA busy_timeout = 5000", "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL"],
            Self::Postgres => &[
                // What waits for a standby too stays as its operator has it.
                "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
                "SET statement_timeout = 5000",
                "SET lock_timeout = 5000",
                "SET idle_in_transaction_session_timeout = 15000",
            ],
        }
    }
}

/// A URL without its password.
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
    /// Opens the database, and brings it up to date.
    pub(super) async fn open(url: &str) -> Result<Self> {
        sqlx::any::install_default_drivers();
        let unknown =
            || Error::Open("at that URL: it must be sqlite:FILE or postgres://USER:PASSWORD@HOST/DATABASE".into());
        let dialect = Dialect::of(url).ok_or_else(unknown)?;
        // What it says of a URL may have the password in it.
        let options = AnyConnectOptions::from_str(url).map_err(|_| unknown())?;
        let shown = shown(url, &options);
        let open = async {
            let options = options.disable_statement_logging();
            // The pool would try again until its time is up, and not say what is wrong.
            let mut first = AnyConnection::connect_with(&options).await?;
            set_up(&mut first, dialect).await?;
            first.close().await?;
            let pool = connections(dialect, dialect.connections()).connect_with(options.clone()).await?;
            let turns = connections(dialect, TURNS).acquire_timeout(TURN);
            let turns = (dialect == Dialect::Postgres).then(|| turns.connect_lazy_with(options));
            let database = Self { pool, dialect, turns };
            migrations::run(&database).await?;
            Ok(database)
        };
        open.await.map_err(|error: Error| match error {
            Error::Open(why) => Error::Open(format!("{shown}: {why}")),
            other => {
                let cause = std::error::Error::source(&other).map(|cause| format!(" ({cause})")).unwrap_or_default();
                Error::Open(format!("{shown}: {other}{cause}"))
            }
        })
    }

    /// Runs a statement that is harmless when it is run twice, again and again while the database is away.
    pub(super) async fn run(&self, statement: &Statement) -> Result<Answer> {
        let began = Instant::now();
        let mut pause = PAUSE;
        loop {
            let tried = tokio::time::timeout(STATEMENT, self.once(statement));
            let tried = tried.await.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()));
            let error = match tried.map_err(Error::from) {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if !error.is_passing() || self.pool.is_closed() || began.elapsed() + pause > PATIENCE {
                return Err(error);
            }
            tracing::debug!(%error, "a statement is sent to the session store again");
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }

    async fn once(&self, statement: &Statement) -> sqlx::Result<Answer> {
        let mut lent = Lent { connection: self.pool.acquire().await?, is_done: false };
        let parts = lent.connection.fetch_many(statement.query()?);
        let answer = parts.try_fold(Answer::default(), async |answer, part| Ok(answer.with(part))).await?;
        lent.is_done = true;
        Ok(answer)
    }

    /// The file that it is in; `None` where it is a server.
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

    /// The rows that a statement answers with.
    pub(super) async fn rows<T>(&self, statement: &Statement) -> Result<Vec<T>>
    where
        T: for<'r> FromRow<'r, AnyRow>,
    {
        Ok(self.run(statement).await?.all()?)
    }

    /// The number that a statement answers with.
    pub(super) async fn number(&self, statement: &Statement) -> Result<i64> {
        let rows: Vec<(i64,)> = self.rows(statement).await?;
        rows.into_iter().next().map(|(number,)| number).ok_or_else(|| sqlx::Error::RowNotFound.into())
    }
}

fn connections(dialect: Dialect, most: u32) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(most)
        .acquire_timeout(STATEMENT)
        // Ours looks only at what has been idle.
        .test_before_acquire(false)
        .before_acquire(|connection, about| Box::pin(is_there(connection, about)))
        .after_connect(move |connection, _| Box::pin(set_up(connection, dialect)))
}

async fn set_up(connection: &mut AnyConnection, dialect: Dialect) -> sqlx::Result<()> {
    let began = Instant::now();
    for setting in dialect.settings() {
        // SQLite waits for no lock when it turns to its log, which the first of several to open a file has to do.
        while let Err(error) = connection.execute(*setting).await {
            if !is_locked(&error) || began.elapsed() > STATEMENT {
                return Err(error);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
    Ok(())
}

async fn is_there(connection: &mut AnyConnection, about: PoolConnectionMetadata) -> sqlx::Result<bool> {
    Ok(about.idle_for < FRESH || connection.ping().await.is_ok())
}

impl Drop for Lent {
    fn drop(&mut self) {
        if !self.is_done {
            self.connection.close_on_drop();
        }
    }
}
