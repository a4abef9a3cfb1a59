//! `FileService.BatchWrite`.

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::grpc::convert::{Fields, file_info, sorted};
use crate::grpc::item_status;
use crate::grpc::status::item_ok;
use crate::ops::context::Shared;
use crate::ops::files::batch_write;
use crate::ops::files::file_info::FileInfo;
use crate::ops::files::store_object::UploadHeader;
use bytes::Bytes;
use lakeport_proto::v1::{BatchWriteItem, BatchWriteRequest, BatchWriteResponse, BatchWriteResult};
use lakeport_types::ObjectPath;
use prost::Message;

pub(crate) async fn batch_write(
    ops: &Shared,
    caller: &Caller,
    request: BatchWriteRequest,
) -> Result<BatchWriteResponse> {
    let mut fields = Fields::default();
    let place = fields.place(request.repository, request.r#ref, request.transaction_id);
    let place = fields.done(place)?;
    // The answer says of each item what the request says, and more: a request that is taken has an answer that fits.
    let answer: usize = request.items.iter().map(answer_bytes).sum();
    if answer > ops.limits.message_bytes {
        let message =
            format!("the answer to {} items would not fit a message: send more requests", request.items.len());
        return Err(Error::new(Kind::BatchTooLarge, message));
    }
    let items = request.items.into_iter().enumerate().map(decode).collect();
    let stored = batch_write::batch_write(ops, caller, &place, items).await?;
    let mut answer = BatchWriteResponse { results: stored.into_iter().map(encode).collect() };
    if answer.encoded_len() > ops.limits.message_bytes {
        // Thousands failed: each still has its code and text.
        answer.results.iter_mut().filter_map(|result| result.status.as_mut()).for_each(|status| status.details.clear());
    }
    Ok(answer)
}

/// Bytes of what is answered about an item that went well, at most.
fn answer_bytes(item: &BatchWriteItem) -> usize {
    const BESIDES: usize = 128;
    let metadata = item.metadata.iter().map(|(key, value)| key.len() + value.len() + 8);
    item.path.len() + item.content_type.len() + metadata.sum::<usize>() + BESIDES
}

/// An item that cannot be stored fails alone.
fn decode((at, item): (usize, BatchWriteItem)) -> Result<(ObjectPath, UploadHeader, Bytes)> {
    let path = ObjectPath::try_from(item.path).map_err(|error| Error::field(format!("items[{at}].path"), error))?;
    if !["", "*"].contains(&item.if_none_match.as_str()) {
        return Err(Error::field(format!("items[{at}].if_none_match"), "must be empty or *"));
    }
    let header = UploadHeader {
        content_type: item.content_type,
        metadata: sorted(item.metadata),
        create_only: item.if_none_match == "*",
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
