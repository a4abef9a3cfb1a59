//! Database of a lake: one SQLite file in WAL mode, with one writer and many readers.

use crate::{Error, Result};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, Sqlite, SqliteConnection, SqlitePool, Transaction};
use std::path::Path;
use std::time::Duration;

/// Schema version that this program reads and writes. It is stored as SQLite's `user_version`.
const SCHEMA_VERSION: i64 = 2;

/// Database of a lake.
pub(crate) struct Store {
    readers: SqlitePool,
    nodes: SqlitePool,
    writer: SqlitePool,
}

/// Write transaction. Dropping it without [`commit`](Write::commit) rolls it back.
pub(crate) struct Write(Transaction<'static, Sqlite>);

/// Read transaction, in which all reads see the same state.
pub(crate) struct Snapshot(Transaction<'static, Sqlite>);

impl Store {
    /// Opens the database. Creates it if it does not exist, and migrates it from earlier schema versions.
    ///
    /// # Errors
    /// Returns an error if the file has a later schema version, is damaged or is not a database.
    pub(crate) async fn open(path: &Path) -> Result<Self> {
        let options = options(path).create_if_missing(true);
        let mut connection = SqliteConnection::connect_with(&options).await?;
        migrate(&mut connection).await?;
        connection.close().await?;
        Self::connect(options).await
    }

    /// Opens a database that a server may be using. Neither creates nor migrates it.
    ///
    /// # Errors
    /// Returns an error if the file does not exist or has another schema version, is damaged or is not a database.
    pub(crate) async fn open_in_use(path: &Path) -> Result<Self> {
        let store = Self::connect(options(path)).await?;
        match sqlx::query_scalar("PRAGMA user_version").fetch_one(&store.readers).await? {
            SCHEMA_VERSION => Ok(store),
            other => Err(unsupported(other)),
        }
    }

    async fn connect(options: SqliteConnectOptions) -> Result<Self> {
        // Unlike the connection to a server, that to a file does not break between two statements, so it needs no test.
        let pool = |connections| SqlitePoolOptions::new().max_connections(connections).test_before_acquire(false);
        // If the disk is full, SQLite ends the transaction itself, and the rollback of sqlx fails. The connection is then
        // unusable, because sqlx still takes the transaction for open.
        let writer = pool(1).before_acquire(|connection, _| Box::pin(async { Ok(!connection.is_in_transaction()) }));
        let writer = writer.connect_with(options.clone()).await?;
        let options = options.read_only(true);
        let readers = pool(8).connect_with(options.clone()).await?;
        let nodes = pool(4).connect_with(options).await?;
        Ok(Self { readers, nodes, writer })
    }

    /// Returns the pool for single reads.
    pub(crate) fn pool(&self) -> &SqlitePool {
        &self.readers
    }

    /// Returns the pool for reading the nodes of trees. Nodes are read while a snapshot or a write is open, so these reads
    /// must not wait for a connection of the other pools.
    pub(crate) fn nodes(&self) -> &SqlitePool {
        &self.nodes
    }

    /// Begins a write transaction. Writers wait for each other, in the order of their calls.
    pub(crate) async fn write(&self) -> Result<Write> {
        Ok(Write(self.writer.begin_with("BEGIN IMMEDIATE").await?))
    }

    /// Begins a read transaction.
    pub(crate) async fn snapshot(&self) -> Result<Snapshot> {
        Ok(Snapshot(self.readers.begin().await?))
    }

    /// Waits for running operations, and closes the database.
    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.nodes.close().await;
        self.writer.close().await;
    }
}

impl Write {
    pub(crate) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.0
    }

    /// Commits the transaction durably.
    pub(crate) async fn commit(self) -> Result<()> {
        self.0.commit().await.map_err(Error::of_commit)
    }
}

impl Snapshot {
    pub(crate) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.0
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        // An acknowledged write must survive a power failure: FULL syncs the log at each commit.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(10))
        .statement_cache_capacity(200)
}

fn unsupported(version: i64) -> Error {
    Error::open(format!("it has schema version {version}, but this program supports only up to {SCHEMA_VERSION}"))
}

async fn migrate(connection: &mut SqliteConnection) -> Result<()> {
    let mut write = connection.begin_with("BEGIN IMMEDIATE").await?;
    let version: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *write).await?;
    match version {
        0 => {
            sqlx::raw_sql(include_str!("store/schema.sql")).execute(&mut *write).await?;
        }
        1 => {
            sqlx::raw_sql(include_str!("store/from_1_to_2.sql")).execute(&mut *write).await?;
        }
        SCHEMA_VERSION => {}
        other => return Err(unsupported(other)),
    }
    Ok(write.commit().await?)
}
