//! The error of a failed call. Only this module decodes `google.rpc.Status`.

use lakeport_proto::ERROR_DOMAIN;
use std::collections::HashMap;
use std::error::Error as _;
use std::time::Duration;
use tonic_types::{ErrorDetails, RpcStatusExt as _, StatusExt as _};

pub use lakeport_proto::v1::ErrorReason;
pub use tonic::Code;

/// The result of a call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Message of a call whose timeout has passed.
const NO_RESPONSE: &str = "the lakeport server did not respond within the timeout";

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Error of a failed call. Programs should use [`Error::code`] and [`Error::reason`]; the message is for people.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    code: Code,
    message: String,
    details: Box<Details>,
    source: Option<BoxError>,
}

/// What the server says about an error. Boxed, because most calls succeed.
#[derive(Debug, Default)]
struct Details {
    reason: Option<String>,
    retry_delay: Option<Duration>,
    metadata: HashMap<String, String>,
    field_violations: Vec<FieldViolation>,
    paths: Vec<String>,
    failures: Vec<PathFailure>,
}

/// A path for which a delete failed.
#[derive(Debug)]
pub struct PathFailure {
    /// The path.
    pub path: String,
    /// Why the operation failed for this path.
    pub error: Error,
}

/// An invalid field of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldViolation {
    /// Path of the field in the request.
    pub field: String,
    /// Why the value is invalid.
    pub description: String,
}

impl Error {
    /// Returns the status code. If the reader of an upload fails, the code is `Unknown`.
    pub fn code(&self) -> Code {
        self.code
    }

    /// Returns the reason that the server sent. `None` if the error does not come from lakeport, or if this version of the client
    /// does not know the reason; see [`Error::reason_name`].
    pub fn reason(&self) -> Option<ErrorReason> {
        ErrorReason::from_str_name(&format!("ERROR_REASON_{}", self.reason_name()?))
    }

    /// Returns the reason as text, for example `OBJECT_NOT_FOUND`. Includes reasons that [`Error::reason`] does not know.
    pub fn reason_name(&self) -> Option<&str> {
        self.details.reason.as_deref()
    }

    /// Returns the message, for people.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns the delay that the server asks for before a retry.
    pub fn retry_delay(&self) -> Option<Duration> {
        self.details.retry_delay
    }

    /// Returns the invalid fields of the request.
    pub fn field_violations(&self) -> &[FieldViolation] {
        &self.details.field_violations
    }

    /// Returns the paths because of which the call failed, such as the first ten paths in conflict.
    pub fn paths(&self) -> &[String] {
        &self.details.paths
    }

    /// Returns further values of the reason: the metadata of the server's `google.rpc.ErrorInfo`.
    pub fn metadata(&self) -> &HashMap<String, String> {
        &self.details.metadata
    }

    /// Returns the paths for which a delete with the reason `PartialFailure` failed, in byte order.
    pub fn failures(&self) -> &[PathFailure] {
        &self.details.failures
    }

    /// Returns the paths for which a delete with the reason `PartialFailure` failed.
    pub fn into_failures(self) -> Vec<PathFailure> {
        self.details.failures
    }

    /// Returns whether the connection or the server failed before the response arrived. The server may have executed the call.
    pub fn is_response_lost(&self) -> bool {
        self.code == Code::Unavailable && self.details.reason.is_none() && self.is_transport_error()
    }

    /// Returns whether a retry of an idempotent call may succeed: the connection was lost, or the server or lakeFS was unavailable
    /// or overloaded.
    pub(crate) fn is_retryable(&self) -> bool {
        self.code == Code::Unavailable
            || matches!(self.reason(), Some(ErrorReason::Overloaded | ErrorReason::PartialFailure))
    }

