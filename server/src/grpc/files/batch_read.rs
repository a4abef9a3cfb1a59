//! `FileService.BatchRead`.

use super::batch_stat::parsed;
use crate::error::Result;
use crate::grpc::convert::{Fields, file_info};
use crate::grpc::item_status;
use crate::grpc::status::item_ok;
use crate::ops::{self, BatchItem, Caller, FileInfo, Shared};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use lakeport_proto::v1::{BatchReadItem, BatchReadRequest, BatchReadResponse};
use prost::Message;

/// Items of one message at most.
const ITEMS: usize = 256;

pub(crate) async fn batch_read(
    ops: &Shared,
    caller: &Caller,
    request: BatchReadRequest,
) -> Result<impl Stream<Item = Result<BatchReadResponse>> + Send + use<>> {
    let mut fields = Fields::default();
    let place = fields.place(request.repository, request.r#ref, request.transaction_id);
    let place = fields.done(place)?;
    let limit = ops.limits.message_bytes;
    let items = ops::read_many(ops.clone(), caller.clone(), &place, parsed(request.paths)).await?;
    let messages = items.map(encode).ready_chunks(ITEMS).flat_map(move |items| stream::iter(split(items, limit)));
    Ok(messages.map(Ok))
}

/// Messages that each stay under the limit. An item alone always does.
fn split(items: Vec<BatchReadItem>, limit: usize) -> Vec<BatchReadResponse> {
    let mut messages: Vec<BatchReadResponse> = Vec::new();
    let mut size = 0;
    for item in items {
        let length = item.encoded_len() + 8;
        if messages.is_empty() || size + length > limit {
            messages.push(BatchReadResponse::default());
            size = 0;
        }
        size += length;
        if let Some(message) = messages.last_mut() {
            message.items.push(item);
        }
    }
    messages
}

fn encode((index, read): BatchItem<(FileInfo, Bytes)>) -> BatchReadItem {
    let index = i32::try_from(index).unwrap_or(i32::MAX);
    match read {
        Ok((info, data)) => BatchReadItem { index, status: Some(item_ok()), info: Some(file_info(info)), data },
        Err(error) => BatchReadItem { index, status: Some(item_status(error)), info: None, data: Bytes::new() },
    }
}
