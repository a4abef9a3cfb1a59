//! Errors of the store, classified by the error codes of the database.

/// An error of the store. Most messages say what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be opened, or is not a store of lakeport.
    #[error("cannot open the session store {0}")]
    Open(String),
    /// Another server has claimed this SQLite file.
    #[error("the session store {0} is in use by another server: stop that server, or configure another store")]
    InUse(String),
    /// The database is unavailable or did not respond in time.
    #[error("the session store does not respond: try again")]
    Unavailable(#[source] sqlx::Error),
    /// Another program has locked the database.
    #[error("the session store is locked by another program: try again")]
    Locked(#[source] sqlx::Error),
    /// The database refuses writes.
    #[error("the session store is read-only: the operator must make it writable")]
    ReadOnly(#[source] sqlx::Error),
    /// The disk of the database is full.
    #[error("the session store is full: the operator must free disk space")]
    Full(#[source] sqlx::Error),
    /// The database reports that it is damaged.
    #[error("the session store is damaged: the operator must restore it")]
    Damaged(#[source] sqlx::Error),
    /// A row has an invalid value: the store is damaged, or another program wrote the row.
    #[error("a row of the session store cannot be read: {0}")]
    Corrupt(String),
    /// The SQLite file cannot be opened.
    #[error("its file cannot be opened: check that the directory exists and that this user may write to it")]
    File(#[source] sqlx::Error),
    /// Any other error of the database.
    #[error("the session store failed: the log of the server contains the cause")]
    Failed(#[source] sqlx::Error),
}

/// The result of a statement.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Returns whether a retry may succeed.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// Returns the same error for another caller of the statement. Its source is text.
    pub(crate) fn repeated(&self) -> Self {
        let source = |source: &sqlx::Error| sqlx::Error::Protocol(source.to_string());
        match self {
            Self::Open(why) => Self::Open(why.clone()),
            Self::InUse(store) => Self::InUse(store.clone()),
            Self::Unavailable(cause) => Self::Unavailable(source(cause)),
            Self::Locked(cause) => Self::Locked(source(cause)),
            Self::ReadOnly(cause) => Self::ReadOnly(source(cause)),
            Self::Full(cause) => Self::Full(source(cause)),
            Self::Damaged(cause) => Self::Damaged(source(cause)),
            Self::Corrupt(why) => Self::Corrupt(why.clone()),
            Self::File(cause) => Self::File(source(cause)),
            Self::Failed(cause) => Self::Failed(source(cause)),
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let make = match &error {
            sqlx::Error::Database(database) => match database.code() {
                Some(code) => of_code(&code),
                None => Self::Failed,
            },
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
                Self::Unavailable
            }
            _ => Self::Failed,
        };
        make(error)
    }
}

/// Returns whether another connection holds a lock that the statement needs.
pub(crate) fn is_locked(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|database| database.code());
    code.is_some_and(|code| matches!(of_code(&code)(sqlx::Error::RowNotFound), Error::Locked(_)))
}

/// Classifies a code. PostgreSQL's codes have five characters; SQLite's are numbers below 10,000.
fn of_code(code: &str) -> fn(sqlx::Error) -> Error {
    match code.parse::<u32>() {
        Ok(number) if code.len() < 5 => of_sqlite(number),
        _ => of_postgres(code),
    }
}

/// <https://www.sqlite.org/rescode.html>: the lowest byte is the primary code.
fn of_sqlite(code: u32) -> fn(sqlx::Error) -> Error {
    match code & 0xff {
        5 | 6 => Error::Locked,
        8 => Error::ReadOnly,
        11 | 26 => Error::Damaged,
        13 => Error::Full,
        14 => Error::File,
        _ => Error::Failed,
    }
}

/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
fn of_postgres(code: &str) -> fn(sqlx::Error) -> Error {
    match code {
        // Shutdown, startup, too many connections, timeouts, serialization failures.
        "57P01" | "57P02" | "57P03" | "57P05" | "53300" | "57014" | "25P03" | "40001" | "40P01" => Error::Unavailable,
        code if code.starts_with("08") => Error::Unavailable,
        "55P03" => Error::Locked,
        // A standby. The next connection may find the primary.
        "25006" => Error::ReadOnly,
        "53100" => Error::Full,
        "XX001" | "XX002" => Error::Damaged,
        _ => Error::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_both_databases_are_classified() {
        let made = |code: &'static str| of_code(code)(sqlx::Error::RowNotFound);
        assert!(matches!(made("5"), Error::Locked(_)));
        assert!(matches!(made("1032"), Error::ReadOnly(_)));
        assert!(matches!(made("13"), Error::Full(_)));
        assert!(matches!(made("14"), Error::File(_)));
        assert!(matches!(made("26"), Error::Damaged(_)));
        assert!(matches!(made("57P01"), Error::Unavailable(_)));
        assert!(matches!(made("08006"), Error::Unavailable(_)));
        assert!(matches!(made("53100"), Error::Full(_)));
        assert!(matches!(made("42P01"), Error::Failed(_)));
    }
}
