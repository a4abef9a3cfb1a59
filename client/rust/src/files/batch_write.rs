//! Writes of many small objects with few calls.

use super::batch::succeeded;
use super::expect_info;
use super::split::{ITEM_OVERHEAD, split};
use super::write::if_none_match;
use crate::request_id::or_random;
use crate::retry::{Repeat, call};
use crate::v1::{BatchWriteItem, BatchWriteRequest, BatchWriteResult, FileInfo};
use crate::{Client, Error, Place, Result, WriteOptions};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use prost::Message as _;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// Size of a request. A quarter of the limit, so that requests overlap. Larger objects are sent alone.
const REQUEST_BYTES: usize = 1 << 20;
/// Number of calls at the same time.
const CALLS: usize = 8;
/// Weights of an item in the contract, which keep the response within a message.
const ITEM_WEIGHT: usize = 256;
const METADATA_WEIGHT: usize = 4;

/// An object to store with others.
#[derive(Debug, Clone, Default)]
pub struct NewObject {
    /// Path of the object.
    pub path: String,
    /// All bytes.
    pub data: Bytes,
    /// MIME type. Empty: the server guesses it from the path.
    pub content_type: String,
    /// User metadata. Keys must be lower case.
    pub metadata: HashMap<String, String>,
    /// Fail with `ObjectExists` if the object exists.
    pub create_only: bool,
    /// Idempotency key of a create-only write; see [`WriteOptions::write_id`]. Empty: a random key.
    pub write_id: String,
}

impl Client {
    /// Stores objects, many small ones with each call. Returns each stored object, or its error, in order: some objects can fail
    /// while others are stored. To store all or none, use a transaction. Of objects with the same path, only the first is stored.
    ///
    /// # Errors
    /// A call failed as a whole: `RefNotABranch`, `TransactionNotFound`. Some objects may be stored then.
    pub async fn write_many(&self, place: &Place, objects: Vec<NewObject>) -> Result<Vec<Result<FileInfo>>> {
        let mut seen = HashSet::new();
        let is_first: Vec<bool> = objects.iter().map(|object| seen.insert(object.path.clone())).collect();
        let first = objects.into_iter().zip(&is_first).filter_map(|(object, first)| first.then_some(object));
        let items: Vec<BatchWriteItem> = first.map(item).collect();
        let batches = split(items.len(), REQUEST_BYTES, |index| {
            [items[index].encoded_len() + ITEM_OVERHEAD, response_weight(&items[index])]
        });
        let calls = stream::iter(batches).map(|batch| self.write_batch(place, &items, batch)).buffered(CALLS);
        let stored: Vec<Vec<Result<FileInfo>>> = calls.try_collect().await?;
        let mut stored = stored.into_iter().flatten();
        let result = |first: bool| if first { stored.next() } else { Some(Err(duplicate())) };
        is_first.into_iter().map(result).collect::<Option<_>>().ok_or_else(missing_results)
    }

    async fn write_batch(
        &self,
        place: &Place,
        items: &[BatchWriteItem],
        batch: Range<usize>,
    ) -> Result<Vec<Result<FileInfo>>> {
        let items = items[batch].to_vec();
        if let [item] = items.as_slice()
            && item.data.len() > REQUEST_BYTES
        {
            return self.write_alone(place, item.clone()).await;
        }
        let (repository, r#ref, transaction_id) = place.fields();
        let count = items.len();
        let request = BatchWriteRequest { repository, r#ref, transaction_id, items };
        let response = self.unary(Repeat::Idempotent, call!(self, bulk.batch_write(request))).await?;
        if response.results.len() != count {
            return Err(missing_results());
        }
        Ok(response.results.into_iter().map(stored).collect())
    }

    async fn write_alone(&self, place: &Place, item: BatchWriteItem) -> Result<Vec<Result<FileInfo>>> {
        let options = WriteOptions {
            content_type: item.content_type,
            metadata: item.metadata,
            size_bytes: None,
            create_only: !item.if_none_match.is_empty(),
            write_id: item.write_id,
        };
        match self.write_bytes(place, &item.path, item.data, options).await {
            // The connection or the server failed, not the object.
            Err(error) if error.reason_name().is_none() => Err(error),
            result => Ok(vec![result]),
        }
    }
}

fn item(object: NewObject) -> BatchWriteItem {
    let NewObject { path, data, content_type, metadata, create_only, write_id } = object;
    // With a key, a retry after a lost response does not find its own object.
    let write_id = if create_only { or_random(&write_id) } else { write_id };
    let if_none_match = if_none_match(create_only);
    BatchWriteItem { path, content_type, metadata, if_none_match, write_id, crc32c: Some(crc32c::crc32c(&data)), data }
}

fn stored(result: BatchWriteResult) -> Result<FileInfo> {
    succeeded(result.status)?;
    expect_info(result.info)
}

fn response_weight(item: &BatchWriteItem) -> usize {
    let metadata = item.metadata.iter().map(|(key, value)| key.len() + value.len() + 2 * METADATA_WEIGHT);
    ITEM_WEIGHT + item.path.len() + item.content_type.len() + metadata.sum::<usize>()
}

/// In different calls, either of two objects with one path could be stored last.
fn duplicate() -> Error {
    Error::invalid("an earlier object of the batch has the same path")
}

fn missing_results() -> Error {
    Error::invalid_response("the response has no result for some objects")
}
