//! `TransactionService.GetTransaction`.

use crate::auth::Caller;
use crate::error::Result;
use crate::grpc::convert::{Fields, transaction};
use crate::ops::context::Shared;
use crate::ops::transactions::get_transaction;
use lakeport_proto::v1::{GetTransactionRequest, GetTransactionResponse};

pub(crate) async fn get_transaction(
    ops: &Shared,
    caller: &Caller,
    request: GetTransactionRequest,
) -> Result<GetTransactionResponse> {
    let mut fields = Fields::default();
    let id = fields.parse("transaction_id", request.transaction_id);
    let row = get_transaction::get_transaction(ops, caller, &fields.done(id)?).await?;
    Ok(GetTransactionResponse { transaction: Some(transaction(&row)) })
}
