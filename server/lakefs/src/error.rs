//! What lakeFS's refusals mean. The one file that looks at lakeFS's texts, since lakeFS itself tells some things apart by
//! text alone.

use http::StatusCode;
use serde::Deserialize;
use std::time::Duration;

/// Any error.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The result of a call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, whether the call may be repeated, what caused it. The text is for people: nobody matches it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: Kind,
    retry: Retry,
    message: String,
    source: Option<BoxError>,
}

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// No such repository.
    RepositoryNotFound,
    /// No such branch.
    BranchNotFound,
    /// No such tag.
    TagNotFound,
    /// No such commit.
    CommitNotFound,
    /// No such object, or no such ref: lakeFS answers both alike.
    NotFound,
    /// A branch, tag or repository of that name is there, or another kind of ref that has it.
    AlreadyExists,
    /// A create-only write found an object (or itself: see [`Retry::Look`]).
    ObjectExists,
    /// A hook of the repository refused.
    HookRejected,
    /// Both sides of a merge changed the same paths.
    MergeConflict,
    /// There is nothing to commit or to merge.
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
    /// The credentials are good, and may not do this. lakeFS answers 401 to both: only [`Kind::Unauthenticated`] comes from
    /// there, and who asks for the user knows which it is.
    PermissionDenied,
    /// lakeFS does not take an argument.
    InvalidArgument,
    /// The range is not in the object.
    RangeNotSatisfiable,
    /// The object is known and its bytes are gone.
    BytesGone,
    /// This lakeFS, or the store behind it, does not do that.
    Unsupported,
    /// The branch moved faster than the call: nothing was merged; a write may stand.
    Contended,
    /// lakeFS is away, overloaded, too slow, or failed inside.
    Unavailable,
    /// What answered is not lakeFS, or not one that this client knows.
    Nonsense,
    /// The body that was to be uploaded ended with an error of its own, which is the source.
    BodyFailed,
}

/// Whether a call may be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The answer would be the same.
    Never,
    /// Nothing was done, and a repetition may succeed.
    Safe,
    /// It may have been done: look before repeating it.
    Look,
}

/// What a call does, as far as its errors are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing.
    Read,
    /// Puts or deletes objects: 429 says nothing about whether it was done.
    Write,
    /// Moves a branch or makes a ref: 429 says that it was not done.
    Version,
}

#[derive(Deserialize)]
struct Body {
    message: String,
}

/// How much of an answer that is not lakeFS's goes into a message.
const QUOTED: usize = 200;

impl Error {
    pub(crate) fn new(kind: Kind, retry: Retry, message: impl Into<String>) -> Self {
        Self { kind, retry, message: message.into(), source: None }
    }

    pub(crate) fn caused_by(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether the call may be repeated.
    pub fn retry(&self) -> Retry {
        self.retry
    }

    /// Whether the call may have had its effect.
    pub fn is_ambiguous(&self) -> bool {
        self.retry == Retry::Look
    }

    /// The cause, if it is a `T`.
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

    /// Nothing was done, and another time it may be.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Kind::Unavailable, Retry::Safe, message)
    }

    /// A call that did not get through, or that broke off before its answer.
    pub(crate) fn transport(effect: Effect, was_sent: bool, error: impl Into<BoxError>) -> Self {
        let retry = if was_sent && effect != Effect::Read { Retry::Look } else { Retry::Safe };
        let error = error.into();
        let message = match was_sent {
            true => "the connection to lakeFS broke off before it answered".to_owned(),
            // A refused connection and a certificate that is not trusted are mended by different people.
            false => format!("cannot connect to lakeFS: {}", first_cause(error.as_ref())),
        };
        Self::new(Kind::Unavailable, retry, message).caused_by(error)
    }

    /// A call that lakeFS did not answer in time.
    pub(crate) fn timeout(effect: Effect, after: Duration) -> Self {
        let retry = if effect == Effect::Read { Retry::Safe } else { Retry::Look };
        Self::new(Kind::Unavailable, retry, format!("lakeFS did not answer within {} s", after.as_secs()))
    }

    /// An answer that is not what lakeFS answers.
    pub(crate) fn nonsense(effect: Effect, what: impl Into<String>) -> Self {
        let retry = if effect == Effect::Read { Retry::Never } else { Retry::Look };
        Self::new(Kind::Nonsense, retry, what)
    }

    /// What a refusal of lakeFS means.
    pub(crate) fn refused(effect: Effect, status: StatusCode, body: &[u8]) -> Self {
        match serde_json::from_slice(body) {
            Ok(Body { message }) => Self::worded(effect, status, message),
            Err(_) => Self::wordless(effect, status, body),
        }
    }

