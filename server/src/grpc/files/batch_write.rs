//! `FileService.BatchWrite`.

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::grpc::convert::{Fields, file_info, sorted};
use crate::grpc::item_status;
use crate::grpc::status::item_ok;
use crate::ops::context::Shared;
use crate::ops::files::batch_write;
use crate::ops::files::file_info::FileInfo;
use crate::ops::files::store_object::{UploadHeader, WriteId};
use bytes::Bytes;
use lakeport_proto::v1::{BatchWriteItem, BatchWriteRequest, BatchWriteResponse, BatchWriteResult};
use lakeport_types::{IdempotencyKey, ObjectPath};
use prost::Message;
use std::collections::HashSet;

pub(crate) async fn batch_write(
    ops: &Shared,
    caller: &Caller,
    request: BatchWriteRequest,
) -> Result<BatchWriteResponse> {
    let mut fields = Fields::default();
    let place = fields.place(request.repository, request.r#ref, request.transaction_id);
    let place = fields.done(place)?;
    // The contract documents this rule, so that clients can split batches. A request that passes has a response that fits.
    let response_bytes: usize = request.items.iter().map(response_bytes).sum();
    if response_bytes > ops.limits.message_bytes {
        let message = format!(
            "the response to {} items may have {response_bytes} bytes, more than the {} of a message: send fewer items per request",
            request.items.len(),
            ops.limits.message_bytes
        );
        return Err(Error::new(Kind::BatchTooLarge, message));
    }
    let mut paths = HashSet::new();
    let items = request.items.into_iter().enumerate().map(|item| decode(item, &mut paths)).collect();
    let stored = batch_write::batch_write(ops, caller, &place, items).await?;
    let mut response = BatchWriteResponse { results: stored.into_iter().map(encode).collect() };
    if response.encoded_len() > ops.limits.message_bytes {
        // With thousands of failures, the details are dropped. Each failure keeps its code and message.
        response
            .results
            .iter_mut()
            .filter_map(|result| result.status.as_mut())
            .for_each(|status| status.details.clear());
    }
    Ok(response)
}

/// Maximum size of the result of an item, as `BatchWriteRequest` documents it.
fn response_bytes(item: &BatchWriteItem) -> usize {
    // Etag, size, time, a guessed content type, and the framing of the fields.
    const OTHER_FIELDS: usize = 256;
    let metadata = item.metadata.iter().map(|(key, value)| key.len() + value.len() + 8);
    OTHER_FIELDS + item.path.len() + item.content_type.len() + metadata.sum::<usize>()
}

/// Decodes an item. An invalid item fails alone.
fn decode(
    (at, item): (usize, BatchWriteItem),
    paths: &mut HashSet<ObjectPath>,
) -> Result<(ObjectPath, UploadHeader, Bytes)> {
    let path = ObjectPath::try_from(item.path).map_err(|error| Error::field(format!("items[{at}].path"), error))?;
    // The items are stored concurrently: either of two could win.
    if !paths.insert(path.clone()) {
        return Err(Error::field(
            format!("items[{at}].path"),
            "is the path of an earlier item: each path may occur once",
        ));
    }
    if !["", "*"].contains(&item.if_none_match.as_str()) {
        return Err(Error::field(format!("items[{at}].if_none_match"), "must be empty or *"));
    }
    let create_only = item.if_none_match == "*";
    if !item.write_id.is_empty() && !create_only {
        return Err(Error::field(
            format!("items[{at}].write_id"),
            "is only allowed in create-only writes: set if_none_match to *",
        ));
    }
    let write_id = match item.write_id.as_str() {
        "" => None,
        key => {
            Some(IdempotencyKey::try_from(key).map_err(|error| Error::field(format!("items[{at}].write_id"), error))?)
        }
    };
    if let Some(expected) = item.crc32c.filter(|expected| *expected != crc32c::crc32c(&item.data)) {
        let message = format!("items[{at}]: data does not match crc32c {expected:08x}: send the item again");
        return Err(Error::new(Kind::ChecksumMismatch, message));
    }
    let header = UploadHeader {
        content_type: item.content_type,
        metadata: sorted(item.metadata),
        create_only,
        write_id: write_id.map(WriteId::Chosen),
        ..UploadHeader::default()
    };
    Ok((path, header, item.data))
}

fn encode(stored: Result<FileInfo>) -> BatchWriteResult {
    match stored {
        Ok(info) => BatchWriteResult { status: Some(item_ok()), info: Some(file_info(info)) },
        Err(error) => BatchWriteResult { status: Some(item_status(error)), info: None },
    }
}
