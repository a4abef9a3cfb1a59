//! The database of a lake: one SQLite file in WAL mode, one writer, many readers.

use crate::{Error, Result};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, Sqlite, SqliteConnection, SqlitePool, Transaction};
use std::path::Path;
use std::time::Duration;

/// The schema that this program reads and writes, as SQLite's `user_version`.
const SCHEMA_VERSION: i64 = 1;

/// The database of a lake.
pub(crate) struct Store {
    readers: SqlitePool,
    nodes: SqlitePool,
    writer: SqlitePool,
}

/// A write transaction. Dropped without [`commit`](Write::commit), it never happened.
pub(crate) struct Write(Transaction<'static, Sqlite>);

/// A read transaction: everything that it reads is of one moment.
pub(crate) struct Snapshot(Transaction<'static, Sqlite>);

impl Store {
    /// Opens the database, or makes it.
    ///
    /// # Errors
    /// When it is of another version, damaged, or not a database.
    pub(crate) async fn open(path: &Path) -> Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // An acknowledged write has to survive a power cut: FULL syncs the log at each commit.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(10))
            .statement_cache_capacity(200);
        let mut connection = SqliteConnection::connect_with(&options).await?;
        migrate(&mut connection).await?;
        connection.close().await?;
        // A file does not go away between two statements, as a server may.
        let pool = |connections| SqlitePoolOptions::new().max_connections(connections).test_before_acquire(false);
        let writer = pool(1).connect_with(options.clone()).await?;
        let options = options.read_only(true);
        let readers = pool(8).connect_with(options.clone()).await?;
        let nodes = pool(4).connect_with(options).await?;
        Ok(Self { readers, nodes, writer })
    }

    /// For single reads.
    pub(crate) fn pool(&self) -> &SqlitePool {
        &self.readers
    }

    /// For nodes of trees alone. They are read while a snapshot or a write is open, so they must not wait for its connection.
    pub(crate) fn nodes(&self) -> &SqlitePool {
        &self.nodes
    }

    /// Begins a write; writers take turns in the order in which they asked.
    pub(crate) async fn write(&self) -> Result<Write> {
        Ok(Write(self.writer.begin_with("BEGIN IMMEDIATE").await?))
    }

    /// Begins a read.
    pub(crate) async fn snapshot(&self) -> Result<Snapshot> {
        Ok(Snapshot(self.readers.begin().await?))
    }

    /// Waits for what is under way and closes the files.
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

    /// Makes the write durable.
    pub(crate) async fn commit(self) -> Result<()> {
        Ok(self.0.commit().await?)
    }
}

impl Snapshot {
    pub(crate) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.0
    }
}

async fn migrate(connection: &mut SqliteConnection) -> Result<()> {
    let mut write = connection.begin_with("BEGIN IMMEDIATE").await?;
    let version: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *write).await?;
    match version {
        0 => {
            sqlx::raw_sql(include_str!("store/schema.sql")).execute(&mut *write).await?;
        }
        SCHEMA_VERSION => {}
        other => {
            let message = format!("the lake has schema version {other}, this program reads version {SCHEMA_VERSION}");
            return Err(Error::open(message));
        }
    }
    Ok(write.commit().await?)
}
