//! `VersionService.Diff`.

use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::grpc::convert::{Fields, path_change, prefix};
use crate::ops::context::Shared;
use crate::ops::place::Place;
use crate::ops::versions::diff;
use crate::ops::versions::diff::DiffTarget;
use futures_util::{Stream, stream};
use lakeport_proto::v1::{DiffMode, DiffRequest, DiffResponse};
use lakeport_types::{Prefix, Ref};

pub(crate) async fn diff(
    ops: &Shared,
    caller: &Caller,
    request: DiffRequest,
) -> Result<impl Stream<Item = Result<DiffResponse>> + Send + use<>> {
    let (place, target, prefix) = decode(request)?;
    let mut differences = diff::diff(ops, caller, &place, target, prefix).await?;
    let first = differences.next(ops).await?;
    Ok(stream::try_unfold((ops.clone(), differences, first), async |(ops, mut differences, ready)| {
        let page = match ready {
            Some(page) => Some(page),
            None => differences.next(&ops).await?,
        };
        let Some(page) = page else { return Ok::<_, Error>(None) };
        let changes = page.into_iter().map(path_change).collect();
        Ok(Some((DiffResponse { changes }, (ops, differences, None))))
    }))
}

fn decode(request: DiffRequest) -> Result<(Place, DiffTarget, Prefix)> {
    let mut fields = Fields::default();
    let place = fields.place(request.repository, request.r#ref, request.transaction_id);
    let prefix = prefix(&mut fields, request.prefix);
    let mode: Option<DiffMode> = fields.known("mode", request.mode);
    let right: Option<Ref> = fields.optional("right_ref", request.right_ref);
    let is_uncommitted = mode == Some(DiffMode::Uncommitted);
    if is_uncommitted && right.is_some() {
        fields.wrong("right_ref", "must be empty for mode uncommitted");
    }
    let in_transaction = place.as_ref().is_some_and(|place| place.transaction_id().is_some());
    if !is_uncommitted && right.is_none() && !in_transaction {
        fields.wrong("right_ref", "is empty: set the ref to compare with");
    }
    if right.is_some() && in_transaction {
        fields.wrong("right_ref", "must be empty with a transaction_id: the transaction is the right side");
    }
    if in_transaction && matches!(mode, Some(DiffMode::TwoDot | DiffMode::ThreeDot)) {
        fields.wrong(
            "mode",
            "must be empty or uncommitted with a transaction_id: a transaction is compared with its base commit",
        );
    }
    let (place, (prefix, mode)) = fields.done(place.zip(prefix.zip(mode)))?;
    let target = match (mode, right) {
        (DiffMode::Uncommitted, _) => DiffTarget::Uncommitted,
        (_, None) => DiffTarget::Transaction,
        (DiffMode::TwoDot, Some(right)) => DiffTarget::TwoDot(right),
        (DiffMode::Unspecified | DiffMode::ThreeDot, Some(right)) => DiffTarget::ThreeDot(right),
    };
    Ok((place, target, prefix))
}
