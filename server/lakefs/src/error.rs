//! Errors of calls to lakeFS.

mod responses;

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
    /// A create-only write found an object at its path. The object may come from this same write: see [`Retry::Check`].
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
    /// The stored bytes or metadata are damaged. Only the embedded lake verifies them.
    Damaged,
    /// The disk of the server is full, or a quota is reached. The call had no effect.
    StorageFull,
    /// This lakeFS, or its object store, does not support the operation.
    Unsupported,
    /// Concurrent changes of the branch prevented the call. A merge did not happen; a write may have been applied.
    Contended,
    /// lakeFS responded with an internal error.
    Failed,
    /// lakeFS did not respond in time.
    NoResponse,
    /// lakeFS is unreachable or overloaded.
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
    /// lakeFS responded, so the call has ended. It may have had its effect: check the state before a retry.
    Check,
    /// The response was lost. The call may have had its effect, and may still have it later.
    Lost,
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

/// Body of the response to a merge with conflicts. It has no message.
#[derive(Deserialize)]
struct Conflict {
    #[serde(rename = "reference")]
    _reference: String,
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
        matches!(self.retry, Retry::Check | Retry::Lost)
    }

    /// Returns whether the response was lost: the call may still have its effect later.
    pub fn is_lost(&self) -> bool {
        self.retry == Retry::Lost
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
        let retry = if was_sent && effect != Effect::Read { Retry::Lost } else { Retry::Safe };
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
        let retry = if effect == Effect::Read { Retry::Safe } else { Retry::Lost };
        Self::new(Kind::NoResponse, retry, format!("lakeFS did not respond within {} s", after.as_secs()))
    }

    /// Creates the error for a response that no supported lakeFS sends.
    pub(crate) fn nonsense(effect: Effect, what: impl Into<String>) -> Self {
        Self::new(Kind::UnexpectedResponse, responses::unexpected(effect), what)
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
        let (kind, retry) = responses::classify(effect, status, &message);
        Self::new(kind, retry, message)
    }

    /// Creates the error for a response whose body has no message. lakeFS sends few of them; most come from a proxy, and the
    /// request may still be in progress.
    fn from_status(effect: Effect, status: StatusCode, body: &[u8]) -> Self {
        let text: String = String::from_utf8_lossy(body).chars().take(QUOTED).collect();
        let is_conflict = || serde_json::from_slice::<Conflict>(body).is_ok();
        let (kind, message) = match status.as_u16() {
            409 if is_conflict() => (Kind::MergeConflict, "the merge has conflicts".to_owned()),
            401 => (Kind::Unauthenticated, "error authenticating request".to_owned()),
            413 => (Kind::InvalidArgument, format!("the request is too large: {text:?}")),
            416 => (Kind::RangeNotSatisfiable, "the range is not in the object".to_owned()),
            400 if text.trim().is_empty() => {
                (Kind::InvalidArgument, "it gave no reason; perhaps its URL is not that of a lakeFS".to_owned())
            }
            400 if !text.trim_start().starts_with('<') => (Kind::InvalidArgument, text.trim().to_owned()),
            429 | 499..=599 => {
                let retry = if effect == Effect::Read { Retry::Safe } else { Retry::Lost };
                return Self::new(Kind::Unavailable, retry, format!("lakeFS returned {status}"));
            }
            _ => return Self::nonsense(effect, format!("lakeFS returned {status}: {text:?}")),
        };
        Self::new(kind, Retry::Never, message)
    }
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
        let body = |message: &str| serde_json::json!({ "message": message }).to_string();
        for (effect, status, message, expected) in [
            (Version, 400, "update branch main: no changes", (Kind::NoChanges, Retry::Never)),
            (Version, 400, "commit: no changes", (Kind::NoChanges, Retry::Never)),
            (Version, 400, "uncommitted changes (dirty branch)", (Kind::DirtyBranch, Retry::Never)),
            (Write, 400, "unexpected EOF\nfailed to write to storage", (Kind::Unavailable, Retry::Safe)),
            (Write, 403, "cannot write to protected branch", (Kind::BranchProtected, Retry::Never)),
            (Write, 404, "branch 'b' not found", (Kind::BranchNotFound, Retry::Never)),
            (Read, 404, "not found", (Kind::NotFound, Retry::Never)),
            (Version, 404, "update branch main: get commit by ref x: not found", (Kind::NotFound, Retry::Never)),
            (Write, 412, "path already exists", (Kind::ObjectExists, Retry::Check)),
            (Write, 403, "read-only repository", (Kind::RepositoryReadOnly, Retry::Never)),
            (Version, 403, "cannot delete repository default branch", (Kind::DefaultBranch, Retry::Never)),
            (Read, 404, "repository not found", (Kind::RepositoryNotFound, Retry::Never)),
            (Read, 404, "get tag: tag not found", (Kind::TagNotFound, Retry::Never)),
            (Read, 404, "commit not found", (Kind::CommitNotFound, Retry::Never)),
            (Read, 410, "resource expired", (Kind::BytesGone, Retry::Never)),
            (Read, 416, "bad index", (Kind::RangeNotSatisfiable, Retry::Never)),
            (Read, 501, "not implemented", (Kind::Unsupported, Retry::Never)),
            (Read, 500, "data loss: blob 1 has 2 bytes instead of 3", (Kind::Damaged, Retry::Never)),
            (Write, 507, "the disk is full", (Kind::StorageFull, Retry::Never)),
            (Version, 507, "the disk is full", (Kind::StorageFull, Retry::Never)),
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
    fn a_contended_write_has_ended_and_a_contended_merge_had_no_effect() {
        let body = "{\"message\":\"Too many attempts, try again later\"}\n";
        assert_eq!(refused(Effect::Write, 429, body), (Kind::Contended, Retry::Check));
        assert_eq!(refused(Effect::Version, 429, body), (Kind::Contended, Retry::Safe));
    }

    #[test]
    fn a_500_with_a_message_has_ended_and_some_are_permanent() {
        let body = |message: &str| serde_json::json!({ "message": message }).to_string();
        let of = |effect, message: &str| refused(effect, 500, &body(message));
        for permanent in [
            "parsing file _lakefs_actions/x.yaml: 'name' is invalid: invalid action",
            "parsing file _lakefs_actions/x.yaml: yaml: line 2: mapping values are not allowed in this context",
            "1 error occurred:\n\t* parsing file _lakefs_actions/x.yaml: 'on' is required\n\n",
            "prepare-commit hook aborted, run id '1': action name 'n' already loaded: invalid action",
            "syntax error in pattern",
        ] {
            assert_eq!(of(Effect::Version, permanent), (Kind::HookRejected, Retry::Never), "{permanent}");
        }
        for unclear in
            ["predicate failed", "commit: predicate failed", "internal server error", "dial tcp: i/o timeout"]
        {
            assert_eq!(of(Effect::Version, unclear), (Kind::Failed, Retry::Check), "{unclear}");
            assert_eq!(of(Effect::Write, unclear), (Kind::Failed, Retry::Check), "{unclear}");
            assert_eq!(of(Effect::Read, unclear), (Kind::Failed, Retry::Safe), "{unclear}");
        }
    }

    #[test]
    fn a_response_that_may_come_from_a_proxy_is_lost() {
        use Effect::{Read, Version, Write};
        let message = "{\"message\":\"Throughput exceeded. Slow down and retry\"}";
        for status in [502, 503, 504] {
            assert_eq!(refused(Version, status, message), (Kind::Unavailable, Retry::Lost), "{status}");
            assert_eq!(refused(Write, status, message), (Kind::Unavailable, Retry::Lost), "{status}");
            assert_eq!(refused(Read, status, message), (Kind::Unavailable, Retry::Safe), "{status}");
        }
        for status in [429, 499, 500, 502, 503, 504, 520, 599] {
            assert_eq!(refused(Version, status, "<html>"), (Kind::Unavailable, Retry::Lost), "{status}");
            assert_eq!(refused(Read, status, ""), (Kind::Unavailable, Retry::Safe), "{status}");
        }
        for status in [302, 403, 404, 408, 409, 410, 412] {
            assert_eq!(refused(Version, status, "<html>"), (Kind::UnexpectedResponse, Retry::Lost), "{status}");
            // A 404 without a message does not show that the object is missing.
            assert_eq!(refused(Read, status, ""), (Kind::UnexpectedResponse, Retry::Never), "{status}");
        }
        assert_eq!(refused(Version, 400, "<html>"), (Kind::UnexpectedResponse, Retry::Lost));
    }

    #[test]
    fn responses_of_lakefs_without_a_message_map_to_kinds_by_status() {
        use Effect::{Read, Version};
        assert_eq!(refused(Version, 409, "{\"reference\":\"\"}\n"), (Kind::MergeConflict, Retry::Never));
        assert_eq!(refused(Version, 400, "Invalid format for parameter amount"), (Kind::InvalidArgument, Retry::Never));
        assert_eq!(refused(Read, 416, ""), (Kind::RangeNotSatisfiable, Retry::Never));
    }
}
