//! `FileService.Write`: streams the bytes of the request to lakeFS without copying them.

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::grpc::convert::{Fields, file_info, sorted};
use crate::grpc::frame::next_piece;
use crate::grpc::frame::{Deframer, Received, message};
use crate::memory::{MessageMemory, ReservedMessage};
use crate::ops::context::Shared;
use crate::ops::files::store_object::{UploadHeader, WriteId};
use crate::ops::files::write;
use crate::ops::place::Place;
use crate::upload::{Checks, Part};
use bytes::Bytes;
use futures_util::{Stream, stream};
use http::HeaderMap;
use http_body::Frame;
use lakeport_proto::v1::{WriteRequest, WriteResponse};
use lakeport_types::{IdempotencyKey, ObjectPath};
use prost::Message;
use std::collections::VecDeque;
use std::time::Duration;
use tonic::body::Body;
use tonic::{Code, Status};

/// Timeout for the first message. Until it arrives, the target of the write is unknown.
const FIRST_MESSAGE: Duration = Duration::from_secs(30);

/// Number of bytes of a message that do not count against the memory budget. Clients send up to 1 MiB per message, and many
/// uploads can be in the middle of a message. The permits of uploads bound their number.
const UNCOUNTED: usize = (1 << 20) + (16 << 10);

/// Receives an upload and waits until it is published. Returns the frames of the response.
pub(crate) async fn write(
    ops: &Shared,
    caller: &Caller,
    body: Body,
    memory: MessageMemory,
) -> Result<impl Stream<Item = Result<Frame<Bytes>, Status>> + Send + use<>> {
    let limit = ops.limits.message_bytes;
    let mut messages = Messages { body, deframer: Deframer::default(), limit, memory, reserved: None, next_offset: 0 };
    let first = tokio::time::timeout(FIRST_MESSAGE, messages.next()).await.map_err(|_| {
        Error::new(
            Kind::WriteIncomplete,
            format!(
                "the first message did not arrive within {} s: send it right after the call starts",
                FIRST_MESSAGE.as_secs()
            ),
        )
    })?;
    let Some((request, data)) = first? else {
        return Err(Error::new(
            Kind::WriteIncomplete,
            "the stream is empty: send at least one message, with path and finish_write",
        ));
    };
    let first = OwnChecks { crc32c: request.crc32c, write_offset: request.write_offset, finish: request.finish_write };
    let (place, path, header) = decode(request)?;
    messages.check(first.crc32c, first.write_offset, &data)?;
    let parts = parts_of(data, first.finish.then(Checks::default));
    let source = stream::try_unfold((messages, parts, first.finish), next_part);
    let info = write::write(ops, caller, &place, &path, header, Box::pin(source)).await?;
    let (response, _) = message(&WriteResponse { info: Some(file_info(info)) }, Bytes::new());
    let mut trailers = HeaderMap::new();
    // This cannot fail: the status has no metadata.
    let _ = Status::new(Code::Ok, "").add_header(&mut trailers);
    Ok(stream::iter([Ok(Frame::data(response)), Ok(Frame::trailers(trailers))]))
}

/// Fields of the first message about its own data.
struct OwnChecks {
    crc32c: Option<u32>,
    write_offset: Option<i64>,
    finish: bool,
}

