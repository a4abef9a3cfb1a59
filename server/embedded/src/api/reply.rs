//! Responses.

use crate::lake::{Commit, Lake, Listed, Page, Repository};
use crate::tree::{Change, ChangeKind, Entry};
use crate::{Error, Result};
use bytes::Bytes;
use http::StatusCode;
use http::header::{self, HeaderValue};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Error of a response body that occurs while it is sent.
pub(crate) type BodyError = Box<dyn std::error::Error + Send + Sync>;
pub(crate) type Body = UnsyncBoxBody<Bytes, BodyError>;
pub(crate) type Response = http::Response<Body>;

pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

pub(super) fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status;
    response
}

pub(super) fn with_type(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(full(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

pub(super) fn json(status: StatusCode, value: &Value) -> Response {
    with_type(status, "application/json", format!("{value}\n"))
}

pub(super) fn ok(value: &Value) -> Response {
    json(StatusCode::OK, value)
}

pub(super) fn text(status: StatusCode, text: String) -> Response {
    with_type(status, "text/plain; charset=utf-8", text)
}

/// Returns the response for an error. Internal errors are logged, and their details are not sent to the client.
pub(crate) fn refusal(error: &Error) -> Response {
    let status = error.status();
    match error {
        Error::Unbound(message) => text(status, format!("{message}\n")),
        Error::MergeConflict => json(status, &json!({ "reference": "" })),
        Error::Refused { message, .. } if message.is_empty() => empty(status),
        Error::Refused { .. } | Error::UnknownEndpoint => json(status, &message(error)),
        Error::Damaged(_) | Error::Full(_) => {
            tracing::error!(%error, "the embedded lake failed");
            json(status, &message(error))
        }
        Error::Open(_) | Error::BackupRunning | Error::NotEmpty(_) | Error::Database(_) | Error::File(_) => {
            tracing::error!(%error, "the embedded lake failed");
            json(status, &json!({ "message": "internal server error" }))
        }
    }
}

pub(super) fn message(error: &Error) -> Value {
    json!({ "message": error.to_string() })
}

/// Returns a response to a HEAD request: only the headers.
pub(super) fn without_body(response: Response) -> Response {
    response.map(|_| Empty::new().map_err(|never| match never {}).boxed_unsync())
}

/// Responds to paths outside the API: the health probe, and a page in place of lakeFS's web UI.
pub(super) fn outside_the_api(path: &str, lake: &Lake) -> Response {
    if path == "/_health" {
        return text(StatusCode::OK, format!("alive! {}", lake.installation()));
    }
    let page = "<!doctype html><title>lakeport</title><p>This is the embedded lake of lakeport, a lakeFS-compatible \
                server without a web interface. The API is under /api/v1.\n";
    with_type(StatusCode::OK, "text/html; charset=utf-8", page)
}

/// Returns a key as text for JSON. Each byte that is not part of valid UTF-8 becomes U+FFFD, as in Go.
pub(super) fn key_text(key: &[u8]) -> String {
    let mut text = String::with_capacity(key.len());
    for chunk in key.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    text
}

pub(super) fn repository(repository: &Repository) -> Value {
    json!({
        "creation_date": repository.creation_date,
        "default_branch": repository.default_branch,
        "id": repository.id,
        "read_only": repository.read_only,
        "storage_id": "",
        "storage_namespace": repository.storage_namespace,
    })
}

pub(super) fn commit(commit: &Commit) -> Value {
    json!({
        "committer": commit.committer,
        "creation_date": commit.creation_date,
        "generation": commit.generation,
        "id": commit.id,
        "message": commit.message,
        "meta_range_id": commit.tree.as_str(),
        "metadata": commit.metadata,
        "parents": commit.parents,
        "version": 1,
    })
}

/// Returns the JSON of an object. If `metadata` is `None`, the field is omitted.
pub(super) fn object(path: &[u8], entry: &Entry, metadata: Option<&BTreeMap<String, String>>) -> Value {
    let mut value = json!({
        "checksum": entry.checksum,
        "content_type": entry.content_type,
        "mtime": entry.mtime,
        "path": key_text(path),
        "path_type": "object",
        "physical_address": entry.address,
        "size_bytes": entry.size,
    });
    if let Some(metadata) = metadata {
        value["metadata"] = json!(metadata);
    }
    value
}

pub(super) fn change(listed: &Listed<Change>, with_right: bool) -> Value {
    let (key, change) = match listed {
        Listed::Prefix(prefix) => {
            return json!({ "path": key_text(prefix), "path_type": "common_prefix", "type": "prefix_changed" });
        }
        Listed::Item(key, change) => (key, change),
    };
    let kind = match change.kind() {
        ChangeKind::Added => "added",
        ChangeKind::Removed => "removed",
        ChangeKind::Changed => "changed",
        ChangeKind::Conflict => "conflict",
    };
    let size = change.right.as_ref().or(change.left.as_ref()).map_or(0, |entry| entry.size);
    let mut value = json!({ "path": key_text(key), "path_type": "object", "size_bytes": size, "type": kind });
    if let Some(right) = change.right.as_ref().filter(|_| with_right) {
        value["right"] = json!({
            "checksum": right.checksum,
            "content_type": right.content_type,
            "metadata": right.metadata,
            "mtime": right.mtime,
        });
    }
    value
}

/// Returns the response for a page of a listing. `show` converts each result to JSON.
pub(super) fn page<T>(page: &Page<T>, show: impl Fn(&T) -> Value) -> Result<Response> {
    let results: Vec<Value> = page.results.iter().map(show).collect();
    let next = page.next.as_deref().map(key_text);
    Ok(list(&results, next))
}

pub(super) fn list(results: &[Value], next: Option<String>) -> Response {
    ok(&json!({
        "pagination": {
            "has_more": next.is_some(),
            "max_per_page": 1000,
            "next_offset": next.unwrap_or_default(),
            "results": results.len(),
        },
        "results": results,
    }))
}
