//! `TransactionService.KeepAliveTransaction`.

use crate::error::Result;
use crate::grpc::convert::{Fields, transaction};
use crate::ops::{self, Caller, Shared};
use lakeport_proto::v1::{KeepAliveTransactionRequest, KeepAliveTransactionResponse};

pub(crate) async fn keep_alive_transaction(
    ops: &Shared,
    caller: &Caller,
    request: KeepAliveTransactionRequest,
) -> Result<KeepAliveTransactionResponse> {
    let mut fields = Fields::default();
    let id = fields.parse("transaction_id", request.transaction_id);
    let row = ops::keep_alive(ops, caller, &fields.done(id)?).await?;
    Ok(KeepAliveTransactionResponse { transaction: Some(transaction(row)) })
}