    /// Returns whether an [`Upload`](crate::Upload) that failed with this error can be resumed. False if the file changed, if a
    /// transaction has ended, or if the request is invalid.
    pub fn is_upload_resumable(&self) -> bool {
        use ErrorReason as R;
        match self.reason() {
            Some(
                R::TransactionNotFound | R::TransactionCommitted | R::TransactionRolledBack | R::TransactionExpired,
            ) => false,
            Some(_) => self.code != Code::InvalidArgument,
            // Without a reason: a lost connection, a server that hangs, or a failed read of the file.
            None => self.is_retryable() || matches!(self.code, Code::Unknown | Code::DeadlineExceeded),
        }
    }

    /// Returns whether the outcome of a commit that failed with this error is unknown, or the server was too busy to begin it.
    pub(crate) fn leaves_commit_open(&self) -> bool {
        matches!(self.code, Code::Unavailable | Code::DeadlineExceeded)
            || self.reason() == Some(ErrorReason::Overloaded)
    }

    /// Returns whether this is the gRPC status of a call, not an error that this client detected.
    fn is_transport_error(&self) -> bool {
        self.source.as_ref().is_some_and(|source| source.is::<tonic::Status>())
    }

    pub(crate) fn without_retry_delay(mut self) -> Self {
        self.details.retry_delay = None;
        self
    }

    pub(crate) fn with_failures(mut self, mut failures: Vec<PathFailure>) -> Self {
        failures.sort_by(|a, b| a.path.cmp(&b.path));
        self.details.failures = failures;
        self
    }

    pub(crate) fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The connection to a server failed.
    pub(crate) fn connect(server: &str, is_tls: bool, error: tonic::transport::Error) -> Self {
        let cause = root_cause(&error);
        let check = if is_tls { "with TLS and a trusted certificate " } else { "" };
        let message = format!(
            "cannot connect to {server}: {cause}; check that a server {check}listens there, or set another endpoint"
        );
        Self::new(Code::Unavailable, message).with_source(error)
    }

    /// The URL of the endpoint is invalid.
    pub(crate) fn invalid_endpoint(url: &str, why: &str) -> Self {
        Self::new(Code::InvalidArgument, format!("invalid endpoint {url:?}: {why}"))
    }

    /// The files or the name for TLS cannot be used.
    pub(crate) fn tls(error: tonic::transport::Error) -> Self {
        Self::invalid(&format!("invalid settings of TLS: {}", root_cause(&error))).with_source(error)
    }

    /// The client rejects the arguments without sending a request.
    pub(crate) fn invalid(what: &str) -> Self {
        Self::new(Code::InvalidArgument, what)
    }

    /// The response violates the protocol.
    pub(crate) fn invalid_response(what: impl Into<String>) -> Self {
        Self::new(Code::Internal, what)
    }

    /// The received bytes are not the bytes that the server sent.
    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        Self::new(Code::DataLoss, what)
    }

    /// The server did not respond, or did not send or accept the next message, within the timeout.
    pub(crate) fn no_response() -> Self {
        Self::new(Code::DeadlineExceeded, NO_RESPONSE)
    }

    /// The stream ended before all bytes arrived.
    pub(crate) fn truncated(missing_bytes: i64) -> Self {
        Self::new(Code::Unavailable, format!("the download ended {missing_bytes} bytes too early"))
    }

    /// The destination of a create-only upload exists.
    pub(crate) fn object_exists(path: &str) -> Self {
        let details = Details { reason: Some("OBJECT_EXISTS".to_owned()), ..Details::default() };
        Self { details: Box::new(details), ..Self::new(Code::AlreadyExists, format!("object {path:?} exists")) }
    }

    /// The reader of an upload failed.
    pub(crate) fn unreadable(error: std::io::Error) -> Self {
        Self::new(Code::Unknown, format!("cannot read the bytes to upload: {error}")).with_source(error)
    }

    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: Box::default(), source: None }
    }

    fn detailed(code: Code, message: &str, details: &ErrorDetails) -> Self {
        let info = details.error_info().filter(|info| info.domain == ERROR_DOMAIN);
        let reason = info.map(|info| info.reason.clone());
        let metadata = info.map(|info| info.metadata.clone()).unwrap_or_default();
        let retry_delay = details.retry_info().and_then(|info| info.retry_delay);
        let violations = details.bad_request().map(|bad| bad.field_violations.as_slice()).unwrap_or_default();
        let field_violations = violations.iter().map(FieldViolation::from).collect();
        let preconditions = details.precondition_failure().map(|failure| failure.violations.as_slice());
        let paths = preconditions.unwrap_or_default().iter().map(|violation| violation.subject.clone()).collect();
        let details = Details { reason, retry_delay, metadata, field_violations, paths, failures: Vec::new() };
        Self { details: Box::new(details), ..Self::new(code, message) }
    }
}

