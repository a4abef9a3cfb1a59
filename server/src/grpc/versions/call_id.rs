//! The identity of a version call: its `request_id` and a fingerprint of the other fields.

use crate::grpc::convert::Fields;
use crate::grpc::token::fingerprint;
use crate::ops::versions::once::CallId;
use prost::{Message, Name};

/// Parses a `request_id`. `request` is the request without it.
pub(super) fn call_id<R: Message + Name>(fields: &mut Fields, request_id: String, request: &R) -> CallId {
    CallId { key: fields.optional("request_id", request_id), fingerprint: hex::encode(fingerprint(request)) }
}
