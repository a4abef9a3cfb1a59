//! `FileService.BatchRead`.

use super::batch_stat::parsed;
use crate::auth::Caller;
use crate::error::Result;
use crate::grpc::convert::{Fields, file_info};
use crate::grpc::item_status;
use crate::grpc::parts::parts;
use crate::grpc::status::item_ok;
use crate::ops::batch_memory::Reserved;
use crate::ops::context::Shared;
use crate::ops::files::batch::BatchItem;
use crate::ops::files::batch_read;
use crate::ops::files::batch_read::WholeObject;
use futures_util::{Stream, StreamExt, stream};
use lakeport_proto::v1::{BatchReadItem, BatchReadRequest, BatchReadResponse};

/// Maximum number of items in one message.
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
    let items = batch_read::batch_read(ops.clone(), caller.clone(), &place, parsed(request.paths)).await?;
    let messages = items.map(encode).ready_chunks(ITEMS).flat_map(move |chunk| {
        let (items, memory): (Vec<_>, Vec<_>) = chunk.into_iter().unzip();
        // HTTP/2 polls for the next message when it has sent most of this one. Until then, its bytes are in memory.
        stream::iter(parts(items, limit)).map(move |items| {
            let _ = &memory;
            Ok(BatchReadResponse { items })
        })
    });
    Ok(messages)
}

/// Encodes an item, and returns the memory of its bytes.
fn encode((index, read): BatchItem<WholeObject>) -> (BatchReadItem, Option<Reserved>) {
    let index = i32::try_from(index).unwrap_or(i32::MAX);
    match read {
        Ok(WholeObject { info, data, memory }) => {
            let crc32c = Some(crc32c::crc32c(&data));
            (BatchReadItem { index, status: Some(item_ok()), info: Some(file_info(info)), crc32c, data }, Some(memory))
        }
        Err(error) => (BatchReadItem { index, status: Some(item_status(error)), ..Default::default() }, None),
    }
}
