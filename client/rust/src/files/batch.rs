//! Reads of many small objects with few calls.

use super::split::split_paths;
use crate::retry::{Repeat, Retries, call};
use crate::streams::opened;
use crate::v1::{BatchReadItem, BatchReadRequest, BatchStatItem, BatchStatRequest, FileInfo};
use crate::{Client, Code, Error, Place, ReadOptions, Result};
use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, StreamExt as _};
use tonic::{Response, Status, Streaming};

/// Number of calls at the same time for objects that do not fit into a message.
const LARGE_READS: usize = 4;

/// An object with its bytes. The properties have no user metadata.
#[derive(Debug, Clone)]
pub struct Object {
    /// Properties of the object.
    pub info: FileInfo,
    /// All bytes.
    pub data: Bytes,
}

/// Result of one path of a response: its index in the request, and the object or its error.
type Item<T> = (i32, Result<T>);

impl Client {
    /// Returns the properties of each object, or its error, in the order of the paths.
    ///
    /// # Errors
    /// A call failed as a whole: `RefNotFound`, `TransactionNotFound`.
    pub async fn stat_many(&self, place: &Place, paths: &[String]) -> Result<Vec<Result<FileInfo>>> {
        let (repository, r#ref, transaction_id) = place.fields();
        let request = BatchStatRequest { repository, r#ref, transaction_id, paths: Vec::new() };
        let attempt = |paths| call!(self, files.batch_stat(BatchStatRequest { paths, ..request.clone() }))();
        self.batches(paths, attempt, |message| message.items.into_iter().map(stat_item).collect()).await
    }

    /// Reads whole objects. Returns each object, or its error, in the order of the paths. An object that does not fit into a message
    /// needs a call of its own.
    ///
    /// # Errors
    /// A call failed as a whole: `RefNotFound`, `TransactionNotFound`.
    pub async fn read_many(&self, place: &Place, paths: &[String]) -> Result<Vec<Result<Object>>> {
        let (repository, r#ref, transaction_id) = place.fields();
        let request = BatchReadRequest { repository, r#ref, transaction_id, paths: Vec::new() };
        let attempt = |paths| call!(self, bulk.batch_read(BatchReadRequest { paths, ..request.clone() }))();
        let mut results =
            self.batches(paths, attempt, |message| message.items.into_iter().map(read_item).collect()).await?;
        let is_large = |result: &Result<Object>| matches!(result, Err(error) if error.code() == Code::OutOfRange);
        let large: Vec<usize> = (0..paths.len()).filter(|index| is_large(&results[*index])).collect();
        let reads = stream::iter(large)
            .map(|index| async move { (index, self.read_bytes(place, &paths[index]).await) })
            .buffer_unordered(LARGE_READS);
        for (index, object) in reads.collect::<Vec<_>>().await {
            results[index] = object;
        }
        Ok(results)
    }

    /// Reads a whole object.
    ///
    /// # Errors
    /// Those of [`Client::read`] and [`Download::chunk`](crate::Download::chunk).
    pub async fn read_bytes(&self, place: &Place, path: &str) -> Result<Object> {
        let options = ReadOptions { checksum: true, ..ReadOptions::default() };
        let mut download = self.read(place, path, options).await?;
        let mut data = BytesMut::with_capacity(usize::try_from(download.remaining_bytes()).unwrap_or_default());
        while let Some(piece) = download.chunk().await? {
            data.extend_from_slice(&piece);
        }
        Ok(Object { info: download.info().clone(), data: data.freeze() })
    }

    /// Sends requests for paths, and returns the results in the order of the paths. After a lost connection, the next request has
    /// the paths without a result.
    async fn batches<M, T, F>(
        &self,
        paths: &[String],
        attempt: impl Fn(Vec<String>) -> F,
        items: impl Fn(M) -> Vec<Item<T>>,
    ) -> Result<Vec<Result<T>>>
    where
        F: Future<Output = Result<Response<Streaming<M>>, Status>>,
    {
        let mut results: Vec<Option<Result<T>>> = paths.iter().map(|_| None).collect();
        for batch in split_paths(paths) {
            let mut retries = Retries::new(self, Repeat::Idempotent);
            loop {
                let pending: Vec<usize> = batch.clone().filter(|index| results[*index].is_none()).collect();
                let call = attempt(pending.iter().map(|index| paths[*index].clone()).collect());
                match receive(call, &pending, &items, &mut results, &mut retries).await {
                    Ok(()) => break,
                    Err(error) => retries.wait(error).await?,
                }
            }
        }
        Ok(results.into_iter().flatten().collect())
    }
}

/// Receives a response to a request with the paths of the indexes `pending`, and stores each result at its index.
async fn receive<M, T>(
    call: impl Future<Output = Result<Response<Streaming<M>>, Status>>,
    pending: &[usize],
    items: impl Fn(M) -> Vec<Item<T>>,
    results: &mut [Option<Result<T>>],
    retries: &mut Retries,
) -> Result<()> {
    let (mut next, mut messages) = retries.step(opened(call)).await?;
    while let Some(message) = next {
        for (position, result) in items(message) {
            let index = usize::try_from(position).ok().and_then(|position| pending.get(position));
            let index = index.ok_or_else(|| Error::invalid_response("the response has a result for no path"))?;
            results[*index] = Some(result);
        }
        next = retries.step(messages.message()).await?;
    }
    match pending.iter().all(|index| results[*index].is_some()) {
        true => Ok(()),
        false => Err(Error::invalid_response("the response has no result for some paths")),
    }
}

fn stat_item(item: BatchStatItem) -> Item<FileInfo> {
    (item.index, succeeded(item.status).and_then(|()| super::expect_info(item.info)))
}

fn read_item(item: BatchReadItem) -> Item<Object> {
    let (index, data) = (item.index, item.data);
    let object = succeeded(item.status).and_then(|()| match item.crc32c {
        Some(sum) if sum != crc32c::crc32c(&data) => {
            Err(Error::corrupt("the bytes of the object do not match their checksum"))
        }
        _ => Ok(Object { info: super::expect_info(item.info)?, data }),
    });
    (index, object)
}

/// Returns the error of an item.
pub(super) fn succeeded(status: Option<tonic_types::Status>) -> Result<()> {
    match status {
        Some(status) if status.code != 0 => Err(status.into()),
        _ => Ok(()),
    }
}