    /// The refusal of one item of many.
    pub(crate) fn refused_item(effect: Effect, status: u16, message: String) -> Self {
        Self::worded(effect, StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), message)
    }

    fn worded(effect: Effect, status: StatusCode, message: String) -> Self {
        let kind = kind(status, &message);
        let retry = match (kind, effect, status) {
            (Kind::Unavailable, Effect::Read, _) => Retry::Safe,
            (Kind::Unavailable, ..) => Retry::Look,
            (Kind::Contended, Effect::Write, _) => Retry::Look,
            (Kind::Contended, ..) => Retry::Safe,
            // A commit beside it may have made a create-only write find itself.
            (Kind::ObjectExists, ..) => Retry::Look,
            _ => Retry::Never,
        };
        Self::new(kind, retry, message)
    }

    fn wordless(effect: Effect, status: StatusCode, body: &[u8]) -> Self {
        let text: String = String::from_utf8_lossy(body).chars().take(QUOTED).collect();
        let known = match status.as_u16() {
            // A conflict has a body of its own, with no text.
            409 => Some((Kind::MergeConflict, Retry::Never, "the merge has conflicts")),
            401 => Some((Kind::Unauthenticated, Retry::Never, "error authenticating request")),
            416 => Some((Kind::RangeNotSatisfiable, Retry::Never, "the range is not in the object")),
            _ => None,
        };
        match known {
            Some((kind, retry, message)) => Self::new(kind, retry, message),
            None if status == StatusCode::BAD_REQUEST => {
                let message = match text.trim() {
                    "" => "it did not say why, so perhaps its URL is not that of a lakeFS",
                    said => said,
                };
                Self::new(Kind::InvalidArgument, Retry::Never, message)
            }
            None if status.is_server_error() || status.as_u16() == 499 || status == StatusCode::TOO_MANY_REQUESTS => {
                let retry = if effect == Effect::Read { Retry::Safe } else { Retry::Look };
                Self::new(Kind::Unavailable, retry, format!("lakeFS answered {status}"))
            }
            None => Self::nonsense(effect, format!("lakeFS answered {status}: {text:?}")),
        }
    }
}

/// What a refusal means, by status and text.
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
        _ => Kind::Nonsense,
    }
}

/// `branch 'b' not found`
fn is_named_branch(message: &str) -> bool {
    message.starts_with("branch '") && message.ends_with("' not found")
}

/// A commit on a name that is no ref fails where lakeFS looks for hooks.
fn is_missing_hook_ref(message: &str) -> bool {
    message.starts_with("prepare-commit hook aborted") && message.ends_with("listing actions: not found")
}

/// What all that is said of it comes from.
fn first_cause<'a>(error: &'a (dyn std::error::Error + 'static)) -> &'a (dyn std::error::Error + 'static) {
    let mut first = error;
    while let Some(source) = first.source() {
        first = source;
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(effect: Effect, status: u16, body: &str) -> (Kind, Retry) {
        let error = Error::refused(effect, StatusCode::from_u16(status).unwrap(), body.as_bytes());
        (error.kind(), error.retry())
    }

    #[test]
    fn refusals_mean_what_lakefs_means() {
        use Effect::{Read, Version, Write};
        let said = |message: &str| format!("{{\"message\":\"{message}\"}}\n");
        for (effect, status, message, expected) in [
            (Version, 400, "update branch main: no changes", (Kind::NoChanges, Retry::Never)),
            (Version, 400, "commit: no changes", (Kind::NoChanges, Retry::Never)),
            (Version, 400, "uncommitted changes (dirty branch)", (Kind::DirtyBranch, Retry::Never)),
            (Write, 403, "cannot write to protected branch", (Kind::BranchProtected, Retry::Never)),
            (Write, 404, "branch 'b' not found", (Kind::BranchNotFound, Retry::Never)),
            (Read, 404, "not found", (Kind::NotFound, Retry::Never)),
            (Version, 404, "update branch main: get commit by ref x: not found", (Kind::NotFound, Retry::Never)),
            (Write, 429, "Too many attempts, try again later", (Kind::Contended, Retry::Look)),
            (Version, 429, "Too many attempts, try again later", (Kind::Contended, Retry::Safe)),
            (Version, 500, "predicate failed", (Kind::Unavailable, Retry::Look)),
            (Read, 500, "internal server error", (Kind::Unavailable, Retry::Safe)),
            (Write, 412, "path already exists", (Kind::ObjectExists, Retry::Look)),
            (Write, 403, "read-only repository", (Kind::RepositoryReadOnly, Retry::Never)),
            (Version, 403, "cannot delete repository default branch", (Kind::DefaultBranch, Retry::Never)),
            (Read, 404, "repository not found", (Kind::RepositoryNotFound, Retry::Never)),
            (Read, 404, "get tag: tag not found", (Kind::TagNotFound, Retry::Never)),
            (Read, 404, "commit not found", (Kind::CommitNotFound, Retry::Never)),
            (Read, 410, "resource expired", (Kind::BytesGone, Retry::Never)),
            (Read, 416, "bad index", (Kind::RangeNotSatisfiable, Retry::Never)),
            (Read, 501, "not implemented", (Kind::Unsupported, Retry::Never)),
            (Read, 503, "slow down", (Kind::Unavailable, Retry::Safe)),
            (Write, 503, "slow down", (Kind::Unavailable, Retry::Look)),
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
            assert_eq!(refused(effect, status, &said(message)), expected, "{status} {message}");
        }
    }

    #[test]
    fn answers_without_a_message_are_told_apart_by_status() {
        use Effect::{Read, Version};
        assert_eq!(refused(Version, 409, "{\"reference\":\"\"}\n"), (Kind::MergeConflict, Retry::Never));
        // lakeFS says what is not there. Something in between that knows no such page says nothing of lakeFS.
        assert_eq!(refused(Read, 404, "<html>"), (Kind::Nonsense, Retry::Never));
        assert_eq!(refused(Version, 404, ""), (Kind::Nonsense, Retry::Look));
        assert_eq!(refused(Version, 502, "<html>"), (Kind::Unavailable, Retry::Look));
        assert_eq!(refused(Version, 499, ""), (Kind::Unavailable, Retry::Look));
        assert_eq!(refused(Read, 302, ""), (Kind::Nonsense, Retry::Never));
    }
}
