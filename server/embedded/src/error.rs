//! Errors of operations, with the status and message that lakeFS returns.

use http::StatusCode;
use std::fmt::Display;

/// Result of an operation on a lake.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Error response with lakeFS's status and message, or an internal error of this server.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Error response of lakeFS with the body `{"message": …}`.
    #[error("{message}")]
    Refused {
        /// HTTP status.
        status: StatusCode,
        /// Message of lakeFS.
        message: String,
    },
    /// Response with status 400 and a plain-text body, which lakeFS sends if it cannot bind the parameters of a request.
    #[error("{0}")]
    Unbound(String),
    /// lakeFS has no endpoint with the method and path of the request.
    #[error("invalid API endpoint")]
    UnknownEndpoint,
    /// Merge in which both sides changed a key differently. The body of the response is not an error object.
    #[error("conflict found")]
    MergeConflict,
    /// The lake cannot be opened.
    #[error("cannot open the lake: {0}")]
    Open(String),
    /// The directory of a backup contains files.
    #[error("{} is not empty: choose an empty directory for the backup", .0.display())]
    NotEmpty(std::path::PathBuf),
    /// Garbage collection would remove blobs that a backup still has to copy.
    #[error("a backup of the lake is running: wait until it has finished")]
    BackupRunning,
    /// Stored data is missing or differs from its checksum.
    #[error("data loss: {0}; restore it from a backup")]
    Damaged(String),
    /// The disk or a quota is full, so nothing was stored.
    #[error("the disk is full, or a quota is reached: free space, then try again ({0})")]
    Full(String),
    /// The database failed.
    #[error("the database of the lake failed: {0}")]
    Database(sqlx::Error),
    /// A file operation failed.
    #[error("a file operation of the lake failed: {0}")]
    File(std::io::Error),
}

impl Error {
    pub(crate) fn refused(status: StatusCode, message: impl Display) -> Self {
        Self::Refused { status, message: message.to_string() }
    }

    pub(crate) fn invalid(message: impl Display) -> Self {
        Self::refused(StatusCode::BAD_REQUEST, message)
    }

    pub(crate) fn forbidden(message: impl Display) -> Self {
        Self::refused(StatusCode::FORBIDDEN, message)
    }

    pub(crate) fn not_found(message: impl Display) -> Self {
        Self::refused(StatusCode::NOT_FOUND, message)
    }

    pub(crate) fn conflict(message: impl Display) -> Self {
        Self::refused(StatusCode::CONFLICT, message)
    }

    pub(crate) fn precondition(message: impl Display) -> Self {
        Self::refused(StatusCode::PRECONDITION_FAILED, message)
    }

    pub(crate) fn not_implemented() -> Self {
        Self::refused(StatusCode::NOT_IMPLEMENTED, "Not Implemented")
    }

    pub(crate) fn damaged(message: impl Display) -> Self {
        Self::Damaged(message.to_string())
    }

    pub(crate) fn open(message: impl Display) -> Self {
        Self::Open(message.to_string())
    }

    /// Returns the HTTP status of the response.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Refused { status, .. } => *status,
            Self::Unbound(_) => StatusCode::BAD_REQUEST,
            Self::UnknownEndpoint => StatusCode::NOT_FOUND,
            Self::MergeConflict => StatusCode::CONFLICT,
            Self::Full(_) => StatusCode::INSUFFICIENT_STORAGE,
            Self::Damaged(_)
            | Self::Open(_)
            | Self::BackupRunning
            | Self::NotEmpty(_)
            | Self::Database(_)
            | Self::File(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Returns whether the operation certainly stored nothing. After another error, its transaction may have been committed.
    pub(crate) fn is_without_effect(&self) -> bool {
        !matches!(self, Self::Database(_) | Self::File(_))
    }

    /// Returns whether a write to a file of the database failed for another reason than a full disk.
    pub(crate) fn is_failed_write(&self) -> bool {
        matches!(self, Self::Database(error) if sqlite_code(error) == Some(codes::WRITE))
    }

    /// Returns the error of a commit. If the index of the log cannot grow, the log may already contain the transaction, and the
    /// next start would apply it.
    pub(crate) fn of_commit(error: sqlx::Error) -> Self {
        match sqlite_code(&error) {
            Some(codes::INDEX_SIZE) => Self::Database(error),
            _ => error.into(),
        }
    }

    /// Prefixes the message, as lakeFS does when it wraps errors.
    pub(crate) fn context(self, before: impl Display) -> Self {
        match self {
            Self::Refused { status, message } => Self::Refused { status, message: format!("{before}: {message}") },
            other => other,
        }
    }

    /// Replaces the status `from` of an error response by `to`.
    pub(crate) fn with_status(self, from: StatusCode, to: StatusCode) -> Self {
        match self {
            Self::Refused { status, message } if status == from => Self::Refused { status: to, message },
            other => other,
        }
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        match error.kind() {
            StorageFull | QuotaExceeded | FileTooLarge => Self::Full(error.to_string()),
            _ => Self::File(error),
        }
    }
}

/// Result codes of SQLite: <https://www.sqlite.org/rescode.html>. The lowest byte of an extended code is the primary code.
mod codes {
    pub(super) const CORRUPT: u32 = 11;
    pub(super) const FULL: u32 = 13;
    pub(super) const NOT_A_DATABASE: u32 = 26;
    /// The disk cannot read a sector.
    pub(super) const READ: u32 = 266;
    /// The file is too short.
    pub(super) const SHORT_READ: u32 = 522;
    /// A write failed for another reason than a full disk.
    pub(super) const WRITE: u32 = 778;
    /// The index of the log cannot grow.
    pub(super) const INDEX_SIZE: u32 = 4874;
    pub(super) const DAMAGED_DATA: u32 = 8202;
    pub(super) const DAMAGED_FILE_SYSTEM: u32 = 8458;
}

fn sqlite_code(error: &sqlx::Error) -> Option<u32> {
    error.as_database_error()?.code()?.parse().ok()
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        use codes::{CORRUPT, DAMAGED_DATA, DAMAGED_FILE_SYSTEM, FULL, INDEX_SIZE, NOT_A_DATABASE, READ, SHORT_READ};
        match sqlite_code(&error).map(|code| (code, code & 0xff)) {
            Some((INDEX_SIZE, _) | (_, FULL)) => Self::Full(error.to_string()),
            Some((READ | SHORT_READ | DAMAGED_DATA | DAMAGED_FILE_SYSTEM, _) | (_, CORRUPT | NOT_A_DATABASE)) => {
                Self::damaged(format!("the database of the lake is damaged: {error}"))
            }
            None if matches!(error, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_)) => {
                Self::damaged(format!("a row of the database cannot be decoded: {error}"))
            }
            _ => Self::Database(error),
        }
    }
}

impl From<postcard::Error> for Error {
    fn from(error: postcard::Error) -> Self {
        Self::damaged(format!("a node or a staged change cannot be decoded: {error}"))
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::damaged(format!("a commit cannot be decoded: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_and_a_reached_quota_have_their_own_status() {
        use std::io::ErrorKind::{PermissionDenied, QuotaExceeded, StorageFull};
        for kind in [StorageFull, QuotaExceeded] {
            let error = Error::from(std::io::Error::from(kind));
            assert_eq!(error.status(), StatusCode::INSUFFICIENT_STORAGE);
            assert!(error.is_without_effect());
        }
        let other = Error::from(std::io::Error::from(PermissionDenied));
        assert_eq!(other.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!other.is_without_effect());
    }
}
