//! `TransactionService.WatchTransaction`.

use crate::auth::Caller;
use crate::error::Result;
use crate::grpc::convert::{Fields, transaction};
use crate::ops::context::Shared;
use crate::ops::transactions::watch_transaction;
use futures_util::{Stream, stream};
use lakeport_proto::v1::{WatchTransactionRequest, WatchTransactionResponse};

pub(crate) async fn watch_transaction(
    ops: &Shared,
    caller: &Caller,
    request: WatchTransactionRequest,
) -> Result<impl Stream<Item = Result<WatchTransactionResponse>> + Send + use<>> {
    let mut fields = Fields::default();
    let id = fields.parse("transaction_id", request.transaction_id);
    let watch = watch_transaction::watch_transaction(ops, caller, &fields.done(id)?).await?;
    Ok(stream::try_unfold((ops.clone(), watch), async |(ops, mut watch)| {
        let Some(event) = watch.next(&ops).await? else { return Ok(None) };
        let response = WatchTransactionResponse {
            transaction: Some(transaction(&event.transaction)),
            queue_position: i32::try_from(event.queue_position).unwrap_or(i32::MAX),
            reconnect: event.reconnect,
        };
        Ok(Some((response, (ops, watch))))
    }))
}
