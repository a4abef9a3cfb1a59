//! Two replicas end the same transaction at the same time: both report the same kept branch, and only this branch exists.

use crate::client::Client;
use crate::lake::{BASE, Lake};
use crate::process::{Process, Replica};
use crate::until;
use futures_util::future::join_all;
use lakeport_postgres::Postgres;
use lakeport_proto::v1::{BeginTransactionRequest, BranchRetention, Transaction, TransactionState};

const TRANSACTIONS: usize = 60;

async fn begin(lake: &Lake, client: &Client, id: &str) {
    let request = BeginTransactionRequest {
        repository: lake.repository.to_string(),
        base_branch: BASE.into(),
        transaction_id: id.into(),
        branch: format!("kept-{id}"),
        branch_retention: BranchRetention::Keep.into(),
        idle_timeout: Some(prost_types::Duration { seconds: 10, nanos: 0 }),
        ..Default::default()
    };
    client.begin(&request).await.unwrap().unwrap();
    client.written(id, "a", id).await;
}

async fn check(lake: &Lake, ended: &Transaction, state: TransactionState) {
    let id = &ended.transaction_id;
    assert_eq!(ended.state(), state, "{id}");
    assert!(ended.failure.is_none(), "{id}: {:?}", ended.failure);
    assert_eq!(ended.branch, format!("kept-{id}"));
    assert_eq!(ended.commit_id, lake.head(&ended.branch).await, "{id}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_that_end_a_transaction_keep_one_branch() {
    let lake = Lake::start().await;
    let postgres = Postgres::shared();
    let store = postgres.database();
    let folder = tempfile::tempdir().unwrap();
    let replica = |name: &str| Replica::new(&lake, folder.path().join(name), Some(store.clone()));
    let replicas = [replica("one"), replica("two")];
    let _processes: Vec<Process> = join_all(replicas.iter().map(|replica| replica.start(""))).await;
    let clients = replicas.each_ref().map(|replica| Client::new(&[replica.address]));

    // The janitors of both replicas end these.
    let expiring: Vec<String> = (0..TRANSACTIONS).map(|n| format!("e{n}")).collect();
    join_all(expiring.iter().map(|id| begin(&lake, &clients[0], id))).await;

    for n in 0..TRANSACTIONS {
        let id = format!("r{n}");
        begin(&lake, &clients[n % 2], &id).await;
        for ended in join_all(clients.iter().map(|client| client.rollback(&id))).await {
            check(&lake, &ended.unwrap().unwrap().transaction.unwrap(), TransactionState::RolledBack).await;
        }
    }

    for id in &expiring {
        let state = async || clients[1].transaction(id).await;
        until("the branch is kept", async || !state().await.commit_id.is_empty()).await;
        check(&lake, &state().await, TransactionState::Expired).await;
    }
    until("no private branch remains", async || lake.branches().await.is_empty()).await;
    let mut kept: Vec<String> = lake.branches_with("").await.into_iter().filter(|name| name != BASE).collect();
    kept.sort_unstable();
    let mut expected: Vec<String> =
        (0..TRANSACTIONS).flat_map(|n| [format!("kept-e{n}"), format!("kept-r{n}")]).collect();
    expected.sort_unstable();
    assert_eq!(kept, expected);
}
