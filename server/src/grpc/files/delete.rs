//! `FileService.Delete`.

use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::grpc::convert::{Fields, paths};
use crate::grpc::item_status;
use crate::ops::context::Shared;
use crate::ops::files::batch;
use crate::ops::files::delete;
use crate::ops::files::delete::DeleteTarget;
use futures_util::{Stream, stream};
use lakeport_proto::v1::{DeleteRequest, DeleteResponse, PathStatus};

pub(crate) async fn delete(
    ops: &Shared,
    caller: &Caller,
    request: DeleteRequest,
) -> Result<impl Stream<Item = Result<DeleteResponse>> + Send + use<>> {
    batch::check_batch(request.paths.len(), ops.limits.batch_items)?;
    let is_one = request.paths.is_empty() && !request.recursive;
    let mut fields = Fields::default();
    let place = fields.place(request.repository, request.r#ref, request.transaction_id);
    let target = if request.paths.is_empty() {
        let path = fields.parse("path", request.path);
        path.map(|path| if request.recursive { DeleteTarget::Tree(path) } else { DeleteTarget::Paths(vec![path]) })
    } else {
        if !request.path.is_empty() || request.recursive {
            fields.wrong("paths", "must be empty with path or recursive");
        }
        Some(DeleteTarget::Paths(paths(&mut fields, "paths", request.paths)))
    };
    let (place, target) = fields.done(place.zip(target))?;
    let mut deletion = delete::delete(ops, caller, &place, target, request.allow_missing).await?;
    let first = deletion.next(ops).await?;
    let state = (ops.clone(), deletion, first, 0, is_one);
    Ok(stream::try_unfold(state, async |(ops, mut deletion, ready, deleted, is_one)| {
        let progress = match ready {
            Some(progress) => Some(progress),
            None => deletion.next(&ops).await?,
        };
        let Some(progress) = progress else { return Ok::<_, Error>(None) };
        let mut failures = progress.failures;
        // For a single object, its failure is the error of the call.
        if is_one && let Some((_, error)) = failures.pop() {
            return Err(error);
        }
        let deleted = deleted + progress.deleted;
        let failures = failures.into_iter().map(|(path, error)| PathStatus { path, status: Some(item_status(error)) });
        let response =
            DeleteResponse { deleted_count: i64::try_from(deleted).unwrap_or(i64::MAX), failures: failures.collect() };
        Ok(Some((response, (ops, deletion, None, deleted, is_one))))
    }))
}
