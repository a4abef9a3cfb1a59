//! Kills the server at every fault point and at random moments, under writers that retry their requests.

use crate::checker;
use crate::client::Client;
use crate::history::{Observation, Outcome};
use crate::lake::Lake;
use crate::process::Replica;
use crate::writer::Writer;
use http::StatusCode;
use lakeport_embedded::{Fault, Faults, On};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// All fault points of the server, grouped by the operation that reaches them.
const POINTS: &[&str] = &[
    "before:begun",
    "after:begun",
    "before:branched",
    "after:branched",
    "before:based",
    "after:based",
    "before:written",
    "after:written",
    "before:unsettled",
    "after:unsettled",
    "after:leased",
    "after:made inside",
    "before:committing",
    "after:committing",
    "after:taken over",
    "before:commit",
    "after:commit",
    "before:prepared",
    "after:prepared",
    "before:branch named",
    "after:branch named",
    "before:branch made",
    "after:branch made",
    "before:squash",
    "after:squash",
    "before:squashed",
    "after:squashed",
    "before:merge",
    "after:merge",
    "before:tag",
    "after:tag",
    "before:kept",
    "after:kept",
    "before:committed",
    "after:committed",
    "before:cleaned",
    "after:cleaned",
    "before:names deleted",
    "after:names deleted",
    "before:reopened",
    "after:reopened",
    "before:rolled back",
    "after:rolled back",
    "before:expired",
    "after:expired",
    "before:commit doubted",
    "after:commit doubted",
    "before:merge doubted",
    "after:merge doubted",
    "before:fenced",
    "after:fenced",
    "before:suspended",
    "after:suspended",
    "before:refused",
    "after:refused",
    "before:ended",
    "after:ended",
];
/// Number of concurrent clients.
const WRITERS: u32 = 8;
/// Default number of kills.
const KILLS: u64 = 200;
/// Number of kills that is enough to reach every fault point.
const ENOUGH_KILLS: u64 = 1000;
/// Maximum lifetime of a server.
const LIFE: Duration = Duration::from_millis(1500);
/// Maximum lifetime of a server that must reach the end of a fence.
const LONG_LIFE: Duration = Duration::from_secs(5);

/// Clients that run transactions until they are stopped.
pub(crate) struct Writers {
    stop: Arc<AtomicBool>,
    writers: Vec<JoinHandle<Vec<Observation>>>,
}

impl Writers {
    pub(crate) fn start(lake: &Lake, client: &Client, seed: u64) -> Self {
        let stop = Arc::new(AtomicBool::default());
        let writer = |number| {
            let repository = lake.repository.to_string();
            let writer = Writer { number, client: client.clone(), repository, seed };
            tokio::spawn(writer.work(Arc::clone(&stop)))
        };
        let writers = (0..WRITERS).map(writer).collect();
        Self { stop, writers }
    }

    /// Stops all clients and returns their observations.
    pub(crate) async fn stop(self) -> Vec<Observation> {
        self.stop.store(true, Ordering::Relaxed);
        let mut observed = Vec::new();
        for writer in self.writers {
            observed.extend(writer.await.unwrap());
        }
        observed
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn client_outcomes_match_the_history_after_repeated_kills() {
    let seed = crate::seed();
    let mut rng = StdRng::seed_from_u64(seed);
    let (lake, faults) = Lake::with_optional_faults().await;
    let folder = tempfile::tempdir().unwrap();
    let replica = Replica::new(&lake, folder.path().to_owned(), None);
    let writers = Writers::start(&lake, &Client::new(&[replica.address]), seed);
    let mut died_at: BTreeMap<String, u32> = BTreeMap::new();
    let kills = crate::setting("KILLS").unwrap_or(KILLS);
    for kill in 0..kills {
        let point = POINTS[usize::try_from(kill).unwrap() % POINTS.len()];
        let fault = format!("{point}:{}:die", rng.random_range(1..3));
        if let Some(faults) = &faults {
            arm_faults_for(point, faults);
        }
        let life = if point.ends_with(":ended") { LONG_LIFE } else { LIFE }.mul_f64(rng.random_range(0.2..1.0));
        let log = replica.start(&fault).await.run_for(life).await;
        let died = log.iter().find_map(|line| Some(line.strip_prefix("fault point ")?.split_once(": the process")?.0));
        *died_at.entry(died.unwrap_or("any moment").to_owned()).or_default() += 1;
    }
    let process = replica.start("").await;
    let observed = writers.stop().await;
    let cleaned = checker::wait_for_branch_cleanup(&lake).await;
    process.run_for(Duration::ZERO).await;
    checker::check(&lake, &observed).await;
    let never = report(&observed, &died_at, cleaned);
    // With an external lakeFS, the test cannot arm faults in the lake.
    let is_reachable = |point: &&&str| faults.is_some() || !needs_lake_faults(point);
    let never: Vec<_> = never.iter().filter(is_reachable).collect();
    assert!(kills < ENOUGH_KILLS || never.is_empty(), "the server never died at {never:?}");
}

/// Returns whether the server rarely reaches a fault point unless its lake fails.
fn needs_lake_faults(point: &str) -> bool {
    let (_, step) = point.split_once(':').unwrap();
    ["unsettled", "commit doubted", "merge doubted", "fenced", "suspended", "refused", "ended"].contains(&step)
}

/// Arms faults of the lake that make the server reach a fault point. Does nothing for points that the server reaches anyway.
fn arm_faults_for(point: &str, faults: &Faults) {
    let hook =
        Fault::Fail(StatusCode::PRECONDITION_FAILED, "update branch main: pre-merge hook aborted, run id '1': no");
    let away = || Fault::Fail(StatusCode::SERVICE_UNAVAILABLE, "away");
    let commit = || On::commit().containing("lakeport-tx-");
    match point.split_once(':').unwrap().1 {
        "unsettled" => faults.arm(On::upload(), Fault::Drop, 1, 2),
        "commit doubted" => faults.arm(commit(), Fault::ApplyThenDrop, 1, 2),
        "merge doubted" => faults.arm(On::merge(), Fault::ApplyThenDrop, 1, 2),
        "fenced" => {
            // The first merge request is lost and the next ones are rejected, so the server waits until the first can no
            // longer take effect.
            faults.arm(On::merge(), Fault::Drop, 1, 1);
            faults.arm(On::merge(), hook, 1, 4)
        }
        "suspended" => faults.arm(commit(), away(), 1, 6),
        // The owner of a commit in doubt may roll back, and the rollback then takes over the commit.
        "refused" | "ended" => faults.arm(On::merge(), Fault::Drop, 1, 8),
        _ => return,
    };
}

/// Prints a summary and returns the fault points at which the server never died.
fn report(observed: &[Observation], died_at: &BTreeMap<String, u32>, cleaned: Duration) -> Vec<&'static str> {
    let count = |is: fn(&Outcome) -> bool| observed.iter().filter(|observed| is(&observed.outcome)).count();
    let committed = count(|outcome| matches!(outcome, Outcome::Committed { .. }));
    let in_doubt = count(|outcome| *outcome == Outcome::InDoubt);
    let never: Vec<_> = POINTS.iter().copied().filter(|point| !died_at.contains_key(*point)).collect();
    eprintln!(
        "{} transactions, {committed} committed, {in_doubt} in doubt; killed at {died_at:?}; never at {never:?}; \
         all branches deleted after {cleaned:?}",
        observed.len()
    );
    assert!(committed > 20, "only {committed} transactions were committed");
    never
}
