//! Outages of replicas, of the store and of the lake, under load on two replicas. The service must recover without
//! intervention, and the outcomes that clients observe must match the history.

use crate::checker;
use crate::client::Client;
use crate::kills::Writers;
use crate::lake::Lake;
use crate::process::Replica;
use crate::proxy::{NetworkFault, Proxy};
use lakeport_postgres::Postgres;
use std::sync::Arc;
use std::time::Duration;

/// Fault points of a commit at which a replica dies.
const DEATHS: &[&str] =
    &["after:committing", "after:commit", "after:prepared", "before:merge", "after:merge", "after:committed"];
/// Duration of the outage of lakeFS.
const OUTAGE: Duration = Duration::from_secs(30);
/// Duration of each other network fault.
const FAULT: Duration = Duration::from_secs(4);
/// Pause between faults.
const PAUSE: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn client_outcomes_match_the_history_after_outages() {
    let seed = crate::seed();
    let lake = Lake::start().await;
    let proxy = Proxy::start(lake.address(), NetworkFault::None, 0).await;
    let postgres = Arc::new(Postgres::start());
    let store = postgres.database();
    let folder = tempfile::tempdir().unwrap();
    let replica = |name: &str| {
        let replica = Replica::new(&lake, folder.path().join(name), Some(store.clone()));
        replica.with_lake_at(&format!("http://{}", proxy.address))
    };
    let (one, two) = (replica("one"), replica("two"));
    let survivor = two.start("").await;
    let writers = Writers::start(&lake, &Client::new(&[one.address, two.address]), seed);

    for point in DEATHS {
        let dying = one.start(&format!("{point}:2:die")).await;
        tokio::time::timeout(Duration::from_secs(60), dying.wait_until_exit())
            .await
            .expect("the replica did not reach the fault point");
    }
    let restarted = one.start("").await;
    for _ in 0..3 {
        tokio::time::sleep(PAUSE).await;
        restart(&postgres).await;
    }
    for fault in [NetworkFault::Latency(Duration::from_millis(50)), NetworkFault::Slow(100_000), NetworkFault::HalfOpen]
    {
        tokio::time::sleep(PAUSE).await;
        proxy.set(fault);
        tokio::time::sleep(FAULT).await;
        proxy.set(NetworkFault::None);
    }
    tokio::time::sleep(PAUSE).await;
    proxy.set(NetworkFault::Down);
    tokio::time::sleep(OUTAGE).await;
    proxy.set(NetworkFault::None);
    let resumed = lake.history().await.len();
    crate::until("20 more commits are made", async || lake.history().await.len() > resumed + 20).await;

    let observed = writers.stop().await;
    checker::wait_for_branch_cleanup(&lake).await;
    restarted.kill().await;
    survivor.kill().await;
    checker::check(&lake, &observed).await;
    assert!(proxy.cuts() > 0, "the proxy reset no connections");
    eprintln!("{} transactions", observed.len());
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
