//! `FileService.Write`: the body of the request is lakeFS's body.

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::grpc::convert::{Fields, file_info, sorted};
use crate::grpc::frame::next_piece;
use crate::grpc::frame::{Deframer, Taken, message};
use crate::ops::context::Shared;
use crate::ops::files::store_object::UploadHeader;
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

/// How long a caller may take to say what it writes: until then nobody knows whether it may.
const FIRST_MESSAGE: Duration = Duration::from_secs(30);

/// Takes an upload and answers once it is published; what comes are the frames of the answer.
pub(crate) async fn write(
    ops: &Shared,
    caller: &Caller,
    body: Body,
) -> Result<impl Stream<Item = Result<Frame<Bytes>, Status>> + Send + use<>> {
    let limit = ops.limits.message_bytes;
    let mut messages = Messages { body, deframer: Deframer::default(), limit, next_offset: 0 };
    let first = tokio::time::timeout(FIRST_MESSAGE, messages.next()).await.map_err(|_| {
        Error::new(Kind::WriteIncomplete, "the first message, which says what to write, did not come in time")
    })?;
    let Some((request, data)) = first? else {
        return Err(Error::new(Kind::WriteIncomplete, "the stream is empty: its first message says what to write"));
    };
    let first = OwnChecks { crc32c: request.crc32c, write_offset: request.write_offset, finish: request.finish_write };
    let (place, path, header) = decode(request)?;
    messages.check(first.crc32c, first.write_offset, &data)?;
    let parts = parts_of(data, first.finish.then(Checks::default));
    let source = stream::try_unfold((messages, parts, first.finish), next_part);
    let info = write::write(ops, caller, &place, &path, header, Box::pin(source)).await?;
    let (answer, _) = message(&WriteResponse { info: Some(file_info(info)) }, Bytes::new());
    let mut trailers = HeaderMap::new();
    // An OK has no metadata that could fail to be a header.
    let _ = Status::new(Code::Ok, "").add_header(&mut trailers);
    Ok(stream::iter([Ok(Frame::data(answer)), Ok(Frame::trailers(trailers))]))
}

/// What the first message says of itself, besides what it says of the object.
struct OwnChecks {
    crc32c: Option<u32>,
    write_offset: Option<i64>,
    finish: bool,
}

fn decode(request: WriteRequest) -> Result<(Place, ObjectPath, UploadHeader)> {
    let mut fields = Fields::default();
    let has_target = !(request.path.is_empty() && request.repository.is_empty() && request.transaction_id.is_empty());
    if !has_target {
        return Err(Error::field("path", "is missing: the first message says what to write, before any data"));
    }
    let place = fields.place(request.repository, request.r#ref, request.transaction_id);
    let path = fields.parse("path", request.path);
    let size = match request.size_bytes {
        None => Some(None),
        Some(size) => fields.count("size_bytes", size).map(Some),
    };
    let write_id: Option<IdempotencyKey> = fields.optional("write_id", request.write_id);
    if write_id.is_some() && request.if_none_match.is_empty() {
        fields.wrong("write_id", "is for create-only writes: send if_none_match: * with it, or leave it out");
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
        write_id,
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
        fields.wrong("object_md5", format!("has {} bytes: an MD5 has 16", md5.len()));
    }
    parsed.map(Some)
}

/// The messages of an upload.
struct Messages {
    body: Body,
    deframer: Deframer,
    /// Bytes of one message at most.
    limit: usize,
    /// Where the next data begins.
    next_offset: u64,
}

impl Messages {
    async fn next(&mut self) -> Result<Option<(WriteRequest, Vec<Bytes>)>> {
        loop {
            if let Some(Taken { fields, data }) = self.deframer.next(self.limit)? {
                let request = WriteRequest::decode(fields.as_slice()).map_err(|e| Error::field("message", e))?;
                return Ok(Some((request, data)));
            }
            match next_piece(&mut self.body).await? {
                Some(piece) => self.deframer.push(piece),
                None if self.deframer.is_empty() => return Ok(None),
                None => {
                    let message = "the stream ended in the middle of a message: nothing was published; send it again";
                    return Err(Error::new(Kind::WriteIncomplete, message));
                }
            }
        }
    }

    /// Checks what a message says of its own data.
    fn check(&mut self, crc32c: Option<u32>, offset: Option<i64>, data: &[Bytes]) -> Result<()> {
        if let Some(offset) = offset.filter(|offset| u64::try_from(*offset) != Ok(self.next_offset)) {
            let message = format!("is {offset}, and {} bytes came: there must be no gaps", self.next_offset);
            return Err(Error::field("write_offset", message));
        }
        if let Some(expected) = crc32c {
            let actual = data.iter().fold(0, |crc, piece| crc32c::crc32c_append(crc, piece));
            if actual != expected {
                let message =
                    format!("crc32c is {expected:08x}, and the data of the message has {actual:08x}: send it again");
                return Err(Error::new(Kind::ChecksumMismatch, message));
            }
        }
        self.next_offset += data.iter().map(|piece| piece.len() as u64).sum::<u64>();
        Ok(())
    }
}

/// The data of a message as parts, the last of which finishes if the message does.
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
            let rule =
                "stands in neither the first message nor the one with finish_write: only these say what all has to be";
            return Err(Error::field("size_bytes, object_crc32c, object_md5", rule));
        }
        parts = parts_of(data, finished.then_some(last));
    }
}

/// Refuses a second header.
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
        return Err(Error::field("path", "stands in a later message: only the first says what to write"));
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
