//! Measures how long callers wait for the outcome of a commit while one of two replicas is killed every second.

use crate::checker;
use crate::client::Client;
use crate::history::{Observation, Outcome};
use crate::lake::{BASE, Lake};
use crate::process::{Process, Replica};
use crate::until;
use futures_util::future::join_all;
use http::StatusCode;
use lakeport_embedded::{Fault, On};
use lakeport_postgres::Postgres;
use lakeport_proto::v1::{BeginTransactionRequest, CommitTransactionRequest};
use lakeport_server::timing::Timing;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sqlx::{Connection, PgConnection};
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// Number of concurrent callers.
const CALLERS: u32 = 32;
/// Mean time between two kills. Each time is random, because a lease takes a whole number of seconds: at a fixed interval, each
/// kill would hit the workers that have just taken over the commits of an earlier one.
const KILL_INTERVAL: Duration = Duration::from_secs(1);
/// Share of the rounds with a conflict. Such a round has two commits, so about one in five commits is refused.
const CONFLICTS: f64 = 0.25;
/// Length of a run in the normal tests, which has shortened timeouts and no goals.
const SHORT_RUN: Duration = Duration::from_secs(5);
/// Time for which a call is retried, far longer than the goals.
const RETRY_TIMEOUT: Duration = Duration::from_secs(300);

/// A caller that runs transactions until it is stopped.
struct Caller {
    number: u32,
    client: Client,
    repository: String,
    seed: u64,
}

/// The outcome of a transaction, and the time from the first request to commit it to the definite response.
struct Waited {
    observed: Observation,
    time: Duration,
}

impl Caller {
    async fn work(self, stop: Arc<AtomicBool>) -> Vec<Waited> {
        let mut rng = StdRng::seed_from_u64(self.seed ^ u64::from(self.number));
        let mut waited = Vec::new();
        for round in 0.. {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let id = format!("c{}-{round}", self.number);
            let paths: Vec<String> = (0..rng.random_range(1..4)).map(|n| format!("{id}/{n}")).collect();
            let writes = self.write(&id, &paths).await;
            let conflicts = rng.random_bool(CONFLICTS);
            if conflicts {
                let other = format!("{id}-other");
                let writes = self.write(&other, &paths[..1]).await;
                waited.push(self.commit(other, writes, false).await);
            }
            waited.push(self.commit(id, writes, conflicts).await);
        }
        waited
    }

    /// Begins a transaction with these objects.
    async fn write(&self, id: &str, paths: &[String]) -> BTreeMap<String, String> {
        let request = BeginTransactionRequest {
            repository: self.repository.clone(),
            base_branch: BASE.into(),
            transaction_id: id.into(),
            ..Default::default()
        };
        self.client.begin(&request).await.unwrap().unwrap();
        let writes: BTreeMap<String, String> =
            paths.iter().map(|path| (path.clone(), format!("{id} {path}"))).collect();
        for (path, text) in &writes {
            self.client.written(id, path, text).await;
        }
        writes
    }

    /// Commits a transaction. If the commit is refused, rolls the transaction back.
    async fn commit(&self, id: String, writes: BTreeMap<String, String>, conflicts: bool) -> Waited {
        let request = CommitTransactionRequest { transaction_id: id.clone(), ..Default::default() };
        let began = Instant::now();
        let response = self.client.commit(&request).await;
        let time = began.elapsed();
        let outcome = match response {
            Ok(Ok(_)) if conflicts => panic!("commit of {id}: OK, but another transaction changed its path"),
            Ok(Ok(done)) => {
                let done = done.transaction.unwrap();
                Outcome::Committed { commit: done.commit_id, failed_tags: done.failed_tags }
            }
            Ok(Err(refused)) if conflicts && refused.reason == "MERGE_CONFLICT" => {
                self.client.rolled_back(&id).await;
                Outcome::Ended
            }
            Ok(Err(refused)) => panic!("commit of {id}: {} {}", refused.reason, refused.message),
            Err(_) => panic!("commit of {id}: no definite response for {RETRY_TIMEOUT:?}"),
        };
        Waited { observed: Observation { id, writes, tag: None, outcome }, time }
    }
}

/// Kills the replicas in turn and restarts each at once, until `working` completes. Sets `stop` after `run`.
async fn kill_while<T>(
    working: impl Future<Output = T>,
    replicas: &[Replica],
    seed: u64,
    run: Duration,
    stop: &AtomicBool,
) -> T {
    let mut processes: Vec<Process> = join_all(replicas.iter().map(|replica| replica.start(""))).await;
    let mut working = pin!(working);
    let mut rng = StdRng::seed_from_u64(seed);
    let (began, mut kills) = (Instant::now(), 0);
    let mut next_kill = began;
    let done = loop {
        next_kill += KILL_INTERVAL.mul_f64(rng.random_range(0.5..1.5));
        tokio::select! {
            done = &mut working => break done,
            () = tokio::time::sleep_until(next_kill) => {}
        }
        let victim = kills % replicas.len();
        processes[victim].kill().await;
        processes[victim] = replicas[victim].start("").await;
        kills += 1;
        stop.store(began.elapsed() > run, Ordering::Relaxed);
    };
    eprintln!("{kills} kills in {:.0?}", began.elapsed());
    done
}

