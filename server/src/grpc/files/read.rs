//! `FileService.Read`: streams the bytes of lakeFS's response. Pieces of 16 KiB or more are not copied.

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::grpc::convert::{Fields, file_info};
use crate::grpc::frame::message;
use crate::grpc::{into_status, item_status};
use crate::ops::context::Shared;
use crate::ops::files::file_info;
use crate::ops::files::read;
use crate::ops::files::read::{Conditions, ReadObject};
use crate::ops::files::stat;
use crate::ops::place::Place;
use bytes::Bytes;
use futures_util::{Stream, stream};
use http::HeaderMap;
use http_body::Frame;
use lakeport_proto::v1::{FileInfo, ReadRange, ReadRequest, ReadResponse};
use lakeport_types::{ByteRange, ObjectPath};
use std::collections::VecDeque;
use tonic::{Code, Status};

/// Maximum payload of one message, in bytes. Larger pieces from lakeFS are split.
const MAX_PIECE: usize = 2 << 20;
/// Maximum number of ranges in one request.
const MAX_RANGES: usize = 1000;

/// Starts a read, and returns the frames of the response. The last frame is the status.
pub(crate) async fn read(
    ops: &Shared,
    caller: &Caller,
    request: ReadRequest,
) -> Result<impl Stream<Item = Result<Frame<Bytes>, Status>> + Send + use<>> {
    let checksum = request.checksum;
    let params = decode(request)?;
    let mut ranges = params.ranges.iter().copied().enumerate().collect::<VecDeque<_>>();
    let (_, first) = ranges.pop_front().unwrap_or((0, ByteRange::ALL));
    // If the first range fails, the call fails without a response message.
    let opened = read::read(ops, caller, &params.place, &params.path, first, &params.conditions).await;
    // Boxed: the stream moves its state with each frame.
    let mut response = Box::new(ResponseStream {
        ops: ops.clone(),
        caller: caller.clone(),
        params,
        ranges,
        current: None,
        index: 0,
        info: None,
        is_described: false,
        checksum,
        frames: VecDeque::new(),
        is_done: false,
    });
    match opened {
        Ok(object) => response.begin(0, object),
        Err(error) if response.params.in_band && error.kind() == Kind::RangeOutOfBounds => {
            Box::pin(response.describe()).await?;
            response.fail(0, error);
        }
        Err(error) => return Err(error),
    }
    Ok(stream::unfold(response, ResponseStream::next_frame))
}

/// Parameters of a read.
struct ReadParams {
    place: Place,
    path: ObjectPath,
    ranges: Vec<ByteRange>,
    /// Whether a failed range is reported in a message, and the other ranges continue.
    in_band: bool,
    conditions: Conditions,
}

