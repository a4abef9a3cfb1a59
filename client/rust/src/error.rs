//! What a failed call means. The one file that undoes `google.rpc.Status`.

use lakeport_proto::ERROR_DOMAIN;
use std::time::Duration;
use tonic_types::{ErrorDetails, RpcStatusExt as _, StatusExt as _};

pub use lakeport_proto::v1::ErrorReason;
pub use tonic::Code;

/// The result of a call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A call that failed. The text is for people; [`Error::code`] and [`Error::reason`] are for programs.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    code: Code,
    reason: Option<String>,
    message: String,
    retry_delay: Option<Duration>,
    field_violations: Vec<FieldViolation>,
    source: Option<BoxError>,
}

/// A field of a request that breaks its rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldViolation {
    /// Its path in the request.
    pub field: String,
    /// What is wrong with it.
    pub description: String,
}

impl Error {
    /// What kind of failure it is. What failed on this side alone, such as reading what was to be uploaded, is `Unknown`.
    pub fn code(&self) -> Code {
        self.code
    }

    /// Which failure it is; `None` where the error is not lakeport's, or a reason that this version does not know.
    pub fn reason(&self) -> Option<ErrorReason> {
        ErrorReason::from_str_name(&format!("ERROR_REASON_{}", self.reason_name()?))
    }

    /// Which failure it is, as the server named it.
    pub fn reason_name(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// What the server says.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// How long the server asks to wait before the call is repeated.
    pub fn retry_delay(&self) -> Option<Duration> {
        self.retry_delay
    }

    /// Fields of the request that break their rules.
    pub fn field_violations(&self) -> &[FieldViolation] {
        &self.field_violations
    }

    /// Whether the connection or the server went away during a read, so that the rest can be had by another call.
    pub(crate) fn is_broken_off(&self) -> bool {
        match self.reason() {
            Some(ErrorReason::LakefsUnavailable | ErrorReason::ShuttingDown | ErrorReason::ReaderStalled) => true,
            Some(_) => false,
            None if self.reason.is_some() => false,
            // Without a reason it is the transport that speaks, and it is not of one mind about the code.
            None => self.code == Code::Unavailable || (self.is_of_transport() && self.is_vague()),
        }
    }

    /// Whether the connection or the server went away before it answered: what was asked for may have been done.
    pub fn is_lost_answer(&self) -> bool {
        self.reason.is_none() && self.is_of_transport() && (self.code == Code::Unavailable || self.is_vague())
    }

    /// Whether it came as a status, and was not found on this side.
    fn is_of_transport(&self) -> bool {
        self.source.as_ref().is_some_and(|source| source.is::<tonic::Status>())
    }

    fn is_vague(&self) -> bool {
        matches!(self.code, Code::Unknown | Code::Internal | Code::Cancelled)
    }

    pub(crate) fn caused_by(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// No connection.
    pub(crate) fn connect(url: &str, error: tonic::transport::Error) -> Self {
        let cause = innermost(&error);
        Self::new(
            Code::Unavailable,
            format!("cannot connect to {url}: {cause}; is a server running there? Another is named by its endpoint"),
        )
        .caused_by(error)
    }

    /// A URL that names no server.
    pub(crate) fn invalid_endpoint(url: &str, why: &str) -> Self {
        Self::new(Code::InvalidArgument, format!("{url:?} is not the URL of a lakeport: {why}"))
    }

    /// Something that no server has to be asked about.
    pub(crate) fn invalid(what: &str) -> Self {
        Self::new(Code::InvalidArgument, what)
    }

    /// An answer that breaks the contract.
    pub(crate) fn nonsense(what: impl Into<String>) -> Self {
        Self::new(Code::Internal, what)
    }

    /// Bytes that are not those that were sent.
    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        Self::new(Code::DataLoss, what)
    }

    /// A stream that ended before all bytes were there. Counts as broken off.
    pub(crate) fn short(missing_bytes: i64) -> Self {
        Self::new(Code::Unavailable, format!("the answer ended {missing_bytes} bytes too early"))
    }

    /// The bytes to be uploaded cannot be read.
    pub(crate) fn unreadable(error: std::io::Error) -> Self {
        Self::new(Code::Unknown, format!("the bytes to upload cannot be read: {error}")).caused_by(error)
    }

    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { code, reason: None, message, retry_delay: None, field_violations: Vec::new(), source: None }
    }

    fn detailed(code: Code, message: &str, details: &ErrorDetails) -> Self {
        let reason = details.error_info().filter(|info| info.domain == ERROR_DOMAIN).map(|info| info.reason.clone());
        let retry_delay = details.retry_info().and_then(|info| info.retry_delay);
        let violations = details.bad_request().map(|bad| bad.field_violations.as_slice()).unwrap_or_default();
        let field_violations = violations.iter().map(FieldViolation::from).collect();
        Self { reason, retry_delay, field_violations, ..Self::new(code, message) }
    }
}

impl From<tonic::Status> for Error {
    fn from(status: tonic::Status) -> Self {
        Self::detailed(status.code(), status.message(), &status.get_error_details()).caused_by(status)
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

/// tonic says "transport error" and hides why at the end of the chain.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn refused(code: Code, reason: &str, domain: &str) -> Error {
        let mut details = ErrorDetails::with_error_info(reason, domain, HashMap::new());
        details.set_retry_info(Some(Duration::from_millis(1500)));
        details.add_bad_request_violation("path", "must not be empty");
        tonic::Status::with_error_details(code, "no", details).into()
    }

    #[test]
    fn details_are_undone() {
        let error = refused(Code::InvalidArgument, "INVALID_FIELD", ERROR_DOMAIN);
        assert_eq!((error.code(), error.reason()), (Code::InvalidArgument, Some(ErrorReason::InvalidField)));
        assert_eq!((error.message(), error.retry_delay()), ("no", Some(Duration::from_millis(1500))));
        let field = FieldViolation { field: "path".into(), description: "must not be empty".into() };
        assert_eq!(error.field_violations(), [field]);
    }

    #[test]
    fn a_reason_of_a_later_server_keeps_its_name() {
        let error = refused(Code::Aborted, "FROM_THE_FUTURE", ERROR_DOMAIN);
        assert_eq!((error.reason(), error.reason_name()), (None, Some("FROM_THE_FUTURE")));
        assert_eq!(refused(Code::Aborted, "MERGE_CONFLICT", "elsewhere.dev").reason_name(), None);
    }

    #[test]
    fn the_status_of_one_item_is_undone_alike() {
        let item = tonic_types::Status { code: Code::NotFound as i32, message: "no".into(), details: Vec::new() };
        let error = Error::from(item);
        assert_eq!((error.code(), error.message()), (Code::NotFound, "no"));
    }

    #[test]
    fn only_what_broke_off_is_resumed() {
        assert!(Error::from(tonic::Status::unknown("error reading a body from connection")).is_broken_off());
        assert!(!Error::nonsense("the server left out bytes").is_broken_off());
        assert!(refused(Code::Unavailable, "SHUTTING_DOWN", ERROR_DOMAIN).is_broken_off());
        assert!(!refused(Code::Aborted, "ETAG_MISMATCH", ERROR_DOMAIN).is_broken_off());
        assert!(!refused(Code::Unavailable, "FROM_THE_FUTURE", ERROR_DOMAIN).is_broken_off());
        assert!(!Error::new(Code::NotFound, "no").is_broken_off());
    }
}
