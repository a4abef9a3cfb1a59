//! Uploads. The request body is the object itself, or a multipart form that contains it.

use crate::api::reply::{self, Response};
use crate::api::{Call, RequestBody, body};
use crate::blobs::NewBlob;
use crate::lake::Upload;
use crate::{Error, Result};
use http::StatusCode;
use http::header::{self, HeaderMap};
use http_body_util::BodyExt;
use std::collections::BTreeMap;

/// Returns whether the conditional headers make an upload create-only. Other conditions are not implemented.
pub(super) fn create_only(call: &Call) -> Result<bool> {
    let if_none_match = call.header("if-none-match");
    if call.header("if-match").is_some() || if_none_match.as_deref().is_some_and(|value| value != "*") {
        return Err(Error::not_implemented());
    }
    Ok(if_none_match.is_some())
}

pub(super) async fn upload(call: &Call, body: Option<RequestBody>) -> Result<Response> {
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
    let body = body.ok_or_else(body::incomplete)?;
    let blob = match content_type.as_deref().map(media_type).transpose()? {
        Some("multipart/form-data") => {
            let mut bytes = call.lake.write_bytes().await?;
            upload.content_type = read_form(&content_type.unwrap_or_default(), body, &mut bytes).await?;
            bytes.finish().await?
        }
        _ => receive(call, body).await?,
    };
    let path = upload.path.clone();
    let entry = call.lake.put_object(&repository, branch, upload, blob).await?;
    Ok(reply::json(StatusCode::CREATED, &reply::object(&path, &entry, Some(&entry.metadata))))
}

async fn receive(call: &Call, mut body: RequestBody) -> Result<NewBlob> {
    let mut bytes = call.lake.write_bytes().await?;
    while let Some(piece) = body.next().await? {
        bytes.write(&piece).await?;
    }
    bytes.finish().await
}

/// Returns the media type without its parameters. Fails for the types that Go's `mime` package rejects.
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

/// Reads the part `content` of a multipart form into a blob, and returns its content type.
async fn read_form(content_type: &str, body: RequestBody, bytes: &mut crate::blobs::BlobWriter) -> Result<String> {
    let missing = |what: &str| {
        let message = format!("multipart upload missing key 'content': {what}");
        Error::refused(StatusCode::INTERNAL_SERVER_ERROR, message)
    };
    let boundary = multer::parse_boundary(content_type).map_err(|_| {
        Error::refused(StatusCode::INTERNAL_SERVER_ERROR, "no multipart boundary param in Content-Type")
    })?;
    let mut form = multer::Multipart::new(body.into_data_stream(), boundary);
    let no_part = || Error::refused(StatusCode::INTERNAL_SERVER_ERROR, "multipart: NextPart: EOF");
    let incomplete = |_| Error::invalid("unexpected EOF\nfailed to write to storage");
    let mut parts = 0;
    while let Some(mut part) = form.next_field().await.map_err(|_| no_part())? {
        parts += 1;
        if part.name() != Some("content") {
            continue;
        }
        let content_type = part.headers().get(header::CONTENT_TYPE).map(|value| value.as_bytes().to_vec());
        while let Some(piece) = part.chunk().await.map_err(incomplete)? {
            bytes.write(&piece).await?;
        }
        return Ok(String::from_utf8_lossy(&content_type.unwrap_or_default()).into_owned());
    }
    Err(if parts == 0 { no_part() } else { missing("http: no such file") })
}

/// Returns the user metadata from the `x-lakefs-meta-` and `x-lakefs-internal-` headers: lower-case keys, first value of each.
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
