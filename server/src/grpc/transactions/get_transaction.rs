//! `TransactionService.GetTransaction`.

use crate::error::Result;
use crate::grpc::convert::{Fields, transaction};
use crate::ops::{self, Caller, Shared};
use lakeport_proto::v1::{GetTransactionRequest, GetTransactionResponse};

pub(crate) async fn get_transaction(
    ops: &Shared,
    caller: &Caller,
    request: GetTransactionRequest,
) -> Result<GetTransactionResponse> {
    let mut fields = Fields::default();
    let id = fields.parse("transaction_id", request.transaction_id);
    let row = ops::get(ops, caller, &fields.done(id)?).await?;
    Ok(GetTransactionResponse { transaction: Some(transaction(row)) })
}
