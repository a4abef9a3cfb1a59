//! Errors of calls to lakeFS.
//!
//! Only this file examines the texts of lakeFS's error messages: some errors of lakeFS differ only in their text.

use http::StatusCode;
use serde::Deserialize;
use std::time::Duration;

/// Boxed error of any type.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Result of a call to lakeFS.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Error of a call: its kind, whether a retry is possible, and its cause. The text is for humans; programs use
/// [`kind`](Self::kind).
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: Kind,
    retry: Retry,
    message: String,
    source: Option<BoxError>,
}

/// Kind of an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The repository does not exist.
    RepositoryNotFound,
    /// The branch does not exist.
    BranchNotFound,
    /// The tag does not exist.
    TagNotFound,
    /// The commit does not exist.
    CommitNotFound,
    /// The object or the ref does not exist. The responses of lakeFS do not distinguish the two.
    NotFound,
    /// A branch, tag or repository with this name exists, or a ref of another kind has the name.
    AlreadyExists,
    /// A create-only write found an object at its path. The object may come from this same write: see [`Retry::Ambiguous`].
    ObjectExists,
    /// A hook of the repository rejected the change.
    HookRejected,
    /// Both sides of a merge changed the same paths.
    MergeConflict,
    /// No changes to commit or to merge.
    NoChanges,
    /// The branch has uncommitted changes.
    DirtyBranch,
    /// The branch is protected.
    BranchProtected,
    /// The repository is read-only.
    RepositoryReadOnly,
    /// A repository's default branch cannot be deleted.
    DefaultBranch,
    /// The credentials are missing, wrong or expired.
    Unauthenticated,
    /// The credentials are valid but lack the permission. lakeFS returns 401 in this case as well, which becomes
    /// [`Kind::Unauthenticated`]; a call to [`Lakefs::user`](crate::Lakefs::user) distinguishes the two.
    PermissionDenied,
    /// lakeFS rejected an argument.
    InvalidArgument,
    /// The range is not within the object.
    RangeNotSatisfiable,
    /// The object exists, but its bytes were deleted.
    BytesGone,
    /// This lakeFS, or its object store, does not support the operation.
    Unsupported,
    /// Concurrent changes of the branch prevented the call. A merge did not happen; a write may have been applied.
    Contended,
    /// lakeFS is unreachable, overloaded or too slow, or had an internal error.
    Unavailable,
    /// The server is not a lakeFS, or not a version that this client supports.
    UnexpectedResponse,
    /// The body of an upload ended with an error. That error is the source of this one.
    BodyFailed,
}

/// Whether a call can be retried after an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// A retry would fail in the same way.
    Never,
    /// The call had no effect, and a retry may succeed.
    Safe,
    /// The outcome is unknown: the call may have had its effect. Check the state before a retry.
    Ambiguous,
}

/// Effect of a call, which determines the [`Retry`] of its errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Changes nothing.
    Read,
    /// Writes or deletes objects. After a 429 response, the change may have been applied.
    Write,
    /// Moves a branch or creates a ref. After a 429 response, the change was not applied.
    Version,
}

#[derive(Deserialize)]
struct Body {
    message: String,
}

/// Maximum number of characters of a non-lakeFS response that are quoted in an error message.
const QUOTED: usize = 200;

impl Error {
    pub(crate) fn new(kind: Kind, retry: Retry, message: impl Into<String>) -> Self {
        Self { kind, retry, message: message.into(), source: None }
    }

    pub(crate) fn caused_by(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Returns the kind of this error.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns whether the call can be retried.
    pub fn retry(&self) -> Retry {
        self.retry
    }

    /// Returns whether the outcome is unknown: the call may have had its effect.
    pub fn is_ambiguous(&self) -> bool {
        self.retry == Retry::Ambiguous
    }

    /// Returns the first error of type `T` in the chain of causes.
    pub fn cause<T: std::error::Error + 'static>(&self) -> Option<&T> {
        let mut source = std::error::Error::source(self);
        while let Some(error) = source {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            source = error.source();
        }
        None
    }

