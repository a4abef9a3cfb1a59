//! `FileService.Move`.

use crate::error::Result;
use crate::grpc::convert::Fields;
use crate::grpc::item_status;
use crate::ops::{self, Caller, Shared, Transfer};
use futures_util::{Stream, stream};
use lakeport_proto::v1::{MoveRequest, MoveResponse, PathStatus};

pub(crate) async fn rename(
    ops: &Shared,
    caller: &Caller,
    request: MoveRequest,
) -> Result<impl Stream<Item = Result<MoveResponse>> + Send + use<>> {
    let mut fields = Fields::default();
    let place = fields.place(request.repository, request.r#ref, request.transaction_id);
    let destination = fields.parse("path", request.path);
    let source = fields.parse("source_path", request.source_path);
    let (place, (destination, source)) = fields.done(place.zip(destination.zip(source)))?;
    let transfer =
        Transfer { source_repository: None, source_ref: None, source, destination, recursive: request.recursive };
    let mut moving = ops::rename(ops, caller, &place, transfer).await?;
    let first = moving.next(ops).await?;
    Ok(stream::try_unfold((ops.clone(), moving, first), async |(ops, mut moving, ready)| {
        let progress = match ready {
            Some(progress) => Some(progress),
            None => moving.next(&ops).await?,
        };
        let Some(progress) = progress else { return Ok(None) };
        let failures =
            progress.failures.into_iter().map(|(path, error)| PathStatus { path, status: Some(item_status(error)) });
        let answer = MoveResponse { paths: progress.paths, failures: failures.collect() };
        Ok(Some((answer, (ops, moving, None))))
    }))
}
