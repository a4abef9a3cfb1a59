//! Faults on purpose, against the real server process: it dies at each step of the protocol and at random, its lake and its store
//! go away, lie or answer late, and what every client was told is then held against what the lake says. Runs that chance has a part
//! in print their seed. `LAKEPORT_FAULT_SEED` repeats one; `_KILLS`, `_TRANSACTIONS`, `_UPLOADS` and `_READS` make them longer.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects by failing")]

mod checker;
mod client;
mod contention;
mod cuts;
mod history;
mod janitor;
mod kills;
mod lake;
mod liar;
mod lies;
mod outages;
mod process;
mod proxy;
mod repeats;
mod sweep;
mod writer;
mod zombies;

use std::time::Duration;

/// Far above what anything takes that a test waits for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until something is so.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("not within {PATIENCE:?}: {what}"));
}

/// What a run is repeated with.
fn seed() -> u64 {
    let seed = setting("SEED").unwrap_or_else(rand::random);
    eprintln!("LAKEPORT_FAULT_SEED={seed}");
    seed
}

/// A number from the environment.
fn setting(name: &str) -> Option<u64> {
    let value = std::env::var(format!("LAKEPORT_FAULT_{name}")).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("LAKEPORT_FAULT_{name}={value}: must be a number")))
}
