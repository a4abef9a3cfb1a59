//! Statuses that the edge itself sends or reads.

use crate::error::{Error, Kind};
use crate::grpc::into_status;
use http::HeaderMap;
use tonic::{Code, Status};

/// Returns the trailers of a failed response.
pub(super) fn trailers(error: Error) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    // Fails only for metadata that is not a valid header. The server sets no such metadata.
    let _ = into_status(error).add_header(&mut trailers);
    trailers
}

/// Returns the status code in headers or trailers; `Unknown` if it is missing.
pub(super) fn of_headers(headers: &HeaderMap) -> Code {
    Status::from_header_map(headers).map_or(Code::Unknown, |status| status.code())
}

/// Returns the status code for an error with which the edge ends a call.
pub(super) fn code(kind: Kind) -> Code {
    match kind {
        Kind::DeadlineExceeded => Code::DeadlineExceeded,
        Kind::InvalidField => Code::InvalidArgument,
        _ => Code::Unavailable,
    }
}

/// Logs a panic in a handler or a response body, and returns the error for the client.
pub(super) fn panicked() -> Error {
    tracing::error!("a call panicked");
    Error::new(Kind::Internal, "a bug in lakeport: the server logged it; the call may have taken effect")
}
