//! What an operation answers when it does not succeed: the status and text that lakeFS would give.

use http::StatusCode;
use std::fmt::Display;

/// The result of an operation of the lake.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A refusal in lakeFS's own words, or a fault of this server.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What lakeFS answers: `{"message": …}`.
    #[error("{message}")]
    Refused {
        /// The HTTP status.
        status: StatusCode,
        /// lakeFS's text.
        message: String,
    },
    /// As above, but the text alone, as lakeFS's request binding answers.
    #[error("{0}")]
    Unbound(String),
    /// A request of a method or path that lakeFS does not have.
    #[error("invalid API endpoint")]
    UnknownEndpoint,
    /// A merge that both sides changed differently. Its body is not an error object.
    #[error("conflict found")]
    MergeConflict,
    /// The lake cannot be opened.
    #[error("cannot open the lake: {0}")]
    Open(String),
    /// The database failed.
    #[error("the lake's database: {0}")]
    Database(#[from] sqlx::Error),
    /// A file failed.
    #[error("the lake's files: {0}")]
    File(#[from] std::io::Error),
    /// A stored node or row does not decode.
    #[error("the lake's data: {0}")]
    Node(#[from] postcard::Error),
    /// Stored JSON does not decode.
    #[error("the lake's data: {0}")]
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

    /// The status that it is answered with.
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

    /// The same refusal with a text before it, as lakeFS wraps errors on their way up.
    pub(crate) fn context(self, before: impl Display) -> Self {
        match self {
            Self::Refused { status, message } => Self::Refused { status, message: format!("{before}: {message}") },
            other => other,
        }
    }

    /// The same refusal under another status.
    pub(crate) fn with_status(self, from: StatusCode, to: StatusCode) -> Self {
        match self {
            Self::Refused { status, message } if status == from => Self::Refused { status: to, message },
            other => other,
        }
    }
}
