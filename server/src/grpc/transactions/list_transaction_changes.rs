//! `TransactionService.ListTransactionChanges`.

use crate::auth::Caller;
use crate::error::Result;
use crate::grpc::convert::{Fields, path_change, prefix};
use crate::ops::context::Shared;
use crate::ops::transactions::list_transaction_changes;
use futures_util::{Stream, stream};
use lakeport_proto::v1::{ListTransactionChangesRequest, ListTransactionChangesResponse};

pub(crate) async fn list_transaction_changes(
    ops: &Shared,
    caller: &Caller,
    request: ListTransactionChangesRequest,
) -> Result<impl Stream<Item = Result<ListTransactionChangesResponse>> + Send + use<>> {
    let mut fields = Fields::default();
    let id = fields.parse("transaction_id", request.transaction_id);
    let prefix = prefix(&mut fields, request.prefix);
    let (id, prefix) = fields.done(id.zip(prefix))?;
    let changes = list_transaction_changes::list_transaction_changes(ops, caller, &id, prefix).await?;
    Ok(stream::try_unfold((ops.clone(), changes), async |(ops, mut changes)| {
        let Some(page) = changes.next(&ops).await? else { return Ok(None) };
        let page = page.into_iter().map(path_change).collect();
        Ok(Some((ListTransactionChangesResponse { changes: page }, (ops, changes))))
    }))
}
