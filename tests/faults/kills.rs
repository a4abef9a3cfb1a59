//! kill -9 at every step and at random, under writers that never stop asking.

use crate::checker;
use crate::client::Client;
use crate::history::{Outcome, Told};
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

/// Every point of the server at which it can die, by what has to happen for it to be reached.
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
];
/// Clients at once.
const WRITERS: u32 = 8;
/// Kills of the run that is part of every test.
const KILLS: u64 = 200;
/// So many are enough to die at every point.
const ENOUGH: u64 = 1000;
/// How long a server lives at most.
const LIFE: Duration = Duration::from_millis(1500);

/// Clients that work until they are told to stop.
pub(crate) struct Crowd {
    stop: Arc<AtomicBool>,
    writers: Vec<JoinHandle<Vec<Told>>>,
}

impl Crowd {
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

    /// What all of them were told, once they have ended.
    pub(crate) async fn stop(self) -> Vec<Told> {
        self.stop.store(true, Ordering::Relaxed);
        let mut told = Vec::new();
        for writer in self.writers {
            told.extend(writer.await.unwrap());
        }
        told
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_asks_is_told_the_truth_however_often_the_server_is_killed() {
    let seed = crate::seed();
    let mut dice = StdRng::seed_from_u64(seed);
    let (lake, faults) = Lake::to_fail().await;
    let folder = tempfile::tempdir().unwrap();
    let replica = Replica::new(&lake, folder.path().to_owned(), None);
    let crowd = Crowd::start(&lake, &Client::new(&[replica.address]), seed);
    let mut died_at: BTreeMap<String, u32> = BTreeMap::new();
    let kills = crate::setting("KILLS").unwrap_or(KILLS);
    for kill in 0..kills {
        let point = POINTS[usize::try_from(kill).unwrap() % POINTS.len()];
        let fault = format!("{point}:{}:die", dice.random_range(1..3));
        if let Some(faults) = &faults {
            lead_to(point, faults);
        }
        let life = LIFE.mul_f64(dice.random_range(0.2..1.0));
        let said = replica.start(&fault).await.die_within(life).await;
        let died = said.iter().find_map(|line| Some(line.strip_prefix("fault point ")?.split_once(": the process")?.0));
        *died_at.entry(died.unwrap_or("any moment").to_owned()).or_default() += 1;
    }
    let process = replica.start("").await;
    let told = crowd.stop().await;
    let cleaned = checker::no_branches_left(&lake).await;
    process.die_within(Duration::ZERO).await;
    checker::check(&lake, &told).await;
    let never = report(&told, &died_at, cleaned);
    // A real lakeFS does not lose answers when it is told to.
    let may_be_reached = |point: &&&str| faults.is_some() || !led_to(point);
    let never: Vec<_> = never.iter().filter(may_be_reached).collect();
    assert!(kills < ENOUGH || never.is_empty(), "it never died at {never:?}");
}

/// Whether only a lake that fails leads to a point.
fn led_to(point: &str) -> bool {
    let (_, step) = point.split_once(':').unwrap();
    ["unsettled", "commit doubted", "merge doubted", "fenced", "suspended"].contains(&step)
}

/// Makes the lake fail so that the server comes to a point that it does not see otherwise.
fn lead_to(point: &str, faults: &Faults) {
    let hook =
        Fault::Fail(StatusCode::PRECONDITION_FAILED, "update branch main: pre-merge hook aborted, run id '1': no");
    let away = || Fault::Fail(StatusCode::SERVICE_UNAVAILABLE, "away");
    let commit = || On::commit().containing("lakeport-tx-");
    match point.split_once(':').unwrap().1 {
        "unsettled" => faults.arm(On::upload(), Fault::Drop, 1, 2),
        "commit doubted" => faults.arm(commit(), Fault::ApplyThenDrop, 1, 2),
        "merge doubted" => faults.arm(On::merge(), Fault::ApplyThenDrop, 1, 2),
        "fenced" => {
            // The first is lost, and the next is refused: so the first is waited for.
            faults.arm(On::merge(), Fault::Drop, 1, 1);
            faults.arm(On::merge(), hook, 1, 4)
        }
        "suspended" => faults.arm(commit(), away(), 1, 6),
        _ => return,
    };
}

/// Says what there was, and at which points it never died.
fn report(told: &[Told], died_at: &BTreeMap<String, u32>, cleaned: Duration) -> Vec<&'static str> {
    let count = |is: fn(&Outcome) -> bool| told.iter().filter(|told| is(&told.outcome)).count();
    let committed = count(|outcome| matches!(outcome, Outcome::Committed { .. }));
    let in_doubt = count(|outcome| *outcome == Outcome::InDoubt);
    let never: Vec<_> = POINTS.iter().copied().filter(|point| !died_at.contains_key(*point)).collect();
    eprintln!(
        "{} transactions, {committed} committed, {in_doubt} in doubt; killed at {died_at:?}; never at {never:?}; \
         all branches gone after {cleaned:?}",
        told.len()
    );
    assert!(committed > 20, "there was next to no load");
    never
}
