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
    /// The database failed.
    #[error("the database of the lake failed: {0}")]
    Database(#[from] sqlx::Error),
    /// A file operation failed.
    #[error("a file operation of the lake failed: {0}")]
    File(#[from] std::io::Error),
    /// A stored node or row cannot be decoded.
    #[error("cannot decode stored data of the lake: {0}")]
    Node(#[from] postcard::Error),
    /// Stored JSON cannot be decoded.
    #[error("cannot decode stored data of the lake: {0}")]
    Json(#[from] serde_json::Error),
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
            Self::Open(_) | Self::Database(_) | Self::File(_) | Self::Node(_) | Self::Json(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
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
