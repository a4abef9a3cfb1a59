//! `FileService.Copy`.

use crate::error::Result;
use crate::grpc::convert::Fields;
use crate::grpc::item_status;
use crate::ops::{self, Caller, Shared, Transfer};
use futures_util::{Stream, stream};
use lakeport_proto::v1::{CopyRequest, CopyResponse, PathStatus};

pub(crate) async fn copy(
    ops: &Shared,
    caller: &Caller,
    request: CopyRequest,
) -> Result<impl Stream<Item = Result<CopyResponse>> + Send + use<>> {
    let mut fields = Fields::default();
    let place = fields.place(request.repository, request.r#ref, request.transaction_id);
    let destination = fields.parse("path", request.path);
    let source = fields.parse("source_path", request.source_path);
    let source_ref = fields.optional("source_ref", request.source_ref);
    let source_repository = fields.optional("source_repository", request.source_repository);
    if source_repository.is_some() && source_ref.is_none() {
        fields.wrong("source_ref", "is empty: with a source_repository it has to name a ref of that");
    }
    let (place, (destination, source)) = fields.done(place.zip(destination.zip(source)))?;
    let transfer = Transfer { source_repository, source_ref, source, destination, recursive: request.recursive };
    let mut copying = ops::copy(ops, caller, &place, transfer).await?;
    let first = copying.next(ops).await?;
    Ok(stream::try_unfold((ops.clone(), copying, first), async |(ops, mut copying, ready)| {
        let progress = match ready {
            Some(progress) => Some(progress),
            None => copying.next(&ops).await?,
        };
        let Some(progress) = progress else { return Ok(None) };
        let failures =
            progress.failures.into_iter().map(|(path, error)| PathStatus { path, status: Some(item_status(error)) });
        let answer = CopyResponse { paths: progress.paths, failures: failures.collect() };
        Ok(Some((answer, (ops, copying, None))))
    }))
}
