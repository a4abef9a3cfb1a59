//! Objects.

use super::reply::{self, BodyError, Response};
use super::route::Operation;
use super::{Call, body};
use crate::lake::{LinkRequest, Listed, Repository, Upload};
use crate::tree::Entry;
use crate::{Error, Result};
use futures_util::TryStreamExt;
use http::header::{self, HeaderMap, HeaderValue};
use http::{HeaderName, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::SeekFrom;
use std::ops::Range;
use std::time::{Duration, UNIX_EPOCH};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

/// Bytes read from a file at once.
const READ_PIECE: usize = 256 << 10;

pub(super) async fn run(call: &Call, body: Option<Incoming>) -> Result<Response> {
    match call.route.operation {
        Operation::GetObject => get(call).await,
        Operation::HeadObject => head(call).await,
        Operation::StatObject => stat(call).await,
        Operation::ListObjects => list(call).await,
        Operation::UploadObject => upload(call, body).await,
        Operation::CopyObject => copy(call).await,
        Operation::DeleteObject => {
            let repository = call.repository().await?;
            let (branch, force) = (call.segment("branch")?, call.query.flag("force"));
            call.lake.delete_object(&repository, branch, call.query.bytes("path"), force).await?;
            Ok(reply::empty(StatusCode::NO_CONTENT))
        }
        Operation::DeleteObjects => delete_many(call).await,
        Operation::UpdateUserMetadata => set_metadata(call).await,
        Operation::GetPhysicalAddress => {
            let address = call.lake.new_address(&call.repository().await?);
            if call.query.flag("presign") {
                return Err(no_presign().with_status(StatusCode::BAD_REQUEST, StatusCode::INTERNAL_SERVER_ERROR));
            }
            Ok(reply::ok(&json!({ "physical_address": address, "presigned_url": null })))
        }
        Operation::LinkPhysicalAddress => link(call).await,
        Operation::PresignMultipart => {
            let message = "presign multipart upload API is not supported";
            Err(Error::refused(StatusCode::NOT_IMPLEMENTED, message))
        }
        Operation::StageAllowed => {
            call.repository().await?;
            Ok(reply::empty(StatusCode::NO_CONTENT))
        }
        Operation::UnderlyingProperties => {
            call.lake.object(&call.repository().await?, call.segment("ref")?, call.query.bytes("path")).await?;
            Ok(reply::ok(&json!({ "storage_class": null })))
        }
        _ => Err(Error::UnknownEndpoint),
    }
}

fn no_presign() -> Error {
    Error::invalid("local adapter presigned URL: operation not supported")
}

/// Bytes of an object that a `Range` header asks for.
enum Ranged {
    All,
    Some(Range<u64>),
    /// Behind the end, which the answer names.
    Behind,
    /// No range at all.
    Malformed,
    /// A suffix of an empty object.
    SuffixOfNothing,
}

/// Reads a `Range` header, which has passed validation, as lakeFS does.
fn ranged(range: Option<&str>, size: u64) -> Ranged {
    let Some(spec) = range.and_then(|range| range.trim_end().strip_prefix("bytes=")) else { return Ranged::All };
    let Some((first, last)) = spec.split_once('-') else { return Ranged::Malformed };
    match (first, last) {
        ("", "") => Ranged::Malformed,
        ("", suffix) => match suffix.parse::<u64>() {
            Ok(0) => Ranged::Behind,
            Ok(_) if size == 0 => Ranged::SuffixOfNothing,
            Ok(suffix) => Ranged::Some(size.saturating_sub(suffix)..size),
            Err(_) => Ranged::Malformed,
        },
        (first, last) => {
            let last = if last.is_empty() { Ok(u64::MAX) } else { last.parse::<i64>().map(i64::cast_unsigned) };
            match (first.parse::<u64>(), last) {
                (Ok(first), Ok(last)) if first > last => Ranged::Malformed,
                (Ok(first), Ok(_)) if first >= size => Ranged::Behind,
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

/// The headers that every answer about an object's bytes has.
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

async fn get(call: &Call) -> Result<Response> {
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
        Ranged::SuffixOfNothing => return Err(Error::refused(StatusCode::INTERNAL_SERVER_ERROR, "bad index")),
        Ranged::Behind => {
            let mut response = reply::refusal(&not_satisfiable());
            set(response.headers_mut(), header::CONTENT_RANGE, &format!("bytes */{size}"));
            return Ok(response);
        }
    };
    let mut file = call.lake.bytes(repository, entry).await?;
    let length = bytes.end - bytes.start;
    if bytes.start > 0 {
        file.seek(SeekFrom::Start(bytes.start)).await?;
    }
    let pieces = ReaderStream::with_capacity(file.take(length), READ_PIECE);
    let frames = pieces.map_ok(Frame::data).map_err(|error| Box::new(error) as BodyError);
    let mut response = http::Response::new(StreamBody::new(frames).boxed_unsync());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    set(headers, header::CONTENT_TYPE, &entry.content_type);
    set(headers, header::CONTENT_LENGTH, &length.to_string());
    if status == StatusCode::PARTIAL_CONTENT {
        set(headers, header::CONTENT_RANGE, &format!("bytes {}-{}/{size}", bytes.start, bytes.end - 1));
    }
    Ok(response)
}

async fn head(call: &Call) -> Result<Response> {
    let repository = call.repository().await?;
    let entry = call.lake.object(&repository, call.segment("ref")?, call.query.bytes("path")).await?;
    let size = u64::try_from(entry.size).unwrap_or_default();
    let (status, range) = match ranged(call.header("range").as_deref(), size) {
        Ranged::All => (StatusCode::OK, None),
        Ranged::Some(bytes) => {
            let range = format!("bytes {}-{}/{size}", bytes.start, bytes.end - 1);
            (StatusCode::PARTIAL_CONTENT, Some((range, bytes.end - bytes.start)))
        }
        Ranged::SuffixOfNothing => (StatusCode::PARTIAL_CONTENT, Some(("bytes 0--1/0".into(), 0))),
        Ranged::Behind | Ranged::Malformed => (StatusCode::RANGE_NOT_SATISFIABLE, None),
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

/// Whether the caller wants user metadata: yes unless it says no.
fn with_metadata(call: &Call) -> bool {
    call.query.bytes("user_metadata").is_empty() || call.query.flag("user_metadata")
}

async fn stat(call: &Call) -> Result<Response> {
    let path = call.query.bytes("path");
    let entry = call.lake.object(&call.repository().await?, call.segment("ref")?, path).await?;
    if call.query.flag("presign") {
        return Err(no_presign());
    }
    let none = BTreeMap::new();
    let metadata = if with_metadata(call) { &entry.metadata } else { &none };
    Ok(reply::ok(&reply::object(path, &entry, Some(metadata))))
}

async fn list(call: &Call) -> Result<Response> {
    let page = call.lake.list_objects(&call.repository().await?, call.segment("ref")?, &call.page()).await?;
    if call.query.flag("presign") && !page.results.is_empty() {
        return Err(no_presign());
    }
    let with_metadata = with_metadata(call);
    reply::page(&page, |listed| match listed {
        Listed::Item(path, entry) => {
            let metadata = Some(&entry.metadata).filter(|metadata| with_metadata && !metadata.is_empty());
            let mut object = reply::object(path, entry, metadata);
            if entry.content_type.is_empty() {
                object["content_type"] = json!("application/octet-stream");
            }
            object
        }
        Listed::Prefix(prefix) => json!({
            "checksum": "",
            "mtime": 0,
            "path": reply::key_text(prefix),
            "path_type": "common_prefix",
            "physical_address": "",
        }),
    })
}

/// What the conditional headers of an upload ask for.
fn create_only(call: &Call) -> Result<bool> {
    let if_none_match = call.header("if-none-match");
    if call.header("if-match").is_some() || if_none_match.as_deref().is_some_and(|value| value != "*") {
        return Err(Error::not_implemented());
    }
    Ok(if_none_match.is_some())
}

async fn upload(call: &Call, body: Option<Incoming>) -> Result<Response> {
    let repository = call.repository().await?;
    let content_type = call.header("content-type");
    let branch = call.segment("branch")?;
    let mut upload = Upload {
        path: call.query.bytes("path").to_vec(),
        content_type: content_type.clone().unwrap_or_else(|| "application/octet-stream".into()),
        metadata: user_metadata(&call.parts.headers),
        create_only: false,
        force: call.query.flag("force"),
    };
    call.lake.check_upload(&repository, branch, &upload).await?;
    upload.create_only = create_only(call)?;
    call.lake.check_upload(&repository, branch, &upload).await?;
    let mut body = body.ok_or_else(body::cut)?;
    let mut bytes = call.lake.write_bytes().await?;
    match content_type.as_deref().map(media_type).transpose()? {
        Some("multipart/form-data") => {
            upload.content_type = read_form(&content_type.unwrap_or_default(), body, &mut bytes).await?;
        }
        _ => {
            while let Some(piece) = body::next(&mut body).await? {
                bytes.write(&piece).await?;
            }
        }
    }
    let blob = bytes.finish().await?;
    let path = upload.path.clone();
    let entry = call.lake.put_object(&repository, branch, upload, blob).await?;
    Ok(reply::json(StatusCode::CREATED, &reply::object(&path, &entry, Some(&entry.metadata))))
}

/// The type before the parameters, refused where Go's `mime` refuses it.
fn media_type(content_type: &str) -> Result<&str> {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    let refuse = |what: &str| Error::refused(StatusCode::INTERNAL_SERVER_ERROR, format!("mime: {what}"));
    if media_type.is_empty() {
        return Err(refuse("no media type"));
    }
    let is_token = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&b))
    };
    match media_type.split_once('/') {
        None if is_token(media_type) => Ok(media_type),
        None => Err(refuse("expected slash after first token")),
        Some((kind, _)) if !is_token(kind) => Err(refuse("no media type")),
        Some((_, subtype)) if subtype.is_empty() || !is_token(subtype.split(' ').next().unwrap_or_default()) => {
            Err(refuse("expected token after slash"))
        }
        Some((_, subtype)) if !is_token(subtype) => Err(refuse("unexpected content after media subtype")),
        Some(_) => Ok(media_type),
    }
}

/// Reads the part `content` of a form into a blob and says its type.
async fn read_form(content_type: &str, body: Incoming, bytes: &mut crate::blobs::BlobWriter) -> Result<String> {
    let missing = |what: &str| {
        let message = format!("multipart upload missing key 'content': {what}");
        Error::refused(StatusCode::INTERNAL_SERVER_ERROR, message)
    };
    let boundary = multer::parse_boundary(content_type).map_err(|_| {
        Error::refused(StatusCode::INTERNAL_SERVER_ERROR, "no multipart boundary param in Content-Type")
    })?;
    let mut form = multer::Multipart::new(body.into_data_stream(), boundary);
    let no_part = || Error::refused(StatusCode::INTERNAL_SERVER_ERROR, "multipart: NextPart: EOF");
    let torn = |_| Error::invalid("unexpected EOF\nfailed to write to storage");
    let mut parts = 0;
    while let Some(mut part) = form.next_field().await.map_err(|_| no_part())? {
        parts += 1;
        if part.name() != Some("content") {
            continue;
        }
        let content_type = part.headers().get(header::CONTENT_TYPE).map(|value| value.as_bytes().to_vec());
        while let Some(piece) = part.chunk().await.map_err(torn)? {
            bytes.write(&piece).await?;
        }
        return Ok(String::from_utf8_lossy(&content_type.unwrap_or_default()).into_owned());
    }
    Err(if parts == 0 { no_part() } else { missing("http: no such file") })
}

/// `x-lakefs-meta-` and `x-lakefs-internal-` headers: lower-case keys, first value of each.
fn user_metadata(headers: &HeaderMap) -> BTreeMap<String, String> {
    let keys = headers.keys().filter_map(|name| {
        let key = match name.as_str().strip_prefix("x-lakefs-meta-") {
            Some(key) => key.to_owned(),
            None => format!("::lakefs::{}", name.as_str().strip_prefix("x-lakefs-internal-")?),
        };
        Some((key, String::from_utf8_lossy(headers.get(name)?.as_bytes()).into_owned()))
    });
    keys.collect()
}

async fn copy(call: &Call) -> Result<Response> {
    let repository = call.repository().await?;
    if call.flag("shallow") {
        return Err(Error::not_implemented());
    }
    let destination = call.query.bytes("dest_path").to_vec();
    let (source_ref, source) = (call.text("src_ref"), call.text("src_path"));
    let entry = call
        .lake
        .copy_object(
            &repository,
            call.segment("branch")?,
            destination.clone(),
            (&source_ref, source.as_bytes()),
            call.flag("force"),
        )
        .await?;
    Ok(reply::json(StatusCode::CREATED, &reply::object(&destination, &entry, Some(&entry.metadata))))
}

/// lakeFS's batch deletion hides more than it says; the traps are part of what clients have to live with.
async fn delete_many(call: &Call) -> Result<Response> {
    const MAX_PATHS: usize = 1000;
    let paths: Vec<Vec<u8>> = call.texts("paths").into_iter().map(String::into_bytes).collect();
    if paths.len() > MAX_PATHS {
        let message = format!("request size exceeded, max paths is set to {MAX_PATHS}");
        return Err(Error::refused(StatusCode::BAD_REQUEST, message));
    }
    let nothing = || Ok(reply::ok(&json!({ "errors": [] })));
    if paths.iter().any(Vec::is_empty) {
        return nothing();
    }
    let deleted = match call.repository().await {
        Ok(repository) => {
            let (branch, force) = (call.segment("branch")?, call.query.flag("force"));
            call.lake.delete_objects(&repository, branch, &paths, force).await
        }
        Err(error) => Err(error),
    };
    let error = match deleted {
        Ok(()) => return nothing(),
        Err(error) if error.status() == StatusCode::NOT_FOUND => return nothing(),
        Err(error @ Error::Refused { .. }) => error,
        Err(error) => return Err(error),
    };
    let status = if error.status() == StatusCode::FORBIDDEN { 403 } else { 500 };
    let errors: Vec<Value> = paths
        .iter()
        .map(|path| json!({ "message": error.to_string(), "path": reply::key_text(path), "status_code": status }))
        .collect();
    Ok(reply::ok(&json!({ "errors": errors })))
}

async fn set_metadata(call: &Call) -> Result<Response> {
    let repository = match call.repository().await {
        Err(error) if error.status() == StatusCode::NOT_FOUND => return Ok(reply::empty(StatusCode::NO_CONTENT)),
        found => found?,
    };
    let path = call.query.bytes("path");
    call.lake.set_metadata(&repository, call.segment("branch")?, path, call.map("set")).await?;
    Ok(reply::empty(StatusCode::NO_CONTENT))
}

async fn link(call: &Call) -> Result<Response> {
    let repository = call.repository().await?;
    let create_only = create_only(call)?;
    let path = call.query.bytes("path").to_vec();
    let upload = Upload {
        path: path.clone(),
        content_type: call.text("content_type"),
        metadata: call.map("user_metadata"),
        create_only,
        force: call.flag("force"),
    };
    let staging = call.json.get("staging").unwrap_or(&Value::Null);
    let link = LinkRequest {
        upload,
        address: super::operations::text_in(staging, "physical_address"),
        checksum: call.text("checksum"),
        size: call.json.get("size_bytes").and_then(Value::as_i64).unwrap_or_default(),
        mtime: call.json.get("mtime").and_then(Value::as_i64),
    };
    let entry = call.lake.link_object(&repository, call.segment("branch")?, link).await?;
    Ok(reply::ok(&reply::object(&path, &entry, Some(&entry.metadata))))
}
