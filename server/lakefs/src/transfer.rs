//! Uploads and downloads of objects.

use crate::Lakefs;
use crate::error::{BoxError, Effect, Error, Kind, Result, Retry};
use crate::model::ObjectStats;
use crate::request::{collect, refusal};
use crate::stall::{StallTimeout, watched};
use crate::url::Target;
use http::header::{
    CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH,
    LAST_MODIFIED, RANGE,
};
use http::{Method, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use lakeport_types::{BranchName, ObjectPath, Ref, RepositoryId};
use lakeport_waiting::{self as waiting, Side};
use std::collections::BTreeMap;
use std::time::SystemTime;

pub use bytes::Bytes;

/// Body of an upload. If the body returns an error, the upload fails and the object does not become visible.
pub type UploadBody = http_body_util::combinators::UnsyncBoxBody<Bytes, BoxError>;

/// Object and byte range of a download, from the response headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectHead {
    /// Size of the whole object, in bytes.
    pub size: u64,
    /// ETag, without quotes.
    pub etag: String,
    /// MIME type.
    pub content_type: String,
    /// Modification time, in whole seconds.
    pub modified: Option<SystemTime>,
    /// Position of the first byte of the body in the object.
    pub start: u64,
    /// Length of the body, in bytes.
    pub length: u64,
}

/// Download whose response headers have arrived.
pub struct Download {
    /// Object and byte range.
    pub head: ObjectHead,
    /// Stream of the bytes. Ends with an error if the response is truncated or stalls.
    pub body: StallTimeout<Incoming>,
}

impl std::fmt::Debug for Download {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Download").field("head", &self.head).finish_non_exhaustive()
    }
}

/// Object to upload.
#[derive(Debug, Clone, Default)]
pub struct NewObject {
    /// MIME type; empty for lakeFS's default, `application/octet-stream`.
    pub content_type: String,
    /// User metadata. lakeFS converts the keys to lower case.
    pub metadata: BTreeMap<String, String>,
    /// Size in bytes, if known.
    pub size: Option<u64>,
    /// Fail if an object exists at the path.
    pub create_only: bool,
}

impl Lakefs {
    /// Starts a download of the bytes `start..end` of an object, or of the whole object if `range` is `None`. Without an
    /// end, the range extends to the end of the object. An empty object has no valid ranges: download it without a range.
    ///
    /// # Errors
    /// `NotFound` for the object and for the ref, `RepositoryNotFound`, `RangeNotSatisfiable`, `BytesGone`; `UnexpectedResponse` if the
    /// response is not the requested range.
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

    /// Starts a download of the last `suffix` bytes of an object, or of the whole object if it has fewer bytes.
    ///
    /// # Errors
    /// The same as for [`download`](Self::download).
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
        // The server may have closed an idle connection.
        let response = self.retrying(|| self.open(&target, headers.clone())).await?;
        let expected = if is_ranged { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
        if response.status() != expected {
            return Err(match response.status() {
                status if status.is_success() => {
                    Error::nonsense(Effect::Read, format!("lakeFS returned {status} instead of {expected}"))
                }
                _ => refusal(Effect::Read, response).await,
            });
        }
        let head = head(response.headers(), is_ranged)
            .filter(|head| start.is_none_or(|start| start == head.start))
            .ok_or_else(|| Error::nonsense(Effect::Read, "lakeFS did not return the requested range of the object"))?;
        Ok(Download { head, body: StallTimeout::new(response.into_body(), self.inner.timeouts.stall) })
    }

    /// Sends the request of a download, and returns the response without its body.
    async fn open(&self, target: &Target, headers: HeaderMap) -> Result<Response<Incoming>> {
        let nothing = Empty::new().map_err(|never| match never {}).boxed_unsync();
        let _wait = waiting::on(Side::Lakefs);
        let send = self.send(Method::GET, target, headers, nothing, Effect::Read);
        let limit = self.inner.timeouts.response;
        tokio::time::timeout(limit, send).await.map_err(|_| Error::timeout(Effect::Read, limit))?
    }

    /// Uploads an object from a streaming body. The request is not retried. After success, the object is an uncommitted
    /// change of the branch.
    ///
    /// # Errors
    /// `BodyFailed` if the body returned an error; `ObjectExists` if a create-only write found an object, which may come
    /// from this same call; `BranchNotFound`, `BranchProtected`, `RepositoryReadOnly`, `RepositoryNotFound`. After an error
    /// with `Retry::Check` or `Retry::Lost`, the object may have been written.
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
        let (body, watch) = watched(body);
        let exchange = async {
            let body = body.boxed_unsync();
            let response = self.send(Method::POST, &target, headers, body, Effect::Write).await.map_err(body_failed)?;
            if response.status() != StatusCode::CREATED {
                return Err(refusal(Effect::Write, response).await);
            }
            collect(response.into_body()).await.map_err(|error| Error::transport(Effect::Write, true, error))
        };
        // lakeFS may stop reading, or read the whole body and never respond.
        let response = tokio::select! {
            response = exchange => response?,
            () = watch.stalled(limit) => return Err(Error::timeout(Effect::Write, limit)),
        };
        serde_json::from_slice(&response).map_err(|error| {
            Error::nonsense(Effect::Write, "cannot parse the response of lakeFS to an upload").caused_by(error)
        })
    }
}

/// Replaces an error that comes from the body of the upload. lakeFS never received such a body completely, so it cannot have
/// written the object.
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
    // With a content length of 0, hyper would not poll the body, and an error of the body would be lost.
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

/// Parses a `Content-Range` header and returns the start and the size of the object: (5, 10) for `bytes 5-9/10`. Returns
/// `None` if the range does not have `length` bytes.
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
    fn an_inconsistent_content_range_is_rejected() {
        assert_eq!(content_range("bytes 5-9/10", 5), Some((5, 10)));
        for (range, length) in
            [("bytes 5-9/10", 4), ("bytes 5-9/9", 5), ("bytes 9-5/10", 5), ("bytes */10", 0), ("", 0)]
        {
            assert_eq!(content_range(range, length), None, "{range}");
        }
    }
}
