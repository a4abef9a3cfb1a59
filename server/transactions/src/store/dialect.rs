//! The SQL that differs between SQLite and PostgreSQL.

/// Database system of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

/// Maximum number of pooled connections to PostgreSQL. Rows are small, so each statement needs its connection only briefly.
const CONNECTIONS: u32 = 16;

impl Dialect {
    /// Returns the dialect for a database URL; `None` for an unsupported scheme.
    pub(super) fn of(url: &str) -> Option<Self> {
        match url.split_once(':')?.0 {
            "sqlite" => Some(Self::Sqlite),
            "postgres" | "postgresql" => Some(Self::Postgres),
            _ => None,
        }
    }

    /// Returns the SQL expression for the current time, in milliseconds since the Unix epoch.
    pub(super) fn now(self) -> &'static str {
        match self {
            Self::Sqlite => "CAST((julianday('now') - 2440587.5) * 86400000 AS BIGINT)",
            Self::Postgres => "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
        }
    }

    /// Returns what follows SELECT for the two columns of a JSON array of pairs of texts, which is the parameter `json`.
    pub(super) fn pairs(self, json: &str) -> String {
        match self {
            Self::Sqlite => format!("pairs.value ->> 0, pairs.value ->> 1 FROM json_each({json}) AS pairs"),
            Self::Postgres => format!("pairs ->> 0, pairs ->> 1 FROM json_array_elements({json}::json) AS pairs"),
        }
    }

    /// Returns the maximum number of pooled connections.
    pub(super) fn connections(self) -> u32 {
        match self {
            // SQLite has one writer at a time. With one connection, no statement fails because the database is busy.
            Self::Sqlite => 1,
            Self::Postgres => CONNECTIONS,
        }
    }

    /// Returns the statements that configure a connection: durable commits and timeouts.
    pub(super) fn settings(self) -> &'static [&'static str] {
        match self {
            Self::Sqlite => &["PRAGMA busy_timeout = 5000", "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL"],
            Self::Postgres => &[
                // Keeps a stronger level, such as one that also waits for a standby.
                "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
                "SET statement_timeout = 5000",
                "SET lock_timeout = 5000",
                "SET idle_in_transaction_session_timeout = 15000",
            ],
        }
    }
}
