//! Fault injection tests with the real server process. The server is killed at each step of the transaction protocol and at
//! random, and its lake and its store are unavailable, slow or wrong. Afterwards, the outcomes that clients observed are
//! compared with the history of the lake.
//!
//! Tests with random choices print their seed; `LAKEPORT_FAULT_SEED` repeats a run. `LAKEPORT_FAULT_KILLS`,
//! `LAKEPORT_FAULT_TRANSACTIONS`, `LAKEPORT_FAULT_UPLOADS`, `LAKEPORT_FAULT_READS`, `LAKEPORT_FAULT_UPLOAD_MIB` and
//! `LAKEPORT_FAULT_WAIT_SECONDS` set the size of a run.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test reports failures by panicking")]

mod checker;
mod client;
mod contention;
mod cut_uploads;
mod history;
mod interrupted_uploads;
mod janitor;
mod kept_branches;
mod kills;
mod lake;
mod outages;
mod process;
mod proxy;
mod retries;
mod sweep;
mod tampered_reads;
mod tampering_proxy;
mod uploader;
mod waits;
mod writer;
mod zombies;

use std::time::Duration;

/// Timeout, far longer than any event that a test waits for.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Waits until a condition is true. Panics after `TIMEOUT`.
async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(TIMEOUT, waiting).await.unwrap_or_else(|_| panic!("not true within {TIMEOUT:?}: {what}"));
}

/// Returns the seed of this run, from the environment or random, and prints it.
fn seed() -> u64 {
    let seed = setting("SEED").unwrap_or_else(rand::random);
    eprintln!("LAKEPORT_FAULT_SEED={seed}");
    seed
}

/// Returns the number in `LAKEPORT_FAULT_<name>`, if it is set.
fn setting(name: &str) -> Option<u64> {
    let value = std::env::var(format!("LAKEPORT_FAULT_{name}")).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("LAKEPORT_FAULT_{name}={value}: must be a number")))
}
