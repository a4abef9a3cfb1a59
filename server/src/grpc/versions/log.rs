//! `VersionService.Log`.

use crate::error::Result;
use crate::grpc::convert::{Fields, commit};
use crate::ops::{self, Caller, LogTarget, Shared};
use futures_util::{Stream, stream};
use lakeport_proto::v1::{LogRequest, LogResponse};

pub(crate) async fn log(
    ops: &Shared,
    caller: &Caller,
    request: LogRequest,
) -> Result<impl Stream<Item = Result<LogResponse>> + Send + use<>> {
    let mut fields = Fields::default();
    let place = fields.place(request.repository, request.r#ref, request.transaction_id);
    let limit = fields.count("limit", request.limit);
    let (place, limit) = fields.done(place.zip(limit))?;
    let target =
        LogTarget { limit, first_parent: request.first_parent, paths: request.paths, prefixes: request.prefixes };
    let mut history = ops::log(ops, caller, &place, target).await?;
    let first = history.next(ops).await?;
    Ok(stream::try_unfold((ops.clone(), history, first), async |(ops, mut history, ready)| {
        let page = match ready {
            Some(page) => Some(page),
            None => history.next(&ops).await?,
        };
        let Some(page) = page else { return Ok(None) };
        let commits = page.into_iter().map(commit).collect();
        Ok(Some((LogResponse { commits }, (ops, history, None))))
    }))
}
