//! Operations on transactions.

use crate::expected::{Found, list, object};
use crate::operations::{Failure, Operations, Outcome, changes, metadata_found};
use crate::scenario::{flag, map, number, text, texts};
use futures_util::{StreamExt as _, TryStreamExt as _};
use lakeport_client::{CommitOptions, Place, v1};
use serde_json::Value;

impl Operations<'_> {
    /// Runs an operation on transactions. Returns `None` for other operations. The error in the result is one of a step inside.
    pub(crate) async fn transactions(&self, step: &Value) -> Option<Result<Outcome, String>> {
        let (client, id) = (&self.client, text(step, "tx"));
        let state = |state: Result<v1::Transaction, _>| state.map(transaction).map_err(Into::into);
        Some(Ok(match text(step, "do") {
            "begin" => state(client.begin(self.begin_request(step)).await),
            "commit" => state(client.commit(id, commit_options(step)).await),
            "validate" => {
                let options = CommitOptions { validate_only: true, ..CommitOptions::default() };
                state(client.commit(id, options).await)
            }
            "rollback" => state(client.rollback(id).await),
            "get_transaction" => state(client.transaction(id).await),
            "keep_alive" => state(client.keep_alive(id).await),
            "list_transactions" => self.list_transactions(step).await,
            "changes" => match client.transaction_changes(id, text(step, "prefix")).await {
                Ok(found) => found.try_collect().await.map(changes).map_err(Into::into),
                Err(error) => Err(error.into()),
            },
            "watch" => return Some(self.watch(step).await),
            "transaction" => return Some(self.scope(step).await),
            _ => return None,
        }))
    }

    fn begin_request(&self, step: &Value) -> v1::BeginTransactionRequest {
        let base = step["base"].as_str().unwrap_or("main");
        v1::BeginTransactionRequest {
            repository: self.repository.to_owned(),
            base_branch: base.to_owned(),
            transaction_id: text(step, "id").to_owned(),
            idle_timeout: span(step, "idle_timeout_ms"),
            lifetime: span(step, "lifetime_ms"),
            read_only: flag(step, "read_only"),
            labels: map(step, "labels"),
            ..v1::BeginTransactionRequest::default()
        }
    }

    /// Runs steps in the scope of a transaction.
    async fn scope(&self, step: &Value) -> Result<Outcome, String> {
        let steps = step["steps"].as_array().cloned().unwrap_or_default();
        let mut wrong = Ok(());
        let work = async |place: Place| {
            self.runner.set("tx", place.transaction_id().into());
            wrong = self.runner.steps(&steps).await;
            match (&wrong, step["raises"].as_str()) {
                (Err(_), _) => Err(Failure::Text("a step failed".to_owned())),
                (Ok(()), Some(raised)) => Err(Failure::Text(raised.to_owned())),
                (Ok(()), None) => Ok(()),
            }
        };
        let done = self.client.with_transaction(self.begin_request(step), commit_options(step), work).await;
        wrong.map(|()| done.map(|((), committed)| transaction(committed)))
    }

    async fn list_transactions(&self, step: &Value) -> Outcome {
        let named = |name: &String| v1::TransactionState::from_str_name(&format!("TRANSACTION_STATE_{name}"));
        let request = v1::ListTransactionsRequest {
            repository: self.repository.to_owned(),
            states: texts(step, "states").iter().filter_map(named).map(Into::into).collect(),
            labels: map(step, "labels"),
            ..v1::ListTransactionsRequest::default()
        };
        let found = self.client.list_transactions(request).map_ok(|transaction| transaction.transaction_id);
        Ok(object([("ids", list(found.try_collect::<Vec<_>>().await?))]))
    }

    async fn watch(&self, step: &Value) -> Result<Outcome, String> {
        let mut seen = match self.client.watch(text(step, "tx")).await {
            Ok(seen) => seen,
            Err(error) => return Ok(Err(error.into())),
        };
        let mut states: Vec<String> = Vec::new();
        let steps = step["steps"].as_array().cloned().unwrap_or_default();
        let mut is_first = true;
        while let Some(message) = seen.next().await {
            match message {
                Ok(message) => {
                    let name = state_name(&message.transaction.unwrap_or_default());
                    if states.last() != Some(&name) {
                        states.push(name);
                    }
                }
                Err(error) => return Ok(Err(error.into())),
            }
            if std::mem::take(&mut is_first) {
                self.runner.steps(&steps).await?;
            }
        }
        Ok(Ok(object([("states", list(states))])))
    }
}

fn commit_options(step: &Value) -> CommitOptions {
    CommitOptions {
        message: text(step, "message").to_owned(),
        metadata: map(step, "metadata"),
        strategy: strategy(step),
        squash: flag(step, "squash"),
        skip_merge: flag(step, "skip_merge"),
        tags: texts(step, "tags"),
        validate_only: false,
        if_epoch: step["if_epoch"].as_i64(),
    }
}

/// Returns the merge strategy of a step.
pub(crate) fn strategy(step: &Value) -> v1::MergeStrategy {
    v1::MergeStrategy::from_str_name(&format!("MERGE_STRATEGY_{}", text(step, "strategy"))).unwrap_or_default()
}

fn span(step: &Value, name: &str) -> Option<prost_types::Duration> {
    step.get(name)?;
    let milliseconds = number(step, name);
    let nanos = i32::try_from(milliseconds % 1000 * 1_000_000).unwrap_or_default();
    Some(prost_types::Duration { seconds: milliseconds / 1000, nanos })
}

fn state_name(state: &v1::Transaction) -> String {
    state.state().as_str_name().trim_start_matches("TRANSACTION_STATE_").to_owned()
}

fn transaction(state: v1::Transaction) -> Found {
    let name = state_name(&state);
    let labels = state.labels.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
    object([
        ("id", state.transaction_id.into()),
        ("state", name.into()),
        ("merged", state.merged.into()),
        ("commit_id", state.commit_id.into()),
        ("base_commit_id", state.base_commit_id.into()),
        ("failed_tags", list(state.failed_tags)),
        ("labels", metadata_found(labels)),
    ])
}
