//! Responses with the bytes of an object, and their headers.

use super::no_presign;
use crate::api::Call;
use crate::api::reply::{self, Body, BodyError, Response};
use crate::blobs::BlobReader;
use crate::lake::Repository;
use crate::tree::Entry;
use crate::{Error, Result};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::header::{self, HeaderMap, HeaderValue};
use http::{HeaderName, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use std::ops::Range;
use std::time::{Duration, UNIX_EPOCH};

/// Bytes of an object that a `Range` header requests.
enum Ranged {
    All,
    Some(Range<u64>),
    /// The range starts at or after the end of the object. The response contains the size of the object.
    PastEnd,
    /// The header is not a range.
    Malformed,
    /// A suffix of an empty object.
    SuffixOfEmpty,
}

/// Parses a validated `Range` header as lakeFS does.
fn ranged(range: Option<&str>, size: u64) -> Ranged {
    let Some(spec) = range.and_then(|range| range.trim_end().strip_prefix("bytes=")) else { return Ranged::All };
    let Some((first, last)) = spec.split_once('-') else { return Ranged::Malformed };
    match (first, last) {
        ("", "") => Ranged::Malformed,
        ("", suffix) => match suffix.parse::<u64>() {
            Ok(0) => Ranged::PastEnd,
            Ok(_) if size == 0 => Ranged::SuffixOfEmpty,
            Ok(suffix) => Ranged::Some(size.saturating_sub(suffix)..size),
            Err(_) => Ranged::Malformed,
        },
        (first, last) => {
            let last = if last.is_empty() { Ok(u64::MAX) } else { last.parse::<i64>().map(i64::cast_unsigned) };
            match (first.parse::<u64>(), last) {
                (Ok(first), Ok(last)) if first > last => Ranged::Malformed,
                (Ok(first), Ok(_)) if first >= size => Ranged::PastEnd,
                (Ok(first), Ok(last)) => Ranged::Some(first..last.saturating_add(1).min(size)),
                _ => Ranged::Malformed,
            }
        }
    }
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
        headers.insert(name, value);
    }
}

/// Sets the headers that every GET and HEAD response for an object has.
fn object_headers(headers: &mut HeaderMap, entry: &Entry) {
    let modified = UNIX_EPOCH + Duration::from_secs(entry.mtime.try_into().unwrap_or_default());
    set(headers, header::ETAG, &format!("\"{}\"", entry.checksum));
    set(headers, header::LAST_MODIFIED, &httpdate::fmt_http_date(modified));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store, must-revalidate"));
}

fn disposition(entry: &Entry) -> HeaderValue {
    let is_plain = entry.content_type == "text/plain";
    HeaderValue::from_static(if is_plain { "inline" } else { "attachment" })
}

pub(super) async fn get(call: &Call) -> Result<Response> {
    let repository = call.repository().await?;
    let entry = call.lake.object(&repository, call.segment("ref")?, call.query.bytes("path")).await?;
    if call.query.flag("presign") {
        return Err(no_presign());
    }
    if call.header("if-none-match").is_some_and(|etag| etag == format!("\"{}\"", entry.checksum)) {
        return Ok(reply::empty(StatusCode::NOT_MODIFIED));
    }
    let mut response = match content(call, &repository, &entry).await {
        Ok(response) => response,
        Err(error) => reply::refusal(&error),
    };
    object_headers(response.headers_mut(), &entry);
    response.headers_mut().insert(header::CONTENT_DISPOSITION, disposition(&entry));
    Ok(response)
}

async fn content(call: &Call, repository: &Repository, entry: &Entry) -> Result<Response> {
    let size = u64::try_from(entry.size).unwrap_or_default();
    let not_satisfiable = || Error::refused(StatusCode::RANGE_NOT_SATISFIABLE, "Requested Range Not Satisfiable");
    let (status, bytes) = match ranged(call.header("range").as_deref(), size) {
        Ranged::All => (StatusCode::OK, 0..size),
        Ranged::Some(bytes) => (StatusCode::PARTIAL_CONTENT, bytes),
        Ranged::Malformed => return Err(not_satisfiable()),
        Ranged::SuffixOfEmpty => return Err(Error::refused(StatusCode::INTERNAL_SERVER_ERROR, "bad index")),
        Ranged::PastEnd => {
            let mut response = reply::refusal(&not_satisfiable());
            set(response.headers_mut(), header::CONTENT_RANGE, &format!("bytes */{size}"));
            return Ok(response);
        }
    };
    let length = bytes.end - bytes.start;
    let (first, rest) = call.lake.bytes(repository, entry, bytes.clone()).await?;
    let mut response = http::Response::new(match first.len() as u64 == length {
        true => reply::full(first),
        false => streamed(first, rest),
    });
    *response.status_mut() = status;
    let headers = response.headers_mut();
    set(headers, header::CONTENT_TYPE, &entry.content_type);
    set(headers, header::CONTENT_LENGTH, &length.to_string());
    if status == StatusCode::PARTIAL_CONTENT {
        set(headers, header::CONTENT_RANGE, &format!("bytes {}-{}/{size}", bytes.start, bytes.end - 1));
    }
    Ok(response)
}

/// Returns a body that sends the first piece, and then the rest as it is read. If a block is damaged, the body ends with an
/// error before it sends bytes of the block.
fn streamed(first: Bytes, rest: BlobReader) -> Body {
    let rest = stream::try_unfold(rest, BlobReader::next);
    let rest = rest.or_else(async |error| {
        tracing::error!(%error, "the embedded lake failed during a response");
        // hyper drops what it has not sent yet. While the body waits, hyper sends at least the headers.
        tokio::task::yield_now().await;
        Err(error)
    });
    let pieces = stream::iter([Ok(first)]).chain(rest);
    let frames = pieces.map_ok(Frame::data).map_err(|error| Box::new(error) as BodyError);
    StreamBody::new(frames).boxed_unsync()
}

pub(super) async fn head(call: &Call) -> Result<Response> {
    let repository = call.repository().await?;
    let entry = call.lake.object(&repository, call.segment("ref")?, call.query.bytes("path")).await?;
    let size = u64::try_from(entry.size).unwrap_or_default();
    let (status, range) = match ranged(call.header("range").as_deref(), size) {
        Ranged::All => (StatusCode::OK, None),
        Ranged::Some(bytes) => {
            let range = format!("bytes {}-{}/{size}", bytes.start, bytes.end - 1);
            (StatusCode::PARTIAL_CONTENT, Some((range, bytes.end - bytes.start)))
        }
        Ranged::SuffixOfEmpty => (StatusCode::PARTIAL_CONTENT, Some(("bytes 0--1/0".into(), 0))),
        Ranged::PastEnd | Ranged::Malformed => (StatusCode::RANGE_NOT_SATISFIABLE, None),
    };
    let mut response = reply::empty(status);
    let headers = response.headers_mut();
    object_headers(headers, &entry);
    set(headers, header::CONTENT_TYPE, &entry.content_type);
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    let length = match range {
        Some((range, length)) => {
            set(headers, header::CONTENT_RANGE, &range);
            length
        }
        None => size,
    };
    if status.is_success() {
        set(headers, header::CONTENT_LENGTH, &length.to_string());
    }
    Ok(response)
}
