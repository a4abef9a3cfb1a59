//! The answers of a copy or a move: a message for each part that is done.

use crate::error::{Error, Result};
use crate::grpc::item_status;
use crate::ops::context::Shared;
use crate::ops::files::transfer::{TransferProgress, Transferring};
use futures_util::{Stream, TryStreamExt as _, stream};
use lakeport_proto::v1::PathStatus;

/// Waits for the first part, so that what is refused whole is refused by the call itself.
pub(super) async fn answers<T>(
    ops: &Shared,
    mut transferring: Transferring,
    answer: fn(Vec<String>, Vec<PathStatus>) -> T,
) -> Result<impl Stream<Item = Result<T>> + Send + use<T>> {
    let first = transferring.next(ops).await?;
    let parts = stream::try_unfold((ops.clone(), transferring, first), async |(ops, mut transferring, ready)| {
        let progress = match ready {
            Some(progress) => Some(progress),
            None => transferring.next(&ops).await?,
        };
        Ok::<_, Error>(progress.map(|progress| (progress, (ops, transferring, None))))
    });
    Ok(parts.map_ok(move |TransferProgress { paths, failures }| {
        let failures = failures.into_iter().map(|(path, error)| PathStatus { path, status: Some(item_status(error)) });
        answer(paths, failures.collect())
    }))
}