    /// Creates an error of kind `Unavailable` for a call that had no effect and can be retried.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Kind::Unavailable, Retry::Safe, message)
    }

    /// Creates the error for a call whose connection could not be opened, or closed before the end of the response.
    pub(crate) fn transport(effect: Effect, was_sent: bool, error: impl Into<BoxError>) -> Self {
        let retry = if was_sent && effect != Effect::Read { Retry::Ambiguous } else { Retry::Safe };
        let error = error.into();
        let message = match was_sent {
            true => "the connection to lakeFS closed before the response was complete".to_owned(),
            // The root cause tells a refused connection from an untrusted certificate; different people fix the two.
            false => format!("cannot connect to lakeFS: {}", root_cause(error.as_ref())),
        };
        Self::new(Kind::Unavailable, retry, message).caused_by(error)
    }

    /// Creates the error for a call without a response within the timeout `after`.
    pub(crate) fn timeout(effect: Effect, after: Duration) -> Self {
        let retry = if effect == Effect::Read { Retry::Safe } else { Retry::Ambiguous };
        Self::new(Kind::Unavailable, retry, format!("lakeFS did not respond within {} s", after.as_secs()))
    }

    /// Creates the error for a response that no supported lakeFS sends.
    pub(crate) fn nonsense(effect: Effect, what: impl Into<String>) -> Self {
        let retry = if effect == Effect::Read { Retry::Never } else { Retry::Ambiguous };
        Self::new(Kind::UnexpectedResponse, retry, what)
    }

    /// Creates the error for an error response of lakeFS.
    pub(crate) fn refused(effect: Effect, status: StatusCode, body: &[u8]) -> Self {
        match serde_json::from_slice(body) {
            Ok(Body { message }) => Self::from_message(effect, status, message),
            Err(_) => Self::from_status(effect, status, body),
        }
    }

    /// Creates the error for one item of a batch.
    pub(crate) fn refused_item(effect: Effect, status: u16, message: String) -> Self {
        Self::from_message(effect, StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), message)
    }

    fn from_message(effect: Effect, status: StatusCode, message: String) -> Self {
        let kind = kind(status, &message);
        let retry = match (kind, effect, status) {
            (Kind::Unavailable, Effect::Read, _) => Retry::Safe,
            (Kind::Unavailable, ..) => Retry::Ambiguous,
            (Kind::Contended, Effect::Write, _) => Retry::Ambiguous,
            (Kind::Contended, ..) => Retry::Safe,
            // If a commit runs at the same time, lakeFS repeats a create-only write, and may then find the object of this same write.
            (Kind::ObjectExists, ..) => Retry::Ambiguous,
            (Kind::UnexpectedResponse, Effect::Write | Effect::Version, _) => Retry::Ambiguous,
            _ => Retry::Never,
        };
        Self::new(kind, retry, message)
    }

    /// Creates the error for a response whose body has no message.
    fn from_status(effect: Effect, status: StatusCode, body: &[u8]) -> Self {
        let text: String = String::from_utf8_lossy(body).chars().take(QUOTED).collect();
        let known = match status.as_u16() {
            // The body of a conflict response is not an error object and has no message.
            409 => Some((Kind::MergeConflict, Retry::Never, "the merge has conflicts")),
            401 => Some((Kind::Unauthenticated, Retry::Never, "error authenticating request")),
            416 => Some((Kind::RangeNotSatisfiable, Retry::Never, "the range is not in the object")),
            _ => None,
        };
        match known {
            Some((kind, retry, message)) => Self::new(kind, retry, message),
            None if status == StatusCode::BAD_REQUEST => {
                let message = match text.trim() {
                    "" => "it gave no reason; perhaps its URL is not that of a lakeFS",
                    text => text,
                };
                Self::new(Kind::InvalidArgument, Retry::Never, message)
            }
            None if status.is_server_error() || status.as_u16() == 499 || status == StatusCode::TOO_MANY_REQUESTS => {
                let retry = if effect == Effect::Read { Retry::Safe } else { Retry::Ambiguous };
                Self::new(Kind::Unavailable, retry, format!("lakeFS returned {status}"))
            }
            None => Self::nonsense(effect, format!("lakeFS returned {status}: {text:?}")),
        }
    }
}

/// Returns the kind of an error response from its status and message.
fn kind(status: StatusCode, message: &str) -> Kind {
    let is = |text: &str| message == text || message.ends_with(&format!(": {text}"));
    match status.as_u16() {
        400 if is("no changes") => Kind::NoChanges,
        400 if message.contains("uncommitted changes") || message.contains("uncommitted..") => Kind::DirtyBranch,
        400 if is("operation not supported") => Kind::Unsupported,
        400 if message.ends_with("failed to write to storage") => Kind::Unavailable,
        400 => Kind::InvalidArgument,
        401 => Kind::Unauthenticated,
        403 if is("read-only repository") => Kind::RepositoryReadOnly,
        403 if is("cannot delete repository default branch") => Kind::DefaultBranch,
        403 if message.contains("protected branch") => Kind::BranchProtected,
        403 => Kind::PermissionDenied,
        404 if is("repository not found") => Kind::RepositoryNotFound,
        404 if is("tag not found") => Kind::TagNotFound,
        404 if is("commit not found") => Kind::CommitNotFound,
        404 if is("branch not found") || is_named_branch(message) || is_missing_hook_ref(message) => {
            Kind::BranchNotFound
        }
        404 if is("invalid API endpoint") => Kind::Unsupported,
        404 => Kind::NotFound,
        409 if message.starts_with("must specify 1-based parent number") => Kind::InvalidArgument,
        409 if message == "update branch: conflict found" => Kind::MergeConflict,
        409 => Kind::AlreadyExists,
        410 => Kind::BytesGone,
        412 if message.contains("hook aborted") => Kind::HookRejected,
        412 => Kind::ObjectExists,
        416 => Kind::RangeNotSatisfiable,
        423 | 429 => Kind::Contended,
        500 if message == "bad index" => Kind::RangeNotSatisfiable,
        500 if message.contains("validation error") || message.starts_with("mime: ") => Kind::InvalidArgument,
        500 if message.ends_with("can't create a branch without commit") => Kind::InvalidArgument,
        501 => Kind::Unsupported,
        499..=599 => Kind::Unavailable,
        _ => Kind::UnexpectedResponse,
    }
}