fn decode(request: ReadRequest) -> Result<ReadParams> {
    let mut fields = Fields::default();
    let place = fields.place(request.repository, request.r#ref, request.transaction_id);
    let path = fields.parse("path", request.path);
    let in_band = !request.ranges.is_empty();
    let ranges = if !in_band {
        fields.count("read_limit", request.read_limit).map(|limit| vec![ByteRange::new(request.read_offset, limit)])
    } else {
        if request.read_offset != 0 || request.read_limit != 0 {
            fields.wrong("ranges", "must be empty with read_offset or read_limit");
        }
        parse_ranges(&mut fields, &request.ranges)
    };
    let conditions = Conditions {
        if_match: Some(request.if_match).filter(|etag| !etag.is_empty()),
        if_none_match: Some(request.if_none_match).filter(|etag| !etag.is_empty()),
    };
    let (place, (path, ranges)) = fields.done(place.zip(path.zip(ranges)))?;
    Ok(ReadParams { place, path, ranges, in_band, conditions })
}

/// Parses the ranges, which must not overlap.
fn parse_ranges(fields: &mut Fields, ranges: &[ReadRange]) -> Option<Vec<ByteRange>> {
    if ranges.len() > MAX_RANGES {
        fields.wrong("ranges", format!("has {} ranges, and at most {MAX_RANGES} are allowed", ranges.len()));
        return None;
    }
    let mut extents = Vec::new();
    let mut parsed = Vec::new();
    for (at, range) in ranges.iter().enumerate() {
        let limit = fields.count(&format!("ranges[{at}].read_limit"), range.read_limit)?;
        if range.read_offset >= 0 {
            let end = if limit == 0 { u64::MAX } else { range.read_offset.unsigned_abs().saturating_add(limit) };
            extents.push((range.read_offset.unsigned_abs(), end, at));
        }
        parsed.push(ByteRange::new(range.read_offset, limit));
    }
    extents.sort_unstable();
    for pair in extents.windows(2) {
        let ((_, end, first), (start, _, second)) = (pair[0], pair[1]);
        if start < end {
            fields.wrong(&format!("ranges[{second}]"), format!("overlaps ranges[{first}]"));
        }
    }
    Some(parsed)
}

/// The frames of a response.
struct ResponseStream {
    ops: Shared,
    caller: Caller,
    params: ReadParams,
    /// Ranges that have not started.
    ranges: VecDeque<(usize, ByteRange)>,
    current: Option<ReadObject>,
    index: usize,
    /// Description of the object, until a message sends it.
    info: Option<FileInfo>,
    /// Whether the description is known.
    is_described: bool,
    checksum: bool,
    frames: VecDeque<Frame<Bytes>>,
    is_done: bool,
}

impl ResponseStream {
    async fn next_frame(mut self: Box<Self>) -> Option<(Result<Frame<Bytes>, Status>, Box<Self>)> {
        loop {
            if let Some(frame) = self.frames.pop_front() {
                return Some((Ok(frame), self));
            }
            if self.is_done {
                return None;
            }
            self.advance().await;
        }
    }

    /// Produces the next frames: a message, or the trailers.
    async fn advance(&mut self) {
        let Some(object) = &mut self.current else {
            return match self.ranges.pop_front() {
                Some((index, range)) => Box::pin(self.open(index, range)).await,
                None => self.end(None),
            };
        };
        match object.next(&self.ops).await {
            Ok(Some((offset, piece))) => self.send(offset, piece),
            Ok(None) => {
                let offset = object.offset;
                // For an empty object or range, this message carries the description.
                if self.info.is_some() {
                    self.send(offset, Bytes::new());
                }
                self.current = None;
            }
            Err(error) => self.end(Some(error)),
        }
    }

    async fn open(&mut self, index: usize, range: ByteRange) {
        let ReadParams { place, path, conditions, .. } = &self.params;
        match read::read(&self.ops, &self.caller, place, path, range, conditions).await {
            Ok(object) => self.begin(index, object),
            Err(error) if error.kind() == Kind::RangeOutOfBounds => self.fail(index, error),
            // The condition is from the first range, not from the caller.
            Err(error) if error.kind() == Kind::EtagMismatch => self.end(Some(read::changed(path))),
            Err(error) => self.end(Some(error)),
        }
    }

    fn begin(&mut self, index: usize, object: ReadObject) {
        if !self.is_described {
            self.set_info(object.info.clone());
        }
        self.index = index;
        self.current = Some(object);
    }

    /// Describes the object without reading it, if its first range failed.
    async fn describe(&mut self) -> Result<()> {
        let ReadParams { place, path, .. } = &self.params;
        let info = stat::stat(&self.ops, &self.caller, place, path).await?;
        self.set_info(file_info::FileInfo { metadata: Default::default(), ..info });
        Ok(())
    }

    /// Stores the description. All ranges must be of the same object, so its etag becomes a condition of the following ones.
    fn set_info(&mut self, info: file_info::FileInfo) {
        self.params.conditions.if_match = Some(info.etag.clone());
        self.params.conditions.if_none_match = None;
        self.info = Some(file_info(info));
        self.is_described = true;
    }

    /// Reports a failed range. The others continue.
    fn fail(&mut self, index: usize, error: Error) {
        let head = ReadResponse {
            info: self.info.take(),
            range_index: i32::try_from(index).unwrap_or(i32::MAX),
            range_status: Some(item_status(error)),
            ..Default::default()
        };
        self.push(&head, Bytes::new());
    }

    fn send(&mut self, mut offset: u64, mut data: Bytes) {
        loop {
            let piece = data.split_to(data.len().min(MAX_PIECE));
            let head = ReadResponse {
                info: self.info.take(),
                offset: i64::try_from(offset).unwrap_or(i64::MAX),
                range_index: i32::try_from(self.index).unwrap_or(i32::MAX),
                crc32c: self.checksum.then(|| crc32c::crc32c(&piece)),
                ..Default::default()
            };
            offset += piece.len() as u64;
            self.push(&head, piece);
            if data.is_empty() {
                return;
            }
        }
    }

    fn push(&mut self, head: &ReadResponse, data: Bytes) {
        let (first, second) = message(head, data);
        self.frames.push_back(Frame::data(first));
        self.frames.extend(second.map(Frame::data));
    }

    fn end(&mut self, error: Option<Error>) {
        let status = error.map_or_else(|| Status::new(Code::Ok, ""), into_status);
        let mut trailers = HeaderMap::new();
        // This fails only for metadata that is not a valid header. This status has only valid headers.
        let _ = status.add_header(&mut trailers);
        self.frames.push_back(Frame::trailers(trailers));
        self.is_done = true;
    }
}
