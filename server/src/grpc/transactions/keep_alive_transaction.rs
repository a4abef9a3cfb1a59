//! `TransactionService.KeepAliveTransaction`.

use crate::auth::Caller;
use crate::error::Result;
use crate::grpc::convert::{Fields, transaction};
use crate::ops::context::Shared;
use crate::ops::transactions::keep_alive_transaction;
use lakeport_proto::v1::{KeepAliveTransactionRequest, KeepAliveTransactionResponse};

pub(crate) async fn keep_alive_transaction(
    ops: &Shared,
    caller: &Caller,
    request: KeepAliveTransactionRequest,
) -> Result<KeepAliveTransactionResponse> {
    let mut fields = Fields::default();
    let id = fields.parse("transaction_id", request.transaction_id);
    let row = keep_alive_transaction::keep_alive_transaction(ops, caller, &fields.done(id)?).await?;
    Ok(KeepAliveTransactionResponse { transaction: Some(transaction(&row)) })
}
