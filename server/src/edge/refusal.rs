//! Converts errors of tonic to errors of lakeport. tonic rejects some requests before a handler runs, with a status
//! without an error reason.

use crate::error::{Error, Kind};
use tonic::{Code, Status};

/// Converts a status of tonic; `None` if it already has a reason.
pub(super) fn of(path: &str, status: &Status) -> Option<Error> {
    let text = status.message();
    match status.code() {
        _ if !status.details().is_empty() => None,
        Code::Unimplemented if text.is_empty() => {
            Some(Error::new(Kind::Unsupported, format!("the contract has no method {path}")))
        }
        Code::Unimplemented => Some(Error::new(Kind::Unsupported, text)),
        // The message is too large, or does not decode.
        Code::OutOfRange | Code::Internal | Code::InvalidArgument => Some(Error::field("message", text)),
        _ => None,
    }
}
