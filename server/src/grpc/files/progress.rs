//! The response of a copy or a move: a message for each batch.

use crate::error::{Error, Result};
use crate::grpc::item_status;
use crate::ops::context::Shared;
use crate::ops::files::transfer::{Transfer, TransferProgress};
use futures_util::{Stream, TryStreamExt as _, stream};
use lakeport_proto::v1::PathStatus;

/// Runs a transfer and returns its messages. Waits for the first batch, so that an error in it fails the call itself.
pub(super) async fn responses<T>(
    ops: &Shared,
    mut transfer: Transfer,
    response: fn(Vec<String>, Vec<PathStatus>) -> T,
) -> Result<impl Stream<Item = Result<T>> + Send + use<T>> {
    let first = transfer.next(ops).await?;
    let batches = stream::try_unfold((ops.clone(), transfer, first), async |(ops, mut transfer, ready)| {
        let progress = match ready {
            Some(progress) => Some(progress),
            None => transfer.next(&ops).await?,
        };
        Ok::<_, Error>(progress.map(|progress| (progress, (ops, transfer, None))))
    });
    Ok(batches.map_ok(move |TransferProgress { paths, failures }| {
        let failures = failures.into_iter().map(|(path, error)| PathStatus { path, status: Some(item_status(error)) });
        response(paths, failures.collect())
    }))
}
