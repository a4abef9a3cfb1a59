//! Runs the scenarios of `tests/clients` with the Rust client.
//!
//! Arguments are names of scenarios; without one, all run. The exit status is 1 if a scenario fails.

mod cancellations;
mod content;
mod expected;
mod files;
mod fixture;
mod operations;
mod report;
mod runner;
mod scenario;
mod transactions;
mod versions;

use fixture::Fixture;
use futures_util::stream::{self, StreamExt as _};
use report::Report;
use scenario::Scenario;
use std::time::{Duration, Instant};

/// Number of scenarios that run at the same time. Most of them wait.
const PARALLEL: usize = 4;
/// Longest time of a scenario. One with many cancelled calls may take longer.
const LIMIT: Duration = Duration::from_secs(45);
const LONG_LIMIT: Duration = Duration::from_secs(900);

#[tokio::main]
async fn main() -> Result<(), String> {
    let names: Vec<String> = std::env::args().skip(1).filter(|name| !name.starts_with('-')).collect();
    let scenarios = scenario::all()?;
    let chosen = scenarios.into_iter().filter(|scenario| names.is_empty() || names.contains(&scenario.name));
    let fixture = Fixture::start()?;
    let mut report = Report::new()?;
    let parallel = if cancellations::chosen().is_some() { 1 } else { PARALLEL };
    let mut running = stream::iter(chosen).map(|scenario| run(&fixture, scenario)).buffer_unordered(parallel);
    while let Some((name, took, result)) = running.next().await {
        report.add(&name, took, result)?;
    }
    drop(running);
    report.finish()
}

async fn run(fixture: &Fixture, scenario: Scenario) -> (String, Duration, Result<(), String>) {
    let began = Instant::now();
    let limit = if cancellations::chosen().is_some() { LONG_LIMIT } else { LIMIT };
    let result = match tokio::time::timeout(limit, runner::run(fixture, &scenario)).await {
        Ok(result) => result,
        Err(_) => Err(format!("did not end within {} s", limit.as_secs())),
    };
    (scenario.name, began.elapsed(), result)
}
