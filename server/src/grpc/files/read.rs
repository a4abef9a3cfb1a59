//! `FileService.Read`: lakeFS's body is the body of the answer.

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

/// Bytes of one message at most: lakeFS's pieces as they come, and no larger than this.
const MAX_PIECE: usize = 2 << 20;
/// Ranges of one request.
const MAX_RANGES: usize = 1000;

/// Begins a read; what comes are the frames of the answer, the status among them.
pub(crate) async fn read(
    ops: &Shared,
    caller: &Caller,
    request: ReadRequest,
) -> Result<impl Stream<Item = Result<Frame<Bytes>, Status>> + Send + use<>> {
    let checksum = request.checksum;
    let wanted = decode(request)?;
    let mut ranges = wanted.ranges.iter().copied().enumerate().collect::<VecDeque<_>>();
    let (_, first) = ranges.pop_front().unwrap_or((0, ByteRange::ALL));
    // The first range decides whether there is an answer at all.
    let opened = read::read(ops, caller, &wanted.place, &wanted.path, first, &wanted.conditions).await;
    let mut reading = Reading {
        ops: ops.clone(),
        caller: caller.clone(),
        wanted,
        ranges,
        current: None,
        index: 0,
        info: None,
        is_described: false,
        checksum,
        frames: VecDeque::new(),
        is_done: false,
    };
    match opened {
        Ok(object) => reading.begin(0, object),
        Err(error) if reading.wanted.in_band && error.kind() == Kind::RangeOutOfBounds => {
            reading.describe().await?;
            reading.fail(0, error);
        }
        Err(error) => return Err(error),
    }
    Ok(stream::unfold(reading, Reading::next_frame))
}

struct Wanted {
    place: Place,
    path: ObjectPath,
    ranges: Vec<ByteRange>,
    /// A range that fails says so, and the others go on.
    in_band: bool,
    conditions: Conditions,
}

fn decode(request: ReadRequest) -> Result<Wanted> {
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
        many(&mut fields, &request.ranges)
    };
    let conditions = Conditions {
        if_match: Some(request.if_match).filter(|etag| !etag.is_empty()),
        if_none_match: Some(request.if_none_match).filter(|etag| !etag.is_empty()),
    };
    let (place, (path, ranges)) = fields.done(place.zip(path.zip(ranges)))?;
    Ok(Wanted { place, path, ranges, in_band, conditions })
}

fn many(fields: &mut Fields, ranges: &[ReadRange]) -> Option<Vec<ByteRange>> {
    if ranges.len() > MAX_RANGES {
        fields.wrong("ranges", format!("has {} ranges: at most {MAX_RANGES}", ranges.len()));
        return None;
    }
    let mut counted = Vec::new();
    let mut parsed = Vec::new();
    for (at, range) in ranges.iter().enumerate() {
        let limit = fields.count(&format!("ranges[{at}].read_limit"), range.read_limit)?;
        if range.read_offset >= 0 {
            let end = if limit == 0 { u64::MAX } else { range.read_offset.unsigned_abs().saturating_add(limit) };
            counted.push((range.read_offset.unsigned_abs(), end, at));
        }
        parsed.push(ByteRange::new(range.read_offset, limit));
    }
    counted.sort_unstable();
    for pair in counted.windows(2) {
        let ((_, end, first), (start, _, second)) = (pair[0], pair[1]);
        if start < end {
            fields.wrong(&format!("ranges[{second}]"), format!("overlaps ranges[{first}]"));
        }
    }
    Some(parsed)
}

/// A read under way.
struct Reading {
    ops: Shared,
    caller: Caller,
    wanted: Wanted,
    /// Ranges that have not begun.
    ranges: VecDeque<(usize, ByteRange)>,
    current: Option<ReadObject>,
    index: usize,
    /// Goes with the first message.
    info: Option<FileInfo>,
    /// Whether that is known, and said or about to be.
    is_described: bool,
    checksum: bool,
    frames: VecDeque<Frame<Bytes>>,
    is_done: bool,
}

impl Reading {
    async fn next_frame(mut self) -> Option<(Result<Frame<Bytes>, Status>, Self)> {
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

    /// Makes the next frames: a message, or the trailers.
    async fn advance(&mut self) {
        let Some(object) = &mut self.current else {
            return match self.ranges.pop_front() {
                Some((index, range)) => self.open(index, range).await,
                None => self.end(None),
            };
        };
        match object.next(&self.ops).await {
            Ok(Some((offset, piece))) => self.send(offset, piece),
            Ok(None) => {
                let offset = object.offset;
                // An object or range without bytes still says what it is.
                if self.info.is_some() {
                    self.send(offset, Bytes::new());
                }
                self.current = None;
            }
            Err(error) => self.end(Some(error)),
        }
    }

    async fn open(&mut self, index: usize, range: ByteRange) {
        let Wanted { place, path, conditions, .. } = &self.wanted;
        match read::read(&self.ops, &self.caller, place, path, range, conditions).await {
            Ok(object) => self.begin(index, object),
            Err(error) if error.kind() == Kind::RangeOutOfBounds => self.fail(index, error),
            // The first range set that condition, not the caller.
            Err(error) if error.kind() == Kind::EtagMismatch => self.end(Some(read::changed(path))),
            Err(error) => self.end(Some(error)),
        }
    }

    fn begin(&mut self, index: usize, object: ReadObject) {
        if !self.is_described {
            self.said(object.info.clone());
        }
        self.index = index;
        self.current = Some(object);
    }

    /// Finds out what the object is without reading from it: also a range that fails is one of it.
    async fn describe(&mut self) -> Result<()> {
        let Wanted { place, path, .. } = &self.wanted;
        let info = stat::stat(&self.ops, &self.caller, place, path).await?;
        self.said(file_info::FileInfo { metadata: Default::default(), ..info });
        Ok(())
    }

    /// Notes what the object is. All ranges are of one: those that follow must be of the first's.
    fn said(&mut self, info: file_info::FileInfo) {
        self.wanted.conditions.if_match = Some(info.etag.clone());
        self.wanted.conditions.if_none_match = None;
        self.info = Some(file_info(info));
        self.is_described = true;
    }

    /// One range fails, and the others go on.
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
        // Fails only for metadata that is no header, and none of ours is.
        let _ = status.add_header(&mut trailers);
        self.frames.push_back(Frame::trailers(trailers));
        self.is_done = true;
    }
}
