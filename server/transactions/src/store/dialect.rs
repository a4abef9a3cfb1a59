//! The SQL that differs between SQLite and PostgreSQL.

/// Which database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

/// Connections to PostgreSQL. Rows are small, so each statement holds a connection for a moment.
const CONNECTIONS: u32 = 16;

impl Dialect {
    /// The dialect of a database URL.
    pub(super) fn of(url: &str) -> Option<Self> {
        match url.split_once(':')?.0 {
            "sqlite" => Some(Self::Sqlite),
            "postgres" | "postgresql" => Some(Self::Postgres),
            _ => None,
        }
    }

    /// Expression for the current time, in milliseconds since 1970.
    pub(super) fn now(self) -> &'static str {
        match self {
            Self::Sqlite => "CAST((julianday('now') - 2440587.5) * 86400000 AS BIGINT)",
            Self::Postgres => "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
        }
    }

    /// Maximum number of pooled connections.
    pub(super) fn connections(self) -> u32 {
        match self {
            // SQLite has one writer at a time. With one connection, no statement fails because the database is busy.
            Self::Sqlite => 1,
            Self::Postgres => CONNECTIONS,
        }
    }

    /// Settings of a connection: durable commits, and timeouts.
    pub(super) fn settings(self) -> &'static [&'static str] {
        match self {
            Self::Sqlite => &["PRAGMA busy_timeout = 5000", "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL"],
            Self::Postgres => &[
                // A stronger level, which also waits for a standby, stays.
                "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
                "SET statement_timeout = 5000",
                "SET lock_timeout = 5000",
                "SET idle_in_transaction_session_timeout = 15000",
            ],
        }
    }
}
