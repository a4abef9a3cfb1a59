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
    let skip_merge = request.skip_merge;
    if skip_merge && !tags.is_empty() {
        fields.wrong("tags", "must be empty with skip_merge: there is no merge commit to tag");
    }
    if skip_merge && request.squash {
        fields.wrong("squash", "must be false with skip_merge: there is no merge to squash");
    }
    if skip_merge && request.strategy != 0 {
        fields.wrong("strategy", "must be unset with skip_merge: there is no merge with conflicts");
    }
    let (id, conflicts) = fields.done(id.zip(conflicts))?;
    let commit = Commit {
        request: CommitRequest {
            message: request.message,
            metadata: sorted(request.metadata),
            strategy: strategy(conflicts),
            squash: request.squash,
            merge: !skip_merge,
            tags: tags.iter().map(ToString::to_string).collect(),
        },
        validate_only: request.validate_only,
        if_epoch: request.if_epoch,
    };
    let row = commit_transaction::commit_transaction(ops, caller, &id, commit).await?;
    Ok(CommitTransactionResponse { transaction: Some(transaction(&row)) })
}
