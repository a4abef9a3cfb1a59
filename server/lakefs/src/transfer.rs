//! The bytes of objects.

use crate::Lakefs;
use crate::error::{BoxError, Effect, Error, Kind, Result, Retry};
use crate::model::ObjectStats;
use crate::request::{collect, refusal};
use crate::stall::{Moving, progress};
use crate::url::Target;
use http::header::{
    CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH,
    LAST_MODIFIED, RANGE,
};
use http::{Method, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use lakeport_types::{BranchName, ObjectPath, Ref, RepositoryId};
use std::collections::BTreeMap;
use std::time::SystemTime;

pub use bytes::Bytes;

/// The bytes of an upload. An error of its ends the upload, and nothing becomes visible.
pub type UploadBody = http_body_util::combinators::UnsyncBoxBody<Bytes, BoxError>;

/// What the head of a download says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectHead {
    /// Bytes of the whole object.
    pub size: u64,
    /// Without quotes.
    pub etag: String,
    /// MIME type.
    pub content_type: String,
    /// When it was written, to the second.
    pub modified: Option<SystemTime>,
    /// Offset of the first byte that comes.
    pub start: u64,
    /// How many bytes come.
    pub length: u64,
}

/// A download that has begun.
pub struct Download {
    /// What its head says.
    pub head: ObjectHead,
    /// The pieces as they come. Ends with an error where they stop short or stand still.
    pub body: Moving<Incoming>,
}

impl std::fmt::Debug for Download {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Download").field("head", &self.head).finish_non_exhaustive()
    }
}

/// An object to upload.
#[derive(Debug, Clone, Default)]
pub struct NewObject {
    /// MIME type; empty for lakeFS's default, `application/octet-stream`.
    pub content_type: String,
    /// User metadata. lakeFS lowers the case of keys.
    pub metadata: BTreeMap<String, String>,
    /// Bytes, if known.
    pub size: Option<u64>,
    /// Only where nothing is.
    pub create_only: bool,
}

impl Lakefs {
    /// Begins to read the bytes `start..end` of an object; no end reads to its end. An object without bytes has no ranges:
    /// read it whole.
    ///
    /// # Errors
    /// `NotFound` for the object and for the ref alike, `RepositoryNotFound`, `RangeNotSatisfiable`, `BytesGone`; `Nonsense` when
    /// a range was asked for and something else comes.
    pub async fn download(
        &self,
        repository: &RepositoryId,
        reference: &Ref,
        path: &ObjectPath,
        range: Option<(u64, Option<u64>)>,
    ) -> Result<Download> {
        let header = range.map(|(start, end)| match end {
            Some(end) => format!("bytes={start}-{}", end.saturating_sub(1)),
            None => format!("bytes={start}-"),
        });
        self.download_range(repository, reference, path, header, range.map(|(start, _)| start)).await
    }

    /// Begins to read the last `suffix` bytes of an object, or all of it if it has fewer.
    ///
    /// # Errors
    /// As [`download`](Self::download).
    pub async fn download_last(
        &self,
        repository: &RepositoryId,
        reference: &Ref,
        path: &ObjectPath,
        suffix: u64,
    ) -> Result<Download> {
        self.download_range(repository, reference, path, Some(format!("bytes=-{suffix}")), None).await
    }