/// Prints the waits with one outcome, and returns their 99th percentile.
fn report(outcome: &str, mut waits: Vec<Duration>) -> Duration {
    assert!(!waits.is_empty(), "no commit had the outcome {outcome}");
    waits.sort_unstable();
    let percentile = |percent: usize| waits[(waits.len() * percent).div_ceil(100) - 1];
    let [p50, p90, p99, max] = [50, 90, 99, 100].map(percentile);
    eprintln!("{outcome}: {} responses, p50 {p50:.1?}, p90 {p90:.1?}, p99 {p99:.1?}, max {max:.1?}", waits.len());
    p99
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_have_an_outcome_in_time_while_a_replica_is_killed_every_second() {
    let seed = crate::seed();
    let measured = crate::setting("WAIT_SECONDS").map(Duration::from_secs);
    let lake = Lake::start().await;
    let postgres = Postgres::shared();
    let store = postgres.database();
    let folder = tempfile::tempdir().unwrap();
    let replicas = ["one", "two"].map(|name| {
        let replica = Replica::new(&lake, folder.path().join(name), Some(store.clone()));
        if measured.is_some() { replica.with_haste(1) } else { replica }
    });
    let client = Client::new(&replicas.each_ref().map(|replica| replica.address)).with_retries_of_users(RETRY_TIMEOUT);
    let stop = Arc::new(AtomicBool::default());
    let caller = |number| {
        let caller = Caller { number, client: client.clone(), repository: lake.repository.to_string(), seed };
        tokio::spawn(caller.work(Arc::clone(&stop)))
    };
    let callers = join_all((0..CALLERS).map(caller));
    let waited = kill_while(callers, &replicas, seed, measured.unwrap_or(SHORT_RUN), &stop).await;
    let waited: Vec<Waited> = waited.into_iter().flat_map(Result::unwrap).collect();

    let (refused, committed): (Vec<&Waited>, Vec<&Waited>) =
        waited.iter().partition(|one| one.observed.outcome == Outcome::Ended);
    let report = |outcome, waited: Vec<&Waited>| report(outcome, waited.iter().map(|one| one.time).collect());
    let committed = report("COMMITTED", committed);
    let refused = report("MERGE_CONFLICT", refused);
    checker::wait_for_branch_cleanup(&lake).await;
    let observed: Vec<Observation> = waited.into_iter().map(|one| one.observed).collect();
    checker::check(&lake, &observed).await;
    if measured.is_some() {
        let Timing { lease, settle, .. } = Timing::default();
        let (committed_goal, refused_goal) = (lease + Duration::from_secs(5), settle + Duration::from_secs(15));
        eprintln!("goals for p99: COMMITTED {committed_goal:?}, MERGE_CONFLICT {refused_goal:?}");
        assert!(committed <= committed_goal && refused <= refused_goal, "callers waited longer than the goals");
    }
}

/// Until the end of a fence, no worker has anything to do. The death of a worker that continues a fence must not delay the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lease_of_a_continued_fence_ends_with_the_fence() {
    let (lake, faults) = Lake::with_faults().await;
    let postgres = Postgres::shared();
    let store = postgres.database();
    let folder = tempfile::tempdir().unwrap();
    let replica = Replica::new(&lake, folder.path().to_owned(), Some(store.clone())).with_haste(10);
    let process = replica.start("after:fenced:1:die").await;
    let client = Client::new(&[replica.address]);
    client.begun(&lake, "t").await;
    client.written("t", "a", "1").await;
    // The first merge request is lost and the next ones are rejected, so the worker waits at the fence.
    let hook = "update branch main: pre-merge hook aborted, run id '1': no";
    faults.arm(On::merge(), Fault::Drop, 1, 1);
    faults.arm(On::merge(), Fault::Fail(StatusCode::PRECONDITION_FAILED, hook), 1, 4);
    let commit = CommitTransactionRequest { transaction_id: "t".into(), ..Default::default() };
    let _ = client.commit_once(&commit).await;
    process.wait_until_exit().await;
    let _process = replica.start("").await;
    let mut database = PgConnection::connect(&store).await.unwrap();
    until("a worker continues the fence", async || {
        let ends_together = "SELECT lease_until::text = details::json->>'fence_until' FROM transactions";
        let found: Option<bool> = sqlx::query_scalar(ends_together).fetch_one(&mut database).await.unwrap();
        found == Some(true)
    })
    .await;
    assert_eq!(client.commit(&commit).await.unwrap().unwrap_err().reason, "HOOK_REJECTED");
}