impl From<tonic::Status> for Error {
    fn from(status: tonic::Status) -> Self {
        // tonic reports its own timeout as CANCELLED.
        if has_timed_out(&status) {
            return Self::no_response().with_source(status);
        }
        // tonic reports a lost connection with different codes.
        let may_be_lost =
            matches!(status.code(), Code::Unknown | Code::Internal | Code::Cancelled | Code::ResourceExhausted);
        if status.source().is_some() && may_be_lost {
            let message = format!("the connection to the lakeport server was lost: {}", root_cause(&status));
            return Self::new(Code::Unavailable, message).with_source(status);
        }
        Self::detailed(status.code(), status.message(), &status.get_error_details()).with_source(status)
    }
}

impl From<tonic_types::Status> for Error {
    fn from(status: tonic_types::Status) -> Self {
        Self::detailed(Code::from_i32(status.code), &status.message, &status.get_error_details())
    }
}

impl From<&tonic_types::FieldViolation> for FieldViolation {
    fn from(violation: &tonic_types::FieldViolation) -> Self {
        Self { field: violation.field.clone(), description: violation.description.clone() }
    }
}

/// Returns whether the timeout of the call ended before a response arrived.
fn has_timed_out(status: &tonic::Status) -> bool {
    let mut source = status.source();
    while let Some(error) = source {
        if error.is::<tonic::TimeoutExpired>() {
            return true;
        }
        source = error.source();
    }
    false
}

/// Returns the message of the last error in the chain. tonic's own message is only "transport error".
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: Code, reason: &str, domain: &str) -> Error {
        let mut details = ErrorDetails::with_error_info(reason, domain, HashMap::new());
        details.set_retry_info(Some(Duration::from_millis(1500)));
        details.add_bad_request_violation("path", "must not be empty");
        tonic::Status::with_error_details(code, "no", details).into()
    }

    #[test]
    fn status_details_are_decoded() {
        let error = refused(Code::InvalidArgument, "INVALID_FIELD", ERROR_DOMAIN);
        assert_eq!((error.code(), error.reason()), (Code::InvalidArgument, Some(ErrorReason::InvalidField)));
        assert_eq!((error.message(), error.retry_delay()), ("no", Some(Duration::from_millis(1500))));
        let field = FieldViolation { field: "path".into(), description: "must not be empty".into() };
        assert_eq!(error.field_violations(), [field]);
    }

    #[test]
    fn unknown_reason_keeps_its_name() {
        let error = refused(Code::Aborted, "FROM_THE_FUTURE", ERROR_DOMAIN);
        assert_eq!((error.reason(), error.reason_name()), (None, Some("FROM_THE_FUTURE")));
        assert_eq!(refused(Code::Aborted, "MERGE_CONFLICT", "elsewhere.dev").reason_name(), None);
    }

    #[test]
    fn status_of_a_batch_item_is_decoded() {
        let item = tonic_types::Status { code: Code::NotFound as i32, message: "no".into(), details: Vec::new() };
        let error = Error::from(item);
        assert_eq!((error.code(), error.message()), (Code::NotFound, "no"));
    }
}
