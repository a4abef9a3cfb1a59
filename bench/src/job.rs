//! Jobs of the workers, and their outcomes. Each is one line of JSON, because the workers are written in several languages.

use serde::{Deserialize, Serialize};

/// Work that a worker repeats and measures.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) operation: Operation,
    /// Prefix of the paths: call `n`, counted from 0, uses the object `PATH-n`.
    pub(crate) path: String,
    pub(crate) calls: u64,
    /// Size of each object, in bytes.
    pub(crate) size: u64,
    /// Number of calls in flight at the same time.
    pub(crate) callers: usize,
}

/// A call of the client.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Operation {
    Stat,
    Read,
    Write,
}

/// Result of a job.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) seconds: f64,
    /// Sum of the sizes of the objects: the received bytes of a read, or else the sizes that the server reported.
    pub(crate) bytes: u64,
}
