//! Downloads that resume after a lost connection.

use super::expect_info;
use crate::retry::{Repeat, Retries, call};
use crate::streams::opened;
use crate::v1::{FileInfo, ReadRequest, ReadResponse};
use crate::{Client, Error, Place, Result};
use bytes::Bytes;
use futures_util::stream::{self, Stream};
use tonic::Streaming;

/// Range and preconditions of a read.
#[derive(Debug, Clone, Default)]
pub struct ReadOptions {
    /// Offset of the first byte. A negative offset counts from the end.
    pub offset: i64,
    /// Maximum number of bytes. 0: read to the end.
    pub limit: i64,
    /// Read only if the object has this etag. Empty: no precondition.
    pub if_match: String,
    /// Read only if the object has another etag. Empty: no precondition.
    pub if_none_match: String,
    /// Request a CRC32C of each message from the server, and verify it.
    pub checksum: bool,
}

/// The bytes of an object, in order.
///
/// If the connection is lost, the download resumes from the next byte. After four attempts without new bytes, it fails.
/// Each resume requires the same etag (`if_match`): if the object has changed, the download fails and never mixes two versions.
#[derive(Debug)]
pub struct Download {
    client: Client,
    request: ReadRequest,
    info: FileInfo,
    /// The current response; `None` after a lost connection.
    response: Option<Streaming<ReadResponse>>,
    /// Bytes of the first message. [`Client::read`] reads that message to learn the properties of the object.
    first: Option<Bytes>,
    /// Offset of the next byte.
    next: i64,
    /// Offset after the last byte.
    end: i64,
}

impl Client {
    /// Reads an object, or a part of it. Returns when the first bytes arrive.
    ///
    /// # Errors
    /// `ObjectNotFound`, `RefNotFound`; `RangeOutOfBounds` if the offset is after the end; `EtagMismatch`, `NotModified`.
    pub async fn read(&self, place: &Place, path: &str, options: ReadOptions) -> Result<Download> {
        let (repository, r#ref, transaction_id) = place.fields();
        let request = ReadRequest {
            repository,
            r#ref,
            path: path.to_owned(),
            transaction_id,
            read_offset: options.offset,
            read_limit: options.limit,
            ranges: Vec::new(),
            if_match: options.if_match,
            if_none_match: options.if_none_match,
            checksum: options.checksum,
        };
        let call = call!(self, bulk.read(request.clone()));
        let (first, response) = self.repeated(Repeat::Idempotent, || opened(call())).await?;
        let first = first.ok_or_else(|| Error::invalid_response("the server sent an empty response to a read"))?;
        let bytes = verified_data(&first)?;
        let info = expect_info(first.info)?;
        let end = end(&info, first.offset, options.limit);
        let (response, first, next) = (Some(response), Some(bytes), first.offset);
        Ok(Download { client: self.clone(), request, info, response, first, next, end })
    }
}

impl Download {
    /// Returns the properties of the object, without user metadata.
    pub fn info(&self) -> &FileInfo {
        &self.info
    }

    /// Returns the number of bytes that the caller has not received yet.
    pub fn remaining_bytes(&self) -> u64 {
        u64::try_from(self.end - self.next).unwrap_or_default()
    }

    /// Returns the next bytes, at least one, or `None` after the last byte.
    ///
    /// # Errors
    /// `EtagMismatch` if the object was changed; `Unavailable` if the download could not be resumed; `DeadlineExceeded` if the
    /// server sends nothing within the timeout; `DataLoss` if a checksum or the number of bytes is wrong.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        let client = self.client.clone();
        let mut retries = Retries::new(&client, Repeat::Idempotent);
        loop {
            match retries.step(self.try_chunk()).await {
                Err(error) => retries.wait(error).await?,
                Ok(Some(bytes)) if bytes.is_empty() => continue,
                other => return other,
            }
            self.response = None;
        }
    }

    /// Converts the download into a stream of bytes. The stream ends after the first error.
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes>> + Send {
        stream::try_unfold(
            self,
            |mut download| async move { Ok(download.chunk().await?.map(|bytes| (bytes, download))) },
        )
    }

    async fn try_chunk(&mut self) -> Result<Option<Bytes>> {
        if let Some(bytes) = self.first.take() {
            return self.advance(bytes).map(Some);
        }
        if self.response.is_none() && self.next < self.end {
            self.response = Some(self.resume().await?);
        }
        let Some(response) = &mut self.response else { return Ok(None) };
        match response.message().await? {
            Some(message) if message.data.is_empty() => Ok(Some(Bytes::new())),
            Some(message) if message.offset != self.next => {
                Err(Error::invalid_response("the server skipped bytes of the object"))
            }
            Some(message) => self.advance(verified_data(&message)?).map(Some),
            None if self.next < self.end => Err(Error::truncated(self.end - self.next)),
            None => Ok(None),
        }
    }

    fn advance(&mut self, bytes: Bytes) -> Result<Bytes> {
        self.next += i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        if self.next > self.end {
            return Err(Error::corrupt("the server sent more bytes than it announced"));
        }
        Ok(bytes)
    }

    async fn resume(&self) -> Result<Streaming<ReadResponse>> {
        let request = ReadRequest {
            read_offset: self.next,
            read_limit: self.end - self.next,
            if_match: self.info.etag.clone(),
            if_none_match: String::new(),
            ..self.request.clone()
        };
        Ok(self.client.bulk().read(request).await?.into_inner())
    }
}

/// Returns the offset after the last byte that the server will send.
fn end(info: &FileInfo, start: i64, limit: i64) -> i64 {
    if limit > 0 { info.size_bytes.min(start.saturating_add(limit)) } else { info.size_bytes }
}

/// Returns the bytes of a message after verifying the checksum, if there is one.
fn verified_data(message: &ReadResponse) -> Result<Bytes> {
    match message.crc32c {
        Some(sum) if sum != crc32c::crc32c(&message.data) => {
            Err(Error::corrupt(format!("the bytes at offset {} do not match their checksum", message.offset)))
        }
        _ => Ok(message.data.clone()),
    }
}
