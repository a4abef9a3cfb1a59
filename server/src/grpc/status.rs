//! Converts errors to gRPC statuses. All errors become statuses here.

use crate::error::{Counts, Error, Kind};
use lakeport_proto::ERROR_DOMAIN;
use prost::Message;
use std::collections::HashMap;
use std::time::Duration;
use tonic::metadata::MetadataValue;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, PreconditionViolation, StatusExt};

/// Maximum number of subjects in the details. More would exceed the header size limit of some clients.
const MAX_SUBJECTS: usize = 10;
/// Maximum size of the invalid fields in the details, in bytes.
const MAX_FIELDS_BYTES: usize = 2 << 10;
/// Maximum size of one text in the details, in bytes.
const MAX_TEXT: usize = 256;
/// Maximum size of the message of a status, in bytes of the header. Each byte that is not printable ASCII counts three
/// times.
const MAX_MESSAGE: usize = 1024;

/// Returns the code of a kind. There is no `_` arm, so that the compiler asks for the code of each new kind.
fn code(kind: Kind) -> Code {
    match kind {
        Kind::InvalidField
        | Kind::BatchTooLarge
        | Kind::PageTokenInvalid
        | Kind::RefNotABranch
        | Kind::WriteIncomplete
        | Kind::ChecksumMismatch
        | Kind::RefusedByLakefs => Code::InvalidArgument,
        Kind::RangeOutOfBounds => Code::OutOfRange,
        Kind::RepositoryNotFound | Kind::RefNotFound | Kind::ObjectNotFound | Kind::TransactionNotFound => {
            Code::NotFound
        }
        Kind::ObjectExists
        | Kind::BranchExists
        | Kind::TagExists
        | Kind::RepositoryExists
        | Kind::TransactionExists => Code::AlreadyExists,
        Kind::EtagMismatch
        | Kind::NotModified
        | Kind::HookRejected
        | Kind::BaseDirty
        | Kind::NoChanges
        | Kind::DefaultBranch
        | Kind::TransactionCommitting
        | Kind::TransactionCommitted
        | Kind::TransactionRolledBack
        | Kind::TransactionExpired
        | Kind::TransactionReadOnly
        | Kind::EpochMismatch
        | Kind::LakefsFailed
        | Kind::PartialFailure => Code::FailedPrecondition,
        Kind::MergeConflict | Kind::ObjectChanged => Code::Aborted,
        Kind::PermissionDenied | Kind::BranchProtected | Kind::RepositoryReadOnly | Kind::ReservedName => {
            Code::PermissionDenied
        }
        Kind::Unauthenticated => Code::Unauthenticated,
        Kind::WriteInDoubt
        | Kind::CommitInDoubt
        | Kind::LakefsUnavailable
        | Kind::SessionStoreUnavailable
        | Kind::ReaderStalled
        | Kind::WriterStalled
        | Kind::RequestInProgress
        | Kind::ShuttingDown => Code::Unavailable,
        Kind::OutcomeUnknown => Code::Unknown,
        Kind::Overloaded | Kind::TooManyTransactions | Kind::StorageFull => Code::ResourceExhausted,
        Kind::DeadlineExceeded => Code::DeadlineExceeded,
        Kind::Corrupt => Code::DataLoss,
        Kind::Unsupported => Code::Unimplemented,
        Kind::Internal => Code::Internal,
    }
}

/// Converts an error to the status that the caller gets, and logs it.
#[expect(clippy::needless_pass_by_value, reason = "the status replaces the error")]
pub fn into_status(error: Error) -> Status {
    let kind = error.kind();
    if matches!(kind, Kind::Internal | Kind::Corrupt | Kind::SessionStoreUnavailable | Kind::StorageFull) {
        tracing::error!(reason = kind.reason(), %error, source = ?std::error::Error::source(&error), "a call failed");
    } else {
        tracing::debug!(reason = kind.reason(), %error, source = ?std::error::Error::source(&error), "a call was rejected");
    }
    let message = shortened_for_header(&error.to_string(), MAX_MESSAGE);
    let mut status = Status::with_error_details(code(kind), message, details(&error));
    if let Some(after) = error.retry_after() {
        pushback(&mut status, after);
    }
    status
}

/// Converts the error of one item of a batch to the status of the item.
pub fn item_status(error: Error) -> tonic_types::Status {
    let status = into_status(error);
    tonic_types::Status::decode(status.details()).unwrap_or_default()
}

/// Returns the status of a successful item.
pub(super) fn item_ok() -> tonic_types::Status {
    tonic_types::Status::default()
}

