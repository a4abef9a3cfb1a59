//! `TransactionService.ListTransactions`.

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::grpc::convert::{Fields, page_size, state, transaction};
use crate::grpc::parts::parts;
use crate::grpc::token;
use crate::ops::context::Shared;
use crate::ops::transactions::list_transactions;
use lakeport_proto::v1::{ListTransactionsRequest, ListTransactionsResponse, TransactionState};
use lakeport_transactions::{Filter, Millis};
use lakeport_types::RepositoryId;

pub(crate) async fn list_transactions(
    ops: &Shared,
    caller: &Caller,
    mut request: ListTransactionsRequest,
) -> Result<ListTransactionsResponse> {
    let page_token = std::mem::take(&mut request.page_token);
    let after = token::read(&request, &page_token)?.map(|position| decode_position(&position)).transpose()?;
    let key = request.clone();
    let mut fields = Fields::default();
    let repository: Option<RepositoryId> = fields.optional("repository", request.repository);
    let states: Vec<TransactionState> =
        request.states.iter().filter_map(|number| fields.known("states", *number)).collect();
    if states.contains(&TransactionState::Unspecified) {
        fields.wrong("states", "must not contain TRANSACTION_STATE_UNSPECIFIED: leave states empty for all");
    }
    let size = page_size(&mut fields, request.page_size);
    let size = fields.done(size)?;
    let filter = Filter {
        repository: repository.map(|repository| repository.to_string()),
        states: states.into_iter().filter_map(|wire: TransactionState| state(wire)).collect(),
        labels: request.labels,
    };
    let mut rows = list_transactions::list_transactions(ops, caller, &filter, after, size + 1).await?;
    let found = rows.len();
    rows.truncate(size);
    let positions: Vec<_> = rows.iter().map(|row| format!("{}/{}", row.create_time, row.id)).collect();
    // With large labels, a page has fewer transactions than page_size, since the message size is limited.
    let parts = parts(rows.iter().map(transaction), ops.limits.message_bytes);
    let transactions = parts.into_iter().next().unwrap_or_default();
    let last = transactions.len().checked_sub(1).filter(|_| transactions.len() < found);
    let position = last.and_then(|last| positions.get(last));
    let next_page_token = position.map(|position| token::make(&key, position)).unwrap_or_default();
    Ok(ListTransactionsResponse { next_page_token, transactions })
}

fn decode_position(position: &str) -> Result<(Millis, String)> {
    let parsed = position.split_once('/').and_then(|(time, id)| Some((time.parse().ok()?, id.to_owned())));
    parsed.ok_or_else(|| Error::new(Kind::PageTokenInvalid, "page_token is invalid: leave it out for the first page"))
}
