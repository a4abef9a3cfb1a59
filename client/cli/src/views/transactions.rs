//! Output records of transactions.

use super::versions::change;
use super::{lines, pairs, text_or_null, time, time_text};
use crate::output::Record;
use lakeport_client::Error;
use lakeport_client::v1::path_change::Kind;
use lakeport_client::v1::{PathChange, Transaction, TransactionState, WatchTransactionResponse};
use serde_json::{Value, json};

/// Name of a state, in the output and for the flag `--state`.
pub(crate) fn state(state: TransactionState) -> &'static str {
    match state {
        TransactionState::Unspecified => "unknown",
        TransactionState::Open => "open",
        TransactionState::Committing => "committing",
        TransactionState::Committed => "committed",
        TransactionState::RolledBack => "rolled-back",
        TransactionState::Expired => "expired",
    }
}

fn transaction_json(tx: &Transaction) -> Value {
    json!({
        "transaction_id": tx.transaction_id,
        "repository": tx.repository,
        "base_branch": tx.base_branch,
        "base_commit_id": text_or_null(&tx.base_commit_id),
        "branch": text_or_null(&tx.branch),
        "state": state(tx.state()),
        "commit_id": text_or_null(&tx.commit_id),
        "merged": tx.merged,
        "failure": tx.failure.clone().map(|failure| {
            let error = Error::from(failure);
            json!({ "reason": error.reason_name(), "message": error.message() })
        }),
        "owner": tx.owner,
        "labels": tx.labels,
        "create_time": time(tx.create_time.as_ref()),
        "idle_expire_time": time(tx.idle_expire_time.as_ref()),
        "expire_time": time(tx.expire_time.as_ref()),
        "end_time": time(tx.end_time.as_ref()),
        "epoch": tx.epoch,
        "failed_tags": tx.failed_tags,
        "read_only": tx.read_only,
    })
}

/// A new transaction. The text is only its ID, for scripts.
pub(crate) fn begun(tx: &Transaction) -> Record {
    Record { text: tx.transaction_id.clone(), json: transaction_json(tx) }
}

/// A committed transaction. The text is only the commit ID, for scripts.
pub(crate) fn committed(tx: &Transaction) -> Record {
    Record { text: tx.commit_id.clone(), json: transaction_json(tx) }
}

/// A state change of a watched transaction.
pub(crate) fn watched(change: &WatchTransactionResponse) -> Record {
    let tx = change.transaction.clone().unwrap_or_default();
    let ahead = match change.queue_position {
        0 => String::new(),
        ahead => format!("  {ahead} ahead"),
    };
    let text = format!("{}  {}{ahead}", tx.transaction_id, state(tx.state()));
    let mut json = transaction_json(&tx);
    json["queue_position"] = change.queue_position.into();
    Record { text, json }
}

/// Returns whether the transaction is in a final state.
pub(crate) fn has_ended(change: &WatchTransactionResponse) -> bool {
    let state = change.transaction.as_ref().map(Transaction::state);
    !matches!(state, None | Some(TransactionState::Unspecified | TransactionState::Open | TransactionState::Committing))
}

/// One line of a listing.
pub(crate) fn listed(tx: &Transaction) -> Record {
    let text = format!(
        "{}  {:<11}  {}  {}/{}",
        tx.transaction_id,
        state(tx.state()),
        time_text(tx.create_time.as_ref()),
        tx.repository,
        tx.base_branch
    );
    Record { text, json: transaction_json(tx) }
}

/// All properties of a transaction.
pub(crate) fn shown(tx: &Transaction) -> Record {
    let failure = tx.failure.clone().map(|failure| Error::from(failure).to_string());
    let text = lines(&[
        ("transaction", tx.transaction_id.clone()),
        ("state", state(tx.state()).to_owned()),
        ("repository", tx.repository.clone()),
        ("base", format!("{} {}", tx.base_branch, tx.base_commit_id)),
        ("branch", tx.branch.clone()),
        ("commit", tx.commit_id.clone()),
        ("last failure", failure.unwrap_or_default()),
        ("failed tags", tx.failed_tags.join(" ")),
        ("labels", pairs(&tx.labels)),
        ("owner", tx.owner.clone()),
        ("began", time_text(tx.create_time.as_ref())),
        ("ends if idle", time_text(tx.idle_expire_time.as_ref())),
        ("ends at latest", time_text(tx.expire_time.as_ref())),
        ("ended", time_text(tx.end_time.as_ref())),
        ("epoch", tx.epoch.to_string()),
        ("read-only", tx.read_only.to_string()),
    ]);
    Record { text, json: transaction_json(tx) }
}

/// A path that a transaction changed.
pub(crate) fn changed(entry: &PathChange) -> Record {
    let (sign, word) = match entry.kind() {
        Kind::Added => ('+', "added"),
        Kind::Changed => ('~', "changed"),
        Kind::Removed => ('-', "removed"),
        Kind::Conflict => ('!', "conflict"),
        Kind::Unspecified => ('?', "unknown"),
    };
    change(sign, word, &entry.path, entry.size_bytes)
}