fn details(error: &Error) -> ErrorDetails {
    let kind = error.kind();
    let mut details = ErrorDetails::new();
    let mut metadata = HashMap::new();
    if !error.subjects().is_empty() {
        metadata.insert("subjects".to_owned(), error.subjects().len().to_string());
    }
    if let Some(Counts { failed, succeeded }) = error.counts() {
        metadata.insert("failed".to_owned(), failed.to_string());
        metadata.insert("succeeded".to_owned(), succeeded.to_string());
    }
    details.set_error_info(kind.reason(), ERROR_DOMAIN, metadata);
    if let Some(after) = error.retry_after() {
        details.set_retry_info(Some(after));
    }
    if !error.violations().is_empty() {
        details.set_bad_request(violations(error));
    }
    let subjects = || error.subjects().iter().take(MAX_SUBJECTS).map(|subject| shortened(subject, MAX_TEXT));
    match code(kind) {
        Code::NotFound | Code::AlreadyExists => {
            for subject in subjects().take(1) {
                details.set_resource_info(resource(kind), subject, "", "");
            }
        }
        Code::FailedPrecondition | Code::Aborted => {
            let violations = subjects().map(|subject| PreconditionViolation::new(kind.reason(), subject, ""));
            let violations: Vec<_> = violations.collect();
            if !violations.is_empty() {
                details.set_precondition_failure(violations);
            }
        }
        _ => {}
    }
    details
}

/// Returns the first invalid fields, up to [`MAX_FIELDS_BYTES`].
fn violations(error: &Error) -> Vec<FieldViolation> {
    let mut left = MAX_FIELDS_BYTES;
    let shown = error.violations().iter().map_while(|violation| {
        let field = shortened(&violation.field, MAX_TEXT);
        let description = shortened(&violation.description, MAX_TEXT);
        left = left.checked_sub(field.len() + description.len())?;
        Some(FieldViolation::new(field, description))
    });
    shown.collect()
}

fn resource(kind: Kind) -> &'static str {
    match kind {
        Kind::RepositoryNotFound | Kind::RepositoryExists => "repository",
        Kind::RefNotFound => "ref",
        Kind::BranchExists => "branch",
        Kind::TagExists => "tag",
        Kind::TransactionNotFound | Kind::TransactionExists => "transaction",
        _ => "object",
    }
}

/// Sets the trailer by which gRPC clients delay their automatic retries.
fn pushback(status: &mut Status, after: Duration) {
    if let Ok(value) = MetadataValue::try_from(after.as_millis().to_string()) {
        status.metadata_mut().insert("grpc-retry-pushback-ms", value);
    }
}

fn shortened_for_header(text: &str, limit: usize) -> String {
    let cost = |c: char| if c.is_ascii_graphic() || c == ' ' { 1 } else { 3 * c.len_utf8() };
    let ends = text.char_indices().scan(0, |sum, (at, c)| {
        *sum += cost(c);
        Some((at, *sum))
    });
    match ends.into_iter().find(|(_, sum)| *sum > limit) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

fn shortened(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let end = (0..=limit).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_has_the_reason_the_fields_and_the_retry_delay() {
        let status = into_status(Error::field("path", "is empty"));
        let details = status.get_error_details();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(details.error_info().unwrap().reason, "INVALID_FIELD");
        assert_eq!(details.error_info().unwrap().domain, "lakeport.dev");
        assert_eq!(details.bad_request().unwrap().field_violations[0].field, "path");

        let status = into_status(Error::new(Kind::LakefsUnavailable, "unavailable"));
        assert_eq!(status.metadata().get("grpc-retry-pushback-ms").unwrap(), "1000");
        assert!(status.get_error_details().retry_info().is_some());
    }

    #[test]
    fn a_conflict_of_many_long_paths_stays_within_header_limits() {
        let paths = (0..10_000).map(|n| format!("{n}/{}", "é".repeat(500)));
        let status = into_status(Error::new(Kind::MergeConflict, "x".repeat(10_000)).about(paths));
        assert!(status.details().len() <= 4 << 10, "{} bytes of details", status.details().len());
        assert!(status.message().len() <= 1030);
        let details = status.get_error_details();
        assert_eq!(details.precondition_failure().unwrap().violations.len(), 10);
        assert_eq!(details.error_info().unwrap().metadata["subjects"], "10000");
    }

    #[test]
    fn many_invalid_fields_stay_within_header_limits() {
        let violation = |n| crate::error::FieldViolation { field: format!("tags[{n}]"), description: "x".repeat(300) };
        let status = into_status(Error::fields((0..1000).map(violation).collect()));
        assert!(status.details().len() <= 4 << 10, "{} bytes of details", status.details().len());
        let named = status.get_error_details().bad_request().unwrap().field_violations.len();
        assert!(named >= 5, "only {named} fields are in the details");
    }

    #[test]
    fn every_reason_is_in_the_contract() {
        use lakeport_proto::v1::ErrorReason;
        for number in 1.. {
            let Ok(reason) = ErrorReason::try_from(number) else {
                assert_eq!(number, 55, "the contract has gaps");
                break;
            };
            let name = reason.as_str_name().trim_start_matches("ERROR_REASON_");
            assert_eq!(Kind::of_reason(name).map(Kind::reason), Some(name));
        }
    }
}
