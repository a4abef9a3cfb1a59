//! gRPC framing that passes all but small payload by reference count. It applies to messages whose `data` is field 15.

use crate::error::{Error, Kind, Result};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use http_body_util::BodyExt;
use prost::Message;
use std::collections::VecDeque;
use tonic::body::Body;

/// Size of the prefix of each message, in bytes: a flag and a length.
const PREFIX: usize = 5;
/// Number of the payload field in every message that has one.
const DATA_FIELD: u64 = 15;
/// Tag of the payload field, which is length-delimited.
const DATA_TAG: u8 = (15 << 3) | 2;
/// Payload smaller than this, in bytes, is copied after its head, since a separate frame of HTTP/2 would cost more.
const MIN_SEPARATE: usize = 16 << 10;

/// Maximum size of the prefix and of the tag and length of the payload, in bytes.
const MAX_OVERHEAD: usize = PREFIX + 1 + 5;

/// Encodes a message from its payload and its other fields (`head`). Returns the framing with the head, and the payload
/// without a copy. A small payload is part of the first piece.
pub(super) fn message(head: &impl Message, data: Bytes) -> (Bytes, Option<Bytes>) {
    let copied = if data.len() < MIN_SEPARATE { data.len() } else { 0 };
    let mut fields = BytesMut::with_capacity(MAX_OVERHEAD + head.encoded_len() + copied);
    fields.put_bytes(0, PREFIX);
    // This cannot fail: a BytesMut grows when needed.
    let _ = head.encode(&mut fields);
    if !data.is_empty() {
        fields.put_u8(DATA_TAG);
        prost::encoding::encode_varint(data.len() as u64, &mut fields);
    }
    let length = u32::try_from(fields.len() - PREFIX + data.len()).unwrap_or(u32::MAX);
    fields[1..PREFIX].copy_from_slice(&length.to_be_bytes());
    if data.len() < MIN_SEPARATE {
        fields.extend_from_slice(&data);
        return (fields.freeze(), None);
    }
    (fields.freeze(), Some(data))
}

/// A received message: its other fields, still encoded, and the pieces of `data`.
#[derive(Debug, Default)]
pub(super) struct Received {
    pub(super) fields: Vec<u8>,
    pub(super) data: Vec<Bytes>,
}

/// Extracts messages from the pieces of a request body, without copying their `data`.
pub(super) struct Deframer {
    pieces: VecDeque<Bytes>,
    /// Small pieces, joined to one buffer. They come after `pieces`.
    small: BytesMut,
    /// Number of bytes in `pieces` and `small`.
    buffered: usize,
    /// Number of buffered bytes that the next step needs.
    needed: usize,
}

/// Pieces smaller than this, in bytes, are joined: the overhead of each would exceed its contents.
const SMALL: usize = 4 << 10;

impl Default for Deframer {
    fn default() -> Self {
        Self { pieces: VecDeque::new(), small: BytesMut::new(), buffered: 0, needed: PREFIX }
    }
}

impl Deframer {
    pub(super) fn push(&mut self, piece: Bytes) {
        self.buffered += piece.len();
        if piece.len() < SMALL {
            self.small.extend_from_slice(&piece);
        } else {
            self.flush_small();
            self.pieces.push_back(piece);
        }
    }

    fn flush_small(&mut self) {
        if !self.small.is_empty() {
            self.pieces.push_back(self.small.split().freeze());
        }
    }

    /// Returns whether no bytes are buffered, so that the body may end here.
    pub(super) fn is_empty(&self) -> bool {
        self.buffered == 0
    }

    /// Returns the length of the message that is being received, in bytes; 0 until its prefix has arrived.
    pub(super) fn announced(&self) -> usize {
        self.needed - PREFIX
    }

