//! Concurrent commits to one base branch on two replicas: each commit succeeds without a retry by its client.

use crate::checker;
use crate::client::Client;
use crate::history::{Observation, Outcome};
use crate::lake::Lake;
use crate::process::{Process, Replica};
use futures_util::future::join_all;
use lakeport_postgres::Postgres;
use lakeport_proto::v1::CommitTransactionRequest;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const COMMITTERS: usize = 32;
/// Default number of transactions per committer.
const TRANSACTIONS: u64 = 20;

/// Runs transactions one after the other. Each commit must succeed at the first attempt.
async fn transact(lake: &Lake, client: Client, name: &str, transactions: u64) -> Vec<Observation> {
    let mut observed = Vec::new();
    for n in 0..transactions {
        let (id, path) = (format!("{name}-{n}"), format!("{name}/{n}"));
        client.begun(lake, &id).await;
        client.written(&id, &path, &id).await;
        let request = CommitTransactionRequest { transaction_id: id.clone(), ..Default::default() };
        let done = client.commit_once(&request).await.unwrap_or_else(|status| panic!("{id}: {status}"));
        let outcome = Outcome::Committed { commit: done.transaction.unwrap().commit_id, failed_tags: Vec::new() };
        observed.push(Observation { id: id.clone(), writes: BTreeMap::from([(path, id)]), tag: None, outcome });
    }
    observed
}

/// Runs transactions without concurrent committers and measures the time.
async fn alone(lake: &Lake, client: Client, name: &str, transactions: u64) -> (Vec<Observation>, Duration) {
    let began = Instant::now();
    let observed = transact(lake, client, name, transactions).await;
    (observed, began.elapsed())
}

fn per_second(transactions: usize, took: Duration) -> f64 {
    transactions as f64 / took.as_secs_f64()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_two_concurrent_committers_on_one_base_all_succeed() {
    let transactions = crate::setting("TRANSACTIONS").unwrap_or(TRANSACTIONS);
    let lake = Lake::start().await;
    let postgres = Postgres::shared();
    let store = postgres.database();
    let folder = tempfile::tempdir().unwrap();
    let replica = |name: &str| Replica::new(&lake, folder.path().join(name), Some(store.clone()));
    let replicas = [replica("one"), replica("two")];
    let _processes: Vec<Process> = join_all(replicas.iter().map(|replica| replica.start(""))).await;
    let client = |n: usize| Client::new(&[replicas[n % replicas.len()].address]);

    // Measure a single committer before and after the concurrent ones, because merges take longer as the base grows.
    let (before, half) = alone(&lake, client(0), "before", transactions).await;

    let began = Instant::now();
    let names: Vec<String> = (0..COMMITTERS).map(|n| format!("c{n}")).collect();
    let all = names.iter().enumerate().map(|(n, name)| transact(&lake, client(n), name, transactions));
    let together: Vec<Observation> = join_all(all).await.into_iter().flatten().collect();
    let concurrent = per_second(together.len(), began.elapsed());

    let (after, other_half) = alone(&lake, client(0), "after", transactions).await;
    let alone = per_second(before.len() + after.len(), half + other_half);
    let observed: Vec<Observation> = before.into_iter().chain(together).chain(after).collect();
    checker::check(&lake, &observed).await;
    let ratio = concurrent / alone;
    eprintln!(
        "{} merges; 1 committer: {alone:.1}/s, {COMMITTERS} committers: {concurrent:.1}/s, ratio {ratio:.2}",
        observed.len()
    );
}
