//! Classification of lakeFS's error responses.
//!
//! Only this file examines the texts of lakeFS's error messages: some errors of lakeFS differ only in their text. The texts are those of
//! lakeFS 1.84, from recorded exchanges and from `handleApiErrorCallback` in its `pkg/api/controller.go`.

use super::{Effect, Kind, Retry};
use http::StatusCode;

/// A row of [`RESPONSES`].
struct Response {
    status: u16,
    text: Text,
    kind: Kind,
    says: Says,
}

/// Selects messages of lakeFS.
enum Text {
    Any,
    /// The message, alone or after a context and a colon.
    Is(&'static str),
    Starts(&'static str),
    Ends(&'static str),
    Contains(&'static str),
    Around(&'static str, &'static str),
}

/// What an error response says about the effect of its request.
#[derive(Clone, Copy)]
enum Says {
    /// The request had no effect, and a retry fails in the same way.
    Refused,
    /// The request had no effect, and a retry may succeed.
    NotNow,
    /// The request has ended, and may have had its effect.
    Unclear,
    /// Concurrent changes of the branch: a write is unclear, any other request had no effect.
    Contended,
    /// The response may come from a proxy, so the request may still be in progress.
    Lost,
}

use Says::{Contended, Lost, NotNow, Refused, Unclear};
use Text::{Any, Around, Contains, Ends, Is, Starts};

const fn row(status: u16, text: Text, kind: Kind, says: Says) -> Response {
    Response { status, text, kind, says }
}

/// Error responses of lakeFS with a message. The first matching row applies. A status without a row is treated as lost.
const RESPONSES: &[Response] = &[
    row(400, Is("no changes"), Kind::NoChanges, Refused),
    row(400, Contains("uncommitted changes"), Kind::DirtyBranch, Refused),
    row(400, Contains("uncommitted.."), Kind::DirtyBranch, Refused),
    row(400, Is("operation not supported"), Kind::Unsupported, Refused),
    // The object store failed, and lakeFS stored nothing on the branch.
    row(400, Ends("failed to write to storage"), Kind::Unavailable, NotNow),
    row(400, Any, Kind::InvalidArgument, Refused),
    row(401, Any, Kind::Unauthenticated, Refused),
    row(403, Is("read-only repository"), Kind::RepositoryReadOnly, Refused),
    row(403, Is("cannot delete repository default branch"), Kind::DefaultBranch, Refused),
    row(403, Contains("protected branch"), Kind::BranchProtected, Refused),
    row(403, Any, Kind::PermissionDenied, Refused),
    row(404, Is("repository not found"), Kind::RepositoryNotFound, Refused),
    row(404, Is("tag not found"), Kind::TagNotFound, Refused),
    row(404, Is("commit not found"), Kind::CommitNotFound, Refused),
    row(404, Is("branch not found"), Kind::BranchNotFound, Refused),
    row(404, Around("branch '", "' not found"), Kind::BranchNotFound, Refused),
    // A commit on a missing branch: lakeFS notices that when it looks for hooks.
    row(404, Around("prepare-commit hook aborted", "listing actions: not found"), Kind::BranchNotFound, Refused),
    row(404, Is("invalid API endpoint"), Kind::Unsupported, Refused),
    row(404, Any, Kind::NotFound, Refused),
    row(409, Starts("must specify 1-based parent number"), Kind::InvalidArgument, Refused),
    row(409, Is("update branch: conflict found"), Kind::MergeConflict, Refused),
    row(409, Any, Kind::AlreadyExists, Refused),
    row(410, Is("repository in deletion"), Kind::RepositoryNotFound, Refused),
    row(410, Any, Kind::BytesGone, Refused),
    row(412, Contains("hook aborted"), Kind::HookRejected, Refused),
    // If a commit runs at the same time, lakeFS repeats a create-only write, and may then find the object of this same write.
    row(412, Any, Kind::ObjectExists, Unclear),
    row(413, Any, Kind::InvalidArgument, Refused),
    row(416, Any, Kind::RangeNotSatisfiable, Refused),
    // lakeFS before 1.60 used 423.
    row(423, Any, Kind::Contended, Contended),
    row(429, Any, Kind::Contended, Contended),
    row(500, Is("bad index"), Kind::RangeNotSatisfiable, Refused),
    row(500, Contains("validation error"), Kind::InvalidArgument, Refused),
    row(500, Starts("mime: "), Kind::InvalidArgument, Refused),
    row(500, Ends("can't create a branch without commit"), Kind::InvalidArgument, Refused),
    row(500, Is("given commit does not have the given parent number"), Kind::InvalidArgument, Refused),
    row(500, Is("no merge base"), Kind::Failed, Refused),
    row(500, Is("cannot have more than a single parent"), Kind::Failed, Refused),
    row(500, Starts("branch is currently locked"), Kind::Unavailable, NotNow),
    // A file in `_lakefs_actions/` is invalid, so lakeFS cannot find the hooks to run. Source: `pkg/actions`.
    row(500, Contains("parsing file _lakefs_actions/"), Kind::HookRejected, Refused),
    row(500, Contains("invalid action"), Kind::HookRejected, Refused),
    row(500, Contains("invalid event parameter"), Kind::HookRejected, Refused),
    row(500, Contains("unknown hook type"), Kind::HookRejected, Refused),
    row(500, Contains("missing key in properties"), Kind::HookRejected, Refused),
    row(500, Contains("wrong value type"), Kind::HookRejected, Refused),
    row(500, Contains("missing env var"), Kind::HookRejected, Refused),
    row(500, Contains("hook 'if' expression should evaluate to a boolean"), Kind::HookRejected, Refused),
    // A pattern in the `branches` of an action.
    row(500, Is("syntax error in pattern"), Kind::HookRejected, Refused),
    // Only the embedded lake verifies what it has stored.
    row(500, Starts("data loss: "), Kind::Damaged, Refused),
    // An internal error in a hook, such as a failure to store its log.
    row(500, Contains("hook aborted"), Kind::HookRejected, Unclear),
    // Another change of the same branch came first.
    row(500, Is("predicate failed"), Kind::Failed, Unclear),
    row(500, Any, Kind::Failed, Unclear),
    row(501, Any, Kind::Unsupported, Refused),
    // Only the embedded lake sends this status.
    row(507, Any, Kind::StorageFull, Refused),
    row(499, Any, Kind::Unavailable, Lost),
    row(502, Any, Kind::Unavailable, Lost),
    row(503, Any, Kind::Unavailable, Lost),
    row(504, Any, Kind::Unavailable, Lost),
];

impl Text {
    fn matches(&self, message: &str) -> bool {
        match self {
            Any => true,
            Is(text) => message.strip_suffix(text).is_some_and(|rest| rest.is_empty() || rest.ends_with(": ")),
            Starts(text) => message.starts_with(text),
            Ends(text) => message.ends_with(text),
            Contains(text) => message.contains(text),
            Around(start, end) => message.starts_with(start) && message.ends_with(end),
        }
    }
}

impl Says {
    fn retry(self, effect: Effect) -> Retry {
        match (self, effect) {
            (Refused, _) => Retry::Never,
            (NotNow, _) | (_, Effect::Read) | (Contended, Effect::Version) => Retry::Safe,
            (Unclear | Contended, _) => Retry::Check,
            (Lost, _) => Retry::Lost,
        }
    }
}

/// Returns the kind of an error response from its status and message, and whether a retry is possible.
pub(super) fn classify(effect: Effect, status: StatusCode, message: &str) -> (Kind, Retry) {
    let message = message.trim_end();
    let code = status.as_u16();
    match RESPONSES.iter().find(|row| row.status == code && row.text.matches(message)) {
        Some(row) => (row.kind, row.says.retry(effect)),
        None if status.is_server_error() => (Kind::Unavailable, Lost.retry(effect)),
        None => (Kind::UnexpectedResponse, unexpected(effect)),
    }
}

/// Returns whether a request can be retried after a response that no supported lakeFS sends.
pub(super) fn unexpected(effect: Effect) -> Retry {
    if effect == Effect::Read { Retry::Never } else { Retry::Lost }
}