/// Returns whether the message is of the form `branch 'b' not found`.
fn is_named_branch(message: &str) -> bool {
    message.starts_with("branch '") && message.ends_with("' not found")
}

/// Returns whether a commit failed because its branch does not exist. lakeFS notices that when it looks for hooks.
fn is_missing_hook_ref(message: &str) -> bool {
    message.starts_with("prepare-commit hook aborted") && message.ends_with("listing actions: not found")
}

/// Returns the root cause of an error.
fn root_cause<'a>(error: &'a (dyn std::error::Error + 'static)) -> &'a (dyn std::error::Error + 'static) {
    let mut root = error;
    while let Some(source) = root.source() {
        root = source;
    }
    root
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(effect: Effect, status: u16, body: &str) -> (Kind, Retry) {
        let error = Error::refused(effect, StatusCode::from_u16(status).unwrap(), body.as_bytes());
        (error.kind(), error.retry())
    }

    #[test]
    fn error_messages_of_lakefs_map_to_kinds() {
        use Effect::{Read, Version, Write};
        let body = |message: &str| format!("{{\"message\":\"{message}\"}}\n");
        for (effect, status, message, expected) in [
            (Version, 400, "update branch main: no changes", (Kind::NoChanges, Retry::Never)),
            (Version, 400, "commit: no changes", (Kind::NoChanges, Retry::Never)),
            (Version, 400, "uncommitted changes (dirty branch)", (Kind::DirtyBranch, Retry::Never)),
            (Write, 403, "cannot write to protected branch", (Kind::BranchProtected, Retry::Never)),
            (Write, 404, "branch 'b' not found", (Kind::BranchNotFound, Retry::Never)),
            (Read, 404, "not found", (Kind::NotFound, Retry::Never)),
            (Version, 404, "update branch main: get commit by ref x: not found", (Kind::NotFound, Retry::Never)),
            (Write, 429, "Too many attempts, try again later", (Kind::Contended, Retry::Ambiguous)),
            (Version, 429, "Too many attempts, try again later", (Kind::Contended, Retry::Safe)),
            (Version, 500, "predicate failed", (Kind::Unavailable, Retry::Ambiguous)),
            (Read, 500, "internal server error", (Kind::Unavailable, Retry::Safe)),
            (Write, 412, "path already exists", (Kind::ObjectExists, Retry::Ambiguous)),
            (Write, 403, "read-only repository", (Kind::RepositoryReadOnly, Retry::Never)),
            (Version, 403, "cannot delete repository default branch", (Kind::DefaultBranch, Retry::Never)),
            (Read, 404, "repository not found", (Kind::RepositoryNotFound, Retry::Never)),
            (Read, 404, "get tag: tag not found", (Kind::TagNotFound, Retry::Never)),
            (Read, 404, "commit not found", (Kind::CommitNotFound, Retry::Never)),
            (Read, 410, "resource expired", (Kind::BytesGone, Retry::Never)),
            (Read, 416, "bad index", (Kind::RangeNotSatisfiable, Retry::Never)),
            (Read, 501, "not implemented", (Kind::Unsupported, Retry::Never)),
            (Read, 503, "slow down", (Kind::Unavailable, Retry::Safe)),
            (Write, 503, "slow down", (Kind::Unavailable, Retry::Ambiguous)),
            (
                Version,
                412,
                "update branch main: pre-merge hook aborted, run id '1': no",
                (Kind::HookRejected, Retry::Never),
            ),
            (
                Version,
                409,
                "set branch 'b' to '{}': branch already exists: not unique",
                (Kind::AlreadyExists, Retry::Never),
            ),
        ] {
            assert_eq!(refused(effect, status, &body(message)), expected, "{status} {message}");
        }
    }

    #[test]
    fn error_responses_without_a_message_map_to_kinds_by_status() {
        use Effect::{Read, Version};
        assert_eq!(refused(Version, 409, "{\"reference\":\"\"}\n"), (Kind::MergeConflict, Retry::Never));
        // A 404 of lakeFS has a message. A 404 without one comes from a proxy, and does not show that the object is missing.
        assert_eq!(refused(Read, 404, "<html>"), (Kind::UnexpectedResponse, Retry::Never));
        assert_eq!(refused(Version, 404, ""), (Kind::UnexpectedResponse, Retry::Ambiguous));
        assert_eq!(refused(Version, 502, "<html>"), (Kind::Unavailable, Retry::Ambiguous));
        assert_eq!(refused(Version, 499, ""), (Kind::Unavailable, Retry::Ambiguous));
        assert_eq!(refused(Read, 302, ""), (Kind::UnexpectedResponse, Retry::Never));
    }
}