    /// Returns the next message; `None` until all of it has arrived.
    ///
    /// # Errors
    /// `InvalidField` for a message over `limit` bytes or one that does not decode; `Unsupported` for a compressed one.
    pub(super) fn next(&mut self, limit: usize) -> Result<Option<Received>> {
        if self.buffered < self.needed {
            return Ok(None);
        }
        self.flush_small();
        let Some(prefix) = self.peek::<PREFIX>() else { return Ok(None) };
        if prefix[0] != 0 {
            return Err(Error::new(Kind::Unsupported, "compressed messages are not supported: send them uncompressed"));
        }
        let length = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]) as usize;
        if length > limit {
            let message =
                format!("the message has {length} bytes, and at most {limit} are allowed: send smaller messages");
            return Err(Error::field("data", message));
        }
        self.needed = PREFIX + length;
        if self.buffered < self.needed {
            return Ok(None);
        }
        self.needed = PREFIX;
        self.skip(PREFIX);
        self.take_fields(length).map(Some)
    }

    fn take_fields(&mut self, length: usize) -> Result<Received> {
        let end = self.buffered - length;
        let mut received = Received::default();
        while self.buffered > end {
            let tag = self.varint(end)?;
            let is_data = tag == u64::from(DATA_TAG);
            if !is_data {
                prost::encoding::encode_varint(tag, &mut received.fields);
            }
            match (tag & 7, tag >> 3) {
                (2, DATA_FIELD) => {
                    let length = self.length(end)?;
                    // If a field occurs twice, the last one counts.
                    received.data = self.split(length);
                }
                (0, _) => prost::encoding::encode_varint(self.varint(end)?, &mut received.fields),
                (1, _) => self.copy(8, end, &mut received.fields)?,
                (5, _) => self.copy(4, end, &mut received.fields)?,
                (2, _) => {
                    let length = self.length(end)?;
                    prost::encoding::encode_varint(length as u64, &mut received.fields);
                    self.copy(length, end, &mut received.fields)?;
                }
                _ => return Err(undecodable()),
            }
        }
        Ok(received)
    }

    fn length(&mut self, end: usize) -> Result<usize> {
        let length = usize::try_from(self.varint(end)?).map_err(|_| undecodable())?;
        if length > self.buffered - end { Err(undecodable()) } else { Ok(length) }
    }

    fn varint(&mut self, end: usize) -> Result<u64> {
        let mut value = 0_u64;
        for shift in (0..70).step_by(7) {
            if self.buffered == end {
                return Err(undecodable());
            }
            let byte = self.pieces.front().map(|piece| piece[0]).ok_or_else(undecodable)?;
            self.skip(1);
            value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or_default();
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(undecodable())
    }

    fn copy(&mut self, length: usize, end: usize, to: &mut Vec<u8>) -> Result<()> {
        if length > self.buffered - end {
            return Err(undecodable());
        }
        for piece in self.split(length) {
            to.extend_from_slice(&piece);
        }
        Ok(())
    }

    /// Removes the next `length` bytes, which must be buffered, and returns them as slices of the pieces.
    fn split(&mut self, mut length: usize) -> Vec<Bytes> {
        let mut slices = Vec::new();
        while length > 0 {
            let Some(piece) = self.pieces.front_mut() else { break };
            let slice = piece.split_to(piece.len().min(length));
            length -= slice.len();
            self.buffered -= slice.len();
            slices.push(slice);
            if piece.is_empty() {
                self.pieces.pop_front();
            }
        }
        slices
    }

    fn skip(&mut self, mut length: usize) {
        self.buffered -= length;
        while length > 0 {
            let Some(piece) = self.pieces.front_mut() else { return };
            let step = piece.len().min(length);
            piece.advance(step);
            length -= step;
            if piece.is_empty() {
                self.pieces.pop_front();
            }
        }
    }

    fn peek<const N: usize>(&self) -> Option<[u8; N]> {
        let mut bytes = self.pieces.iter().flatten().copied();
        let mut peeked = [0; N];
        for slot in &mut peeked {
            *slot = bytes.next()?;
        }
        Some(peeked)
    }
}

fn undecodable() -> Error {
    Error::field("message", "cannot be decoded as its protobuf type")
}

/// Returns the next piece of a request body; `None` at its end.
pub(super) async fn next_piece(body: &mut Body) -> Result<Option<Bytes>> {
    loop {
        match body.frame().await {
            None => return Ok(None),
            Some(Err(error)) => {
                let message = "the connection broke before the request was complete: send it again";
                return Err(Error::new(Kind::WriteIncomplete, message).caused_by(error));
            }
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lakeport_proto::v1::{ReadResponse, WriteRequest};
    use proptest::prelude::*;

    fn framed(message: &impl Message) -> Vec<u8> {
        let encoded = message.encode_to_vec();
        let length = u32::try_from(encoded.len()).unwrap();
        [&[0], length.to_be_bytes().as_slice(), &encoded].concat()
    }

    fn decoded(received: &Received) -> WriteRequest {
        let mut request = WriteRequest::decode(received.fields.as_slice()).unwrap();
        assert!(request.data.is_empty());
        request.data = received.data.concat().into();
        request
    }

    proptest! {
        #[test]
        fn messages_equal_those_of_prost(data: Vec<u8>, offset: i64, crc32c: Option<u32>, index: i32) {
            let head = ReadResponse { offset, crc32c, range_index: index, ..Default::default() };
            let (first, second) = message(&head, data.clone().into());
            let all = [first, second.unwrap_or_default()].concat();
            prop_assert_eq!(&all, &framed(&ReadResponse { data: data.into(), ..head }));
        }

        #[test]
        fn messages_are_extracted_from_any_pieces(
            messages in prop::collection::vec((any::<Vec<u8>>(), any::<String>(), any::<Option<i64>>(), any::<Option<u32>>(), any::<bool>()), 1..4),
            cuts in prop::collection::vec(1_usize..40, 0..50),
        ) {
            let sent: Vec<WriteRequest> = messages.into_iter().map(|(data, path, size_bytes, crc32c, finish_write)| {
                WriteRequest { data: data.into(), path, size_bytes, crc32c, finish_write, ..Default::default() }
            }).collect();
            let mut bytes = Bytes::from(sent.iter().flat_map(framed).collect::<Vec<u8>>());
            let mut deframer = Deframer::default();
            let mut received = Vec::new();
            for cut in cuts.into_iter().chain([usize::MAX]) {
                deframer.push(bytes.split_to(cut.min(bytes.len())));
                while let Some(message) = deframer.next(1 << 20).unwrap() {
                    received.push(decoded(&message));
                }
            }
            prop_assert!(deframer.is_empty());
            prop_assert_eq!(received, sent);
        }

        #[test]
        fn random_bytes_never_panic(bytes: Vec<u8>) {
            let mut deframer = Deframer::default();
            deframer.push(bytes.into());
            while let Ok(Some(_)) = deframer.next(1 << 20) {}
        }
    }

    #[test]
    fn invalid_messages_are_rejected() {
        let mut deframer = Deframer::default();
        deframer.push(Bytes::from_static(&[1, 0, 0, 0, 0]));
        assert_eq!(deframer.next(10).unwrap_err().kind(), Kind::Unsupported);
        let mut deframer = Deframer::default();
        deframer.push(Bytes::from_static(&[0, 0, 0, 0, 11]));
        assert_eq!(deframer.next(10).unwrap_err().kind(), Kind::InvalidField);
        let mut deframer = Deframer::default();
        deframer.push(Bytes::from_static(&[0, 0, 0, 0, 2, DATA_TAG, 5]));
        assert_eq!(deframer.next(10).unwrap_err().kind(), Kind::InvalidField);
    }
}