    async fn download_range(
        &self,
        repository: &RepositoryId,
        reference: &Ref,
        path: &ObjectPath,
        range: Option<String>,
        start: Option<u64>,
    ) -> Result<Download> {
        let target = Target::of_ref(repository, reference).word("objects").query("path", path.as_str());
        let mut headers = HeaderMap::new();
        let is_ranged = range.is_some();
        if let Some(range) = range.and_then(|range| range.parse().ok()) {
            headers.insert(RANGE, range);
        }
        let nothing = Empty::new().map_err(|never| match never {}).boxed_unsync();
        let send = self.send(Method::GET, &target, headers, nothing, Effect::Read);
        let limit = self.inner.timeouts.answer;
        let response = tokio::time::timeout(limit, send).await.map_err(|_| Error::timeout(Effect::Read, limit))??;
        let expected = if is_ranged { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
        if response.status() != expected {
            return Err(match response.status() {
                status if status.is_success() => {
                    Error::nonsense(Effect::Read, format!("lakeFS answered {status} where {expected} is due"))
                }
                _ => refusal(Effect::Read, response).await,
            });
        }
        let head = head(response.headers(), is_ranged)
            .filter(|head| start.is_none_or(|start| start == head.start))
            .ok_or_else(|| Error::nonsense(Effect::Read, "lakeFS sent bytes and did not say which"))?;
        Ok(Download { head, body: Moving::new(response.into_body(), self.inner.timeouts.stall) })
    }

    /// Uploads an object, as its bytes come. Sent once. When it returns, the object is staged on the branch.
    ///
    /// # Errors
    /// `BodyFailed` when the body did; `ObjectExists` for a create-only write, which may be this very one; `BranchNotFound`,
    /// `BranchProtected`, `RepositoryReadOnly`, `RepositoryNotFound`; with `Retry::Look` it may stand.
    pub async fn upload(
        &self,
        repository: &RepositoryId,
        branch: &BranchName,
        path: &ObjectPath,
        object: &NewObject,
        body: UploadBody,
    ) -> Result<ObjectStats> {
        let target = Target::branch(repository, branch).word("objects").query("path", path.as_str());
        let headers = upload_headers(object)?;
        let limit = self.inner.timeouts.merge;
        let (progress, watch) = progress();
        let body = Moving::new(body, self.inner.timeouts.stall).map_frame(move |frame| {
            progress.note();
            frame
        });
        let exchange = async {
            let body = body.boxed_unsync();
            let response = self.send(Method::POST, &target, headers, body, Effect::Write).await.map_err(body_failed)?;
            if response.status() != StatusCode::CREATED {
                return Err(refusal(Effect::Write, response).await);
            }
            collect(response.into_body()).await.map_err(|error| Error::transport(Effect::Write, true, error))
        };
        // lakeFS may stop to read, or take all and never answer.
        let answer = tokio::select! {
            answer = exchange => answer?,
            () = watch.stood_still(limit) => return Err(Error::timeout(Effect::Write, limit)),
        };
        serde_json::from_slice(&answer).map_err(|error| {
            Error::nonsense(Effect::Write, "lakeFS took the upload and answered something else").caused_by(error)
        })
    }
}

/// An upload whose own body failed was never whole, so nothing can stand.
fn body_failed(error: Error) -> Error {
    use std::error::Error as _;
    let is_user_body = error
        .source()
        .and_then(|source| source.source())
        .is_some_and(|source| source.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_user));
    if is_user_body {
        Error::new(Kind::BodyFailed, Retry::Never, "the upload was not complete").caused_by(error)
    } else {
        error
    }
}

fn upload_headers(object: &NewObject) -> Result<HeaderMap> {
    let invalid = |what: String| Error::new(Kind::InvalidArgument, Retry::Never, what);
    let mut headers = HeaderMap::new();
    if !object.content_type.is_empty() {
        let value = HeaderValue::from_bytes(object.content_type.as_bytes())
            .map_err(|_| invalid(format!("content type {:?} cannot be sent as a header", object.content_type)))?;
        headers.insert(CONTENT_TYPE, value);
    }
    // With a length of 0 nobody would ask the body whether it ends well.
    if let Some(size) = object.size.filter(|size| *size > 0) {
        headers.insert(CONTENT_LENGTH, size.into());
    }
    if object.create_only {
        headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
    }
    for (key, value) in &object.metadata {
        let name = format!("x-lakefs-meta-{}", key.to_lowercase());
        let name: HeaderName =
            name.parse().map_err(|_| invalid(format!("metadata key {key:?} cannot be sent as a header")))?;
        let value = HeaderValue::from_bytes(value.as_bytes())
            .map_err(|_| invalid(format!("the value of metadata key {key:?} cannot be sent as a header")))?;
        headers.insert(name, value);
    }
    Ok(headers)
}

fn head(headers: &HeaderMap, is_ranged: bool) -> Option<ObjectHead> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let length: u64 = text(CONTENT_LENGTH)?.parse().ok()?;
    let (start, size) = if is_ranged { content_range(text(CONTENT_RANGE)?, length)? } else { (0, length) };
    Some(ObjectHead {
        size,
        etag: text(ETAG)?.trim_matches('"').to_owned(),
        content_type: text(CONTENT_TYPE).unwrap_or_default().to_owned(),
        modified: text(LAST_MODIFIED).and_then(|date| httpdate::parse_http_date(date).ok()),
        start,
        length,
    })
}

/// `bytes 5-9/10` of five bytes: (5, 10).
fn content_range(range: &str, length: u64) -> Option<(u64, u64)> {
    let (bytes, size) = range.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = bytes.split_once('-')?;
    let (first, last, size): (u64, u64, u64) = (first.parse().ok()?, last.parse().ok()?, size.parse().ok()?);
    (last.checked_sub(first)? + 1 == length && last < size).then_some((first, size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_that_does_not_add_up_is_refused() {
        assert_eq!(content_range("bytes 5-9/10", 5), Some((5, 10)));
        for (range, length) in
            [("bytes 5-9/10", 4), ("bytes 5-9/9", 5), ("bytes 9-5/10", 5), ("bytes */10", 0), ("", 0)]
        {
            assert_eq!(content_range(range, length), None, "{range}");
        }
    }
}
