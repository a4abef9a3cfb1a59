//! What a service of two replicas depends on goes away, under load, and comes back: nobody is told anything that is not so, and all goes
//! on by itself.

use crate::checker;
use crate::client::Client;
use crate::kills::Crowd;
use crate::lake::Lake;
use crate::process::Replica;
use crate::proxy::{Proxy, Trouble};
use lakeport_postgres::Postgres;
use std::sync::Arc;
use std::time::Duration;

/// Where a replica dies while it commits.
const DEATHS: &[&str] =
    &["after:committing", "after:commit", "after:prepared", "before:merge", "after:merge", "after:committed"];
/// How long lakeFS is away.
const AWAY: Duration = Duration::from_secs(30);
/// How long it is in each other trouble.
const TROUBLED: Duration = Duration::from_secs(4);
/// How long everything is well in between.
const WELL: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_goes_away_the_service_resumes_by_itself_and_tells_the_truth() {
    let seed = crate::seed();
    let lake = Lake::start().await;
    let before_lake = Proxy::start(lake.address(), Trouble::None, 0).await;
    let postgres = Arc::new(Postgres::start());
    let store = postgres.database();
    let folder = tempfile::tempdir().unwrap();
    let replica = |name: &str| {
        let replica = Replica::new(&lake, folder.path().join(name), Some(store.clone()));
        replica.of_lake_at(&format!("http://{}", before_lake.address))
    };
    let (one, two) = (replica("one"), replica("two"));
    let living = two.start("").await;
    let crowd = Crowd::start(&lake, &Client::new(&[one.address, two.address]), seed);

    for point in DEATHS {
        let dying = one.start(&format!("{point}:2:die")).await;
        tokio::time::timeout(Duration::from_secs(60), dying.has_died()).await.expect("it commits nothing");
    }
    let reborn = one.start("").await;
    for _ in 0..3 {
        tokio::time::sleep(WELL).await;
        restart(&postgres).await;
    }
    for trouble in [Trouble::Latency(Duration::from_millis(50)), Trouble::Slow(100_000), Trouble::HalfOpen] {
        tokio::time::sleep(WELL).await;
        before_lake.set(trouble);
        tokio::time::sleep(TROUBLED).await;
        before_lake.set(Trouble::None);
    }
    tokio::time::sleep(WELL).await;
    before_lake.set(Trouble::Down);
    tokio::time::sleep(AWAY).await;
    before_lake.set(Trouble::None);
    let resumed = lake.history().await.len();
    crate::until("commits go on", async || lake.history().await.len() > resumed + 20).await;

    let told = crowd.stop().await;
    checker::no_branches_left(&lake).await;
    reborn.kill().await;
    living.kill().await;
    checker::check(&lake, &told).await;
    assert!(before_lake.cuts() > 0, "lakeFS was not away");
    eprintln!("{} transactions", told.len());
}

async fn restart(postgres: &Arc<Postgres>) {
    let postgres = Arc::clone(postgres);
    let restarting = tokio::task::spawn_blocking(move || {
        postgres.crash();
        std::thread::sleep(Duration::from_secs(1));
        postgres.resume();
    });
    restarting.await.unwrap();
}
