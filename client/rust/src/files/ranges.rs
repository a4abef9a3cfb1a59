//! Reads of many parts of an object with one call.

use super::batch::succeeded;
use crate::retry::{Repeat, Retries};
use crate::streams::opened;
use crate::v1::{FileInfo, ReadRange, ReadRequest, ReadResponse};
use crate::{Client, Error, Place, Result};
use bytes::{Bytes, BytesMut};

impl Client {
    /// Reads at most 1,000 ranges of an object into memory. Returns the bytes of each range, or its error, in order. All bytes are of
    /// one version of the object. Ranges whose offsets are not negative must not overlap.
    ///
    /// # Errors
    /// `ObjectNotFound`, `RefNotFound`; `InvalidField` if ranges overlap.
    pub async fn read_ranges(&self, place: &Place, path: &str, ranges: &[ReadRange]) -> Result<Vec<Result<Bytes>>> {
        let (repository, r#ref, transaction_id) = place.fields();
        let path = path.to_owned();
        let request = ReadRequest { repository, r#ref, path, transaction_id, checksum: true, ..ReadRequest::default() };
        let mut read = RangesRead { request, info: None, parts: ranges.iter().map(Part::new).collect() };
        let mut retries = Retries::new(self, Repeat::Idempotent);
        while let Err(error) = read.attempt(self, &mut retries).await {
            retries.wait(error).await?;
        }
        Ok(read.parts.into_iter().map(|part| part.failed.map_or(Ok(part.data.freeze()), Err)).collect())
    }
}

/// A read of many ranges, which continues after a lost connection.
struct RangesRead {
    request: ReadRequest,
    /// Properties of the object, since the first message.
    info: Option<FileInfo>,
    parts: Vec<Part>,
}

/// State of a range.
struct Part {
    /// Offset and maximum number of bytes: of the range, and after its first message, of the rest. Then the offset counts from the
    /// start of the object, and the number is exact.
    offset: i64,
    limit: i64,
    /// Whether the offset of the range counted from the end.
    is_from_end: bool,
    data: BytesMut,
    has_begun: bool,
    is_done: bool,
    failed: Option<Error>,
}

impl RangesRead {
    /// Requests the parts that are not done.
    async fn attempt(&mut self, client: &Client, retries: &mut Retries) -> Result<()> {
        let pending: Vec<usize> = (0..self.parts.len()).filter(|index| !self.parts[*index].is_done).collect();
        if pending.is_empty() {
            return Ok(());
        }
        let size = self.info.as_ref().map_or(0, |info| info.size_bytes);
        self.request.ranges = pending.iter().map(|index| self.parts[*index].request(size)).collect();
        let call = async { opened(client.bulk().read(self.request.clone())).await };
        let (mut next, mut messages) = retries.step(call).await?;
        let mut current = 0;
        while let Some(message) = next {
            let position = self.accept(&pending, message)?;
            // The server sends the ranges in order.
            self.finish(&pending[current.min(position)..position])?;
            current = position;
            next = retries.step(messages.message()).await?;
        }
        self.finish(&pending[current..])
    }

    /// Adds the bytes of a message to their part, and returns the position of the part in the request.
    fn accept(&mut self, pending: &[usize], message: ReadResponse) -> Result<usize> {
        if let (None, Some(info)) = (&self.info, &message.info) {
            self.request.if_match.clone_from(&info.etag);
            self.info = Some(info.clone());
        }
        let position = usize::try_from(message.range_index).unwrap_or(usize::MAX);
        let (Some(info), Some(index)) = (&self.info, pending.get(position)) else {
            return Err(Error::invalid_response("a response to a read has no object, or an unknown range"));
        };
        self.parts[*index].accept(message, info.size_bytes)?;
        Ok(position)
    }

    /// Marks parts as done.
    ///
    /// # Errors
    /// Bytes are missing.
    fn finish(&mut self, parts: &[usize]) -> Result<()> {
        let size = self.info.as_ref().map(|info| info.size_bytes);
        for index in parts {
            let part = &mut self.parts[*index];
            if part.failed.is_none() && part.is_incomplete(size) {
                return Err(Error::truncated(part.limit));
            }
            part.is_done = true;
        }
        Ok(())
    }
}

impl Part {
    fn new(range: &ReadRange) -> Self {
        Self {
            offset: range.read_offset,
            limit: range.read_limit,
            is_from_end: range.read_offset < 0,
            data: BytesMut::new(),
            has_begun: false,
            is_done: false,
            failed: None,
        }
    }

    /// Returns the range to request from an object of `size` bytes. The rest of a range that counts from the end still does:
    /// ranges that count from the start must not overlap.
    fn request(&self, size: i64) -> ReadRange {
        let from_end = if self.has_begun && self.is_from_end { size } else { 0 };
        ReadRange { read_offset: self.offset - from_end, read_limit: self.limit }
    }

    fn accept(&mut self, message: ReadResponse, size: i64) -> Result<()> {
        if let Err(error) = succeeded(message.range_status) {
            (self.failed, self.is_done) = (Some(error), true);
            return Ok(());
        }
        if !self.has_begun {
            let rest = (size - message.offset).max(0);
            let limit = if self.limit == 0 { rest } else { self.limit.min(rest) };
            (self.has_begun, self.offset, self.limit) = (true, message.offset, limit);
        }
        let count = i64::try_from(message.data.len()).unwrap_or(i64::MAX);
        if count > 0 && (message.offset != self.offset || count > self.limit) {
            return Err(Error::corrupt("the server sent other bytes of a range than requested"));
        }
        if message.crc32c.is_some_and(|sum| sum != crc32c::crc32c(&message.data)) {
            return Err(Error::corrupt(format!("the bytes at offset {} do not match their checksum", message.offset)));
        }
        self.data.extend_from_slice(&message.data);
        self.offset += count;
        self.limit -= count;
        self.is_done = self.limit == 0;
        Ok(())
    }

    /// Returns whether bytes are missing. The server sends no message for an empty range.
    fn is_incomplete(&self, size: Option<i64>) -> bool {
        match size {
            _ if self.has_begun => self.limit > 0,
            Some(size) => self.offset < size && size > 0,
            None => true,
        }
    }
}
