//! `TransactionService.CommitTransaction`.

use crate::auth::Caller;
use crate::error::Result;
use crate::grpc::convert::{Fields, sorted, strategy, transaction};
use crate::ops::context::Shared;
use crate::ops::transactions::commit_transaction;
use crate::ops::transactions::commit_transaction::Commit;
use lakeport_proto::v1::{CommitTransactionRequest, CommitTransactionResponse, MergeStrategy};
use lakeport_transactions::CommitRequest;
use lakeport_types::{TagName, TransactionId};

pub(crate) async fn commit_transaction(
    ops: &Shared,
    caller: &Caller,
    request: CommitTransactionRequest,
) -> Result<CommitTransactionResponse> {
    let mut fields = Fields::default();
    let id: Option<TransactionId> = fields.parse("transaction_id", request.transaction_id);
    let conflicts: Option<MergeStrategy> = fields.known("strategy", request.strategy);
    let tags: Vec<TagName> = request
        .tags
        .into_iter()
        .enumerate()
        .filter_map(|(at, tag)| fields.parse(&format!("tags[{at}]"), tag))
        .collect();
    let merge = request.merge.unwrap_or(true);
    if !merge && !tags.is_empty() {
        fields.wrong("tags", "must be empty where merge is false: there is no merge commit to tag");
    }
    if !merge && request.squash {
        fields.wrong("squash", "must be false where merge is false: it says how to merge");
    }
    if !merge && request.strategy != 0 {
        fields.wrong("strategy", "must be empty where merge is false: it says how to merge");
    }
    let (id, conflicts) = fields.done(id.zip(conflicts))?;
    let commit = Commit {
        request: CommitRequest {
            message: request.message,
            metadata: sorted(request.metadata),
            strategy: strategy(conflicts),
            squash: request.squash,
            merge,
            tags: tags.iter().map(ToString::to_string).collect(),
        },
        validate_only: request.validate_only,
        if_epoch: request.if_epoch,
    };
    let row = commit_transaction::commit_transaction(ops, caller, &id, commit).await?;
    Ok(CommitTransactionResponse { transaction: Some(transaction(&row)) })
}
