//! `TransactionService.BeginTransaction`.

use crate::auth::Caller;
use crate::error::Result;
use crate::grpc::convert::{Fields, retention, sorted, span, transaction};
use crate::ops::context::Shared;
use crate::ops::transactions::begin_transaction;
use crate::ops::transactions::begin_transaction::Begin;
use lakeport_proto::v1::{BeginTransactionRequest, BeginTransactionResponse, BranchRetention};
use lakeport_transactions::{Millis, Options};
use lakeport_types::BranchName;
use std::collections::HashMap;

const MINUTE: Millis = 60_000;
const DAY: Millis = 24 * 60 * MINUTE;
const MAX_LABELS: usize = 64;
const MAX_LABEL_BYTES: usize = 256;

pub(crate) async fn begin_transaction(
    ops: &Shared,
    caller: &Caller,
    request: BeginTransactionRequest,
) -> Result<BeginTransactionResponse> {
    let row = begin_transaction::begin_transaction(ops, caller, decode(request)?).await?;
    Ok(BeginTransactionResponse { transaction: Some(transaction(&row)) })
}

fn decode(request: BeginTransactionRequest) -> Result<Begin> {
    let mut fields = Fields::default();
    let repository = fields.parse("repository", request.repository);
    let base_branch = fields.parse("base_branch", request.base_branch);
    let id = fields.optional("transaction_id", request.transaction_id);
    let idle_timeout = span(&mut fields, "idle_timeout", request.idle_timeout, 10 * MINUTE, DAY);
    let lifetime = span(&mut fields, "lifetime", request.lifetime, DAY, 7 * DAY);
    let kept_branch: Option<BranchName> = fields.optional("branch", request.branch);
    if kept_branch.as_ref().is_some_and(BranchName::is_transaction) {
        fields.wrong(
            "branch",
            "must not start with lakeport-tx-, the prefix of transaction branches: choose another name",
        );
    }
    let kept: Option<BranchRetention> = fields.known("branch_retention", request.branch_retention);
    let keeps = kept.is_some_and(|kept| kept != BranchRetention::Unspecified && kept != BranchRetention::Delete);
    if request.read_only && (keeps || kept_branch.is_some()) {
        fields.wrong("branch_retention", "must be unset with read_only: there is no branch to keep");
    } else if kept_branch.is_some() && !keeps {
        fields.wrong("branch", "is the name of the kept branch: set branch_retention, too, or leave it out");
    }
    check_labels(&mut fields, &request.labels);
    let parsed = repository.zip(base_branch).zip(idle_timeout.zip(lifetime)).zip(kept);
    let (((repository, base_branch), (idle_timeout, lifetime)), kept) = fields.done(parsed)?;
    let options = Options {
        idle_timeout,
        lifetime,
        read_only: request.read_only,
        retention: retention(kept),
        kept_branch: kept_branch.map(|branch| branch.to_string()),
    };
    Ok(Begin { repository, base_branch, id, options, labels: sorted(request.labels) })
}

fn check_labels(fields: &mut Fields, labels: &HashMap<String, String>) {
    if labels.len() > MAX_LABELS {
        fields.wrong("labels", format!("has {} labels, and at most {MAX_LABELS} are allowed", labels.len()));
    }
    if let Some(key) = labels.iter().find(|(k, v)| k.len().max(v.len()) > MAX_LABEL_BYTES).map(|(key, _)| key) {
        let shown: String = key.chars().take(40).collect();
        fields.wrong("labels", format!("label {shown:?} has a key or value with more than {MAX_LABEL_BYTES} bytes"));
    }
}
