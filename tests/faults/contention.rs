//! Many who commit into one base at once, on two replicas: each of them lands, and none has to try again.

use crate::checker;
use crate::client::Client;
use crate::history::{Outcome, Told};
use crate::lake::Lake;
use crate::process::{Process, Replica};
use futures_util::future::join_all;
use lakeport_postgres::Postgres;
use lakeport_proto::v1::CommitTransactionRequest;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const COMMITTERS: usize = 32;
/// Transactions of each, in the run that is part of every test.
const TRANSACTIONS: u64 = 20;

/// Transactions one after the other, each answered at its first try.
async fn transact(lake: &Lake, client: Client, name: &str, transactions: u64) -> Vec<Told> {
    let mut told = Vec::new();
    for n in 0..transactions {
        let (id, path) = (format!("{name}-{n}"), format!("{name}/{n}"));
        client.begun(lake, &id).await;
        client.written(&id, &path, &id).await;
        let request = CommitTransactionRequest { transaction_id: id.clone(), ..Default::default() };
        let done = client.commit_once(&request).await.unwrap_or_else(|status| panic!("{id}: {status}"));
        let outcome = Outcome::Committed { commit: done.transaction.unwrap().commit_id, failed_tags: Vec::new() };
        told.push(Told { id: id.clone(), writes: BTreeMap::from([(path, id)]), tag: None, outcome });
    }
    told
}

/// The same with nobody beside it, and how long it took.
async fn alone(lake: &Lake, client: Client, name: &str, transactions: u64) -> (Vec<Told>, Duration) {
    let began = Instant::now();
    let told = transact(lake, client, name, transactions).await;
    (told, began.elapsed())
}

fn per_second(transactions: usize, took: Duration) -> f64 {
    transactions as f64 / took.as_secs_f64()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_two_committers_of_one_base_all_land_at_once() {
    let transactions = crate::setting("TRANSACTIONS").unwrap_or(TRANSACTIONS);
    let lake = Lake::start().await;
    let postgres = Postgres::shared();
    let store = postgres.database();
    let folder = tempfile::tempdir().unwrap();
    let replica = |name: &str| Replica::new(&lake, folder.path().join(name), Some(store.clone()));
    let replicas = [replica("one"), replica("two")];
    let _processes: Vec<Process> = join_all(replicas.iter().map(|replica| replica.start(""))).await;
    let client = |n: usize| Client::new(&[replicas[n % replicas.len()].address]);

    // Before and after: the base grows, and its size costs the lake something, whoever merges into it.
    let (before, half) = alone(&lake, client(0), "before", transactions).await;

    let began = Instant::now();
    let names: Vec<String> = (0..COMMITTERS).map(|n| format!("c{n}")).collect();
    let all = names.iter().enumerate().map(|(n, name)| transact(&lake, client(n), name, transactions));
    let together: Vec<Told> = join_all(all).await.into_iter().flatten().collect();
    let crowded = per_second(together.len(), began.elapsed());

    let (after, other_half) = alone(&lake, client(0), "after", transactions).await;
    let alone = per_second(before.len() + after.len(), half + other_half);
    let told: Vec<Told> = before.into_iter().chain(together).chain(after).collect();
    checker::check(&lake, &told).await;
    let ratio = crowded / alone;
    eprintln!("{} merges; alone {alone:.1} a second, {COMMITTERS} at once {crowded:.1}: {ratio:.2} times", told.len());
}
