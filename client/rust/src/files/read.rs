//! Downloads that go on after the connection broke off.

use super::expect_info;
use crate::v1::{FileInfo, ReadRequest, ReadResponse};
use crate::{Client, Error, Place, Result};
use bytes::Bytes;
use futures_util::stream::{self, Stream};
use std::time::Duration;
use tonic::Streaming;

/// How often a download is taken up again without a byte in between.
const MAX_RESUMES: u32 = 3;
/// Before the first resume; twice as long before each further one.
const RESUME_DELAY: Duration = Duration::from_millis(100);

/// Which bytes to read, and on which condition.
#[derive(Debug, Clone, Default)]
pub struct ReadOptions {
    /// First byte; negative counts from the end.
    pub offset: i64,
    /// Bytes at most; 0 reads to the end.
    pub limit: i64,
    /// Only if the object's etag is this; empty: whichever it is.
    pub if_match: String,
    /// Only if the object's etag is not this; empty: whichever it is.
    pub if_none_match: String,
    /// Have the server add checksums, and check them.
    pub checksum: bool,
}

/// The bytes of an object, in order.
///
/// When the connection breaks off, the rest is asked for again, of the same bytes (`if_match`), up to three times in a row. If
/// the object changed meanwhile, that is an error and never a mixture.
#[derive(Debug)]
pub struct Download {
    client: Client,
    request: ReadRequest,
    info: FileInfo,
    /// The answer that bytes come from; `None` after it broke off.
    answer: Option<Streaming<ReadResponse>>,
    /// Bytes of the first message, which was needed to know what the object is.
    first: Option<Bytes>,
    /// Offset of the next byte, and of the one behind the last.
    next: i64,
    end: i64,
    resumes: u32,
}

impl Client {
    /// Reads an object, or a part of it. Returns when the first bytes are there.
    ///
    /// # Errors
    /// `ObjectNotFound`, `RefNotFound`; `RangeOutOfBounds` for an offset behind the end; `EtagMismatch`, `NotModified`.
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
        let mut answer = self.bulk().read(request.clone()).await?.into_inner();
        let first = answer.message().await?.ok_or_else(|| Error::nonsense("the server answered nothing to a read"))?;
        let bytes = checked(&first)?;
        let info = expect_info(first.info)?;
        let end = end(&info, first.offset, options.limit);
        let (answer, first, next) = (Some(answer), Some(bytes), first.offset);
        Ok(Download { client: self.clone(), request, info, answer, first, next, end, resumes: 0 })
    }
}

impl Download {
    /// The object that is read.
    pub fn info(&self) -> &FileInfo {
        &self.info
    }

    /// How many bytes are still to come.
    pub fn remaining_bytes(&self) -> u64 {
        u64::try_from(self.end - self.next).unwrap_or_default()
    }

    /// The next bytes, never none; `None` at the end, when all were there.
    ///
    /// # Errors
    /// `EtagMismatch` when the object was changed; `Unavailable` when it could not be resumed; `DataLoss` for bytes that are
    /// not those that were sent.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        loop {
            match self.try_chunk().await {
                Err(error) if error.is_broken_off() && self.resumes < MAX_RESUMES => self.break_off().await,
                Ok(Some(bytes)) if bytes.is_empty() => {}
                other => return other,
            }
        }
    }

    /// The bytes as a stream. Ends after the first error.
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes>> + Send {
        stream::try_unfold(
            self,
            |mut download| async move { Ok(download.chunk().await?.map(|bytes| (bytes, download))) },
        )
    }

    async fn break_off(&mut self) {
        self.answer = None;
        tokio::time::sleep(RESUME_DELAY * (1 << self.resumes)).await;
        self.resumes += 1;
    }

    async fn try_chunk(&mut self) -> Result<Option<Bytes>> {
        if let Some(bytes) = self.first.take() {
            return self.advance(bytes).map(Some);
        }
        if self.answer.is_none() && self.next < self.end {
            self.answer = Some(self.resume().await?);
        }
        let Some(answer) = &mut self.answer else { return Ok(None) };
        match answer.message().await? {
            Some(message) if message.data.is_empty() => Ok(Some(Bytes::new())),
            Some(message) if message.offset != self.next => Err(Error::nonsense("the server left out bytes")),
            Some(message) => self.advance(checked(&message)?).map(Some),
            None if self.next < self.end => Err(Error::short(self.end - self.next)),
            None => Ok(None),
        }
    }

    fn advance(&mut self, bytes: Bytes) -> Result<Bytes> {
        self.next += i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        if self.next > self.end {
            return Err(Error::corrupt("the server sent more bytes than it announced"));
        }
        if !bytes.is_empty() {
            self.resumes = 0;
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

/// The offset behind the last byte that will come.
fn end(info: &FileInfo, start: i64, limit: i64) -> i64 {
    if limit > 0 { info.size_bytes.min(start.saturating_add(limit)) } else { info.size_bytes }
}

/// The bytes of a message, if they are those that its checksum was made of.
fn checked(message: &ReadResponse) -> Result<Bytes> {
    match message.crc32c {
        Some(sum) if sum != crc32c::crc32c(&message.data) => {
            Err(Error::corrupt(format!("the bytes at offset {} were changed on their way", message.offset)))
        }
        _ => Ok(message.data.clone()),
    }
}