fn decode(request: WriteRequest) -> Result<(Place, ObjectPath, UploadHeader)> {
    let mut fields = Fields::default();
    let has_target = !(request.path.is_empty() && request.repository.is_empty() && request.transaction_id.is_empty());
    if !has_target {
        return Err(Error::field("path", "is missing: the first message must have the target of the write"));
    }
    let place = fields.place(request.repository, request.r#ref, request.transaction_id);
    let path = fields.parse("path", request.path);
    let size = match request.size_bytes {
        None => Some(None),
        Some(size) => fields.count("size_bytes", size).map(Some),
    };
    let write_id: Option<IdempotencyKey> = fields.optional("write_id", request.write_id);
    if write_id.is_some() && request.if_none_match.is_empty() {
        fields
            .wrong("write_id", "is only allowed in create-only writes: set if_none_match to *, or leave write_id out");
    }
    if !["", "*"].contains(&request.if_none_match.as_str()) {
        fields.wrong("if_none_match", "must be empty or *: lakeFS has no other condition for a write");
    }
    let md5 = md5(&mut fields, &request.object_md5);
    let (place, (path, (size, md5))) = fields.done(place.zip(path.zip(size.zip(md5))))?;
    let header = UploadHeader {
        content_type: request.content_type,
        metadata: sorted(request.metadata),
        create_only: request.if_none_match == "*",
        write_id: write_id.map(WriteId::Chosen),
        checks: Checks { size, crc32c: request.object_crc32c, md5 },
    };
    Ok((place, path, header))
}

fn md5(fields: &mut Fields, md5: &[u8]) -> Option<Option<[u8; 16]>> {
    if md5.is_empty() {
        return Some(None);
    }
    let parsed = md5.try_into().ok();
    if parsed.is_none() {
        fields.wrong("object_md5", format!("has {} bytes, and an MD5 has 16", md5.len()));
    }
    parsed.map(Some)
}

/// The messages of an upload.
struct Messages {
    body: Body,
    deframer: Deframer,
    /// Maximum size of one message, in bytes.
    limit: usize,
    memory: MessageMemory,
    /// Memory of the last message, or of the one that is being received.
    reserved: Option<ReservedMessage>,
    /// Offset of the next data.
    next_offset: u64,
}

impl Messages {
    async fn next(&mut self) -> Result<Option<(WriteRequest, Vec<Bytes>)>> {
        self.reserved = None;
        loop {
            if let Some(Received { fields, data }) = self.deframer.next(self.limit)? {
                let request = WriteRequest::decode(fields.as_slice()).map_err(|e| Error::field("message", e))?;
                return Ok(Some((request, data)));
            }
            let counted = self.deframer.announced().saturating_sub(UNCOUNTED);
            if self.reserved.is_none() && counted > 0 {
                self.reserved = Some(self.memory.reserve(counted).await?);
            }
            match next_piece(&mut self.body).await? {
                Some(piece) => self.deframer.push(piece),
                None if self.deframer.is_empty() => return Ok(None),
                None => {
                    let message = "the stream ended within a message: nothing was published; send it again";
                    return Err(Error::new(Kind::WriteIncomplete, message));
                }
            }
        }
    }

    /// Checks the CRC32C and the offset of the data of a message.
    fn check(&mut self, crc32c: Option<u32>, offset: Option<i64>, data: &[Bytes]) -> Result<()> {
        if let Some(offset) = offset.filter(|offset| u64::try_from(*offset) != Ok(self.next_offset)) {
            let message = format!("is {offset}, but {} bytes arrived before: gaps are not allowed", self.next_offset);
            return Err(Error::field("write_offset", message));
        }
        if let Some(expected) = crc32c {
            let actual = data.iter().fold(0, |crc, piece| crc32c::crc32c_append(crc, piece));
            if actual != expected {
                let message =
                    format!("crc32c is {expected:08x}, but the data of the message has {actual:08x}: send it again");
                return Err(Error::new(Kind::ChecksumMismatch, message));
            }
        }
        self.next_offset += data.iter().map(|piece| piece.len() as u64).sum::<u64>();
        Ok(())
    }
}

/// Returns the data of a message as parts. With `finish`, an empty last part follows.
fn parts_of(data: Vec<Bytes>, finish: Option<Checks>) -> VecDeque<Part> {
    let mut parts: VecDeque<Part> = data.into_iter().map(|data| Part { data, finish: None }).collect();
    if finish.is_some() {
        parts.push_back(Part { data: Bytes::new(), finish });
    }
    parts
}

type Sending = (Messages, VecDeque<Part>, bool);

async fn next_part((mut messages, mut parts, mut finished): Sending) -> Result<Option<(Part, Sending)>> {
    loop {
        if let Some(part) = parts.pop_front() {
            return Ok(Some((part, (messages, parts, finished))));
        }
        if finished {
            return Ok(None);
        }
        let Some((request, data)) = messages.next().await? else { return Ok(None) };
        only_data(&request)?;
        messages.check(request.crc32c, request.write_offset, &data)?;
        let last = decode_last(&request)?;
        finished = request.finish_write;
        if !finished && last.is_any() {
            let rule = "may only be in the first message or in the one with finish_write";
            return Err(Error::field("size_bytes, object_crc32c, object_md5", rule));
        }
        parts = parts_of(data, finished.then_some(last));
    }
}

/// Rejects fields that are only allowed in the first message.
fn only_data(request: &WriteRequest) -> Result<()> {
    let is_header = !request.repository.is_empty()
        || !request.r#ref.is_empty()
        || !request.path.is_empty()
        || !request.transaction_id.is_empty()
        || !request.content_type.is_empty()
        || !request.metadata.is_empty()
        || !request.if_none_match.is_empty()
        || !request.write_id.is_empty();
    if is_header {
        let rule = "must be in the first message only, like all fields of the target and the object";
        return Err(Error::field("path", rule));
    }
    Ok(())
}

fn decode_last(request: &WriteRequest) -> Result<Checks> {
    let mut fields = Fields::default();
    let md5 = md5(&mut fields, &request.object_md5);
    let size = match request.size_bytes {
        None => Some(None),
        Some(size) => fields.count("size_bytes", size).map(Some),
    };
    let (md5, size) = fields.done(md5.zip(size))?;
    Ok(Checks { size, crc32c: request.object_crc32c, md5 })
}
