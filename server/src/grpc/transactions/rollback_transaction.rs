//! `TransactionService.RollbackTransaction`.

use crate::auth::Caller;
use crate::error::Result;
use crate::grpc::convert::{Fields, transaction};
use crate::ops::context::Shared;
use crate::ops::transactions::rollback_transaction;
use lakeport_proto::v1::{RollbackTransactionRequest, RollbackTransactionResponse};

pub(crate) async fn rollback_transaction(
    ops: &Shared,
    caller: &Caller,
    request: RollbackTransactionRequest,
) -> Result<RollbackTransactionResponse> {
    let mut fields = Fields::default();
    let id = fields.parse("transaction_id", request.transaction_id);
    let row = rollback_transaction::rollback_transaction(ops, caller, &fields.done(id)?).await?;
    Ok(RollbackTransactionResponse { transaction: Some(transaction(&row)) })
}
