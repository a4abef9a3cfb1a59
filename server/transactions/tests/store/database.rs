//! An empty database for one test.

use lakeport_postgres::Postgres;
use lakeport_transactions::SessionStore;
use sqlx::AnyConnection;
use sqlx::{AssertSqlSafe, Connection, Executor};
use std::sync::Arc;

/// An empty database, deleted on drop together with its folder or its PostgreSQL cluster.
pub(crate) struct Database {
    pub(crate) url: String,
    _folder: Option<tempfile::TempDir>,
    _postgres: Option<Arc<Postgres>>,
}

impl Database {
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}?mode=rwc", folder.path().join("sessions.db").display());
        Self { url, _folder: Some(folder), _postgres: None }
    }

    pub(crate) fn postgres() -> Self {
        let postgres = Postgres::shared();
        Self { url: postgres.database(), _folder: None, _postgres: Some(postgres) }
    }

    /// Opens the store, as a replica does.
    pub(crate) async fn open(&self) -> SessionStore {
        SessionStore::open(&self.url).await.unwrap()
    }

    /// Opens a separate connection to the database.
    pub(crate) async fn connect(&self) -> AnyConnection {
        sqlx::any::install_default_drivers();
        AnyConnection::connect(&self.url).await.unwrap()
    }

    /// Changes rows with SQL, to simulate elapsed time and failures.
    pub(crate) async fn sql(&self, sql: &str) {
        let mut connection = self.connect().await;
        for statement in sql.split(';').filter(|statement| !statement.trim().is_empty()) {
            connection.execute(AssertSqlSafe(statement.to_owned())).await.unwrap();
        }
        connection.close().await.unwrap();
    }
}
