//! The operations of the scenarios, with the Rust client.

use crate::expected::{Found, list, object};
use crate::runner::Runner;
use crate::scenario::text;
use lakeport_client::{Client, Error, Place, v1};
use serde_json::Value;

/// Why an operation failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An error of the client.
    Call(Error),
    /// An error of the program.
    Text(String),
    /// The caller cancelled the call.
    Cancelled,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

/// Result of an operation.
pub(crate) type Outcome = Result<Found, Failure>;

/// The operations with one client.
pub(crate) struct Operations<'a> {
    pub(crate) client: Client,
    pub(crate) repository: &'a str,
    pub(crate) runner: &'a Runner,
}

impl Operations<'_> {
    /// Runs the operation of a step.
    ///
    /// # Errors
    /// This client does not have the operation.
    pub(crate) async fn call(&self, step: &Value) -> Result<Outcome, String> {
        if let Some(outcome) = self.files(step).await {
            return Ok(outcome);
        }
        if let Some(outcome) = self.transactions(step).await {
            return outcome;
        }
        if let Some(outcome) = self.versions(step).await {
            return Ok(outcome);
        }
        Err(format!("this client has no {}", text(step, "do")))
    }

    /// Returns where a step works; the branch `main` if it does not say.
    pub(crate) fn place(&self, step: &Value) -> Place {
        match step["at"].as_str().unwrap_or("main") {
            at if at.starts_with("tx:") => Place::transaction(&at["tx:".len()..]),
            at => Place::reference(self.repository, at),
        }
    }
}

/// Returns the description of a file.
pub(crate) fn file(info: v1::FileInfo) -> Found {
    let metadata = info.metadata.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
    object([
        ("path", info.path.into()),
        ("size", info.size_bytes.into()),
        ("etag", info.etag.into()),
        ("content_type", info.content_type.into()),
        ("metadata", metadata_found(metadata)),
    ])
}

/// Returns metadata with names that only the scenario knows.
pub(crate) fn metadata_found(metadata: serde_json::Map<String, Value>) -> Found {
    Found::Value(Value::Object(metadata))
}

/// Returns the changes of a diff.
pub(crate) fn changes(changes: Vec<v1::PathChange>) -> Found {
    let change = |change: v1::PathChange| {
        let kind = change.kind().as_str_name().trim_start_matches("KIND_").to_lowercase();
        object([("path", change.path.into()), ("change", kind.into())])
    };
    object([("changes", list(changes.into_iter().map(change)))])
}
