//! Tests with ten thousand rows and with concurrent writers.

use crate::{Database, a_transaction, begun, on_both, worker};
use futures_util::future::join_all;
use lakeport_transactions::{Begun, Filter, SessionStore, Transaction};
use std::collections::BTreeSet;

const ROWS: usize = 10_000;

on_both! {
    ten_thousand_transactions_are_listed_counted_and_forgotten
    replicas_that_start_concurrently_create_one_store
    concurrent_swaps_of_one_row_lose_no_acknowledged_write
}

/// Copies the row `t1` to `t2` and so on, until there are `count` rows.
async fn copies(database: &Database, count: usize) {
    let columns = "version, epoch, repository, base_branch, base_commit_id, branch, create_time, expire_time, details, idle_timeout";
    let copy = format!(
        "WITH RECURSIVE numbers(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count}) \
         INSERT INTO transactions (owner, id, state, lease_until, is_clean, idle_expire_time, end_time, {columns}) \
         SELECT owner, 't' || n, state, lease_until, is_clean, n, end_time, {columns} FROM transactions, numbers \
         WHERE id = 't1'"
    );
    database.sql(&copy).await;
}

async fn ten_thousand_transactions_are_listed_counted_and_forgotten(database: Database) {
    let store = database.open().await;
    begun(&store, "t1").await;
    copies(&database, ROWS).await;
    assert_eq!(store.count_live("ann").await.unwrap(), 10_000);
    assert_eq!(listed(&store).await.len(), ROWS, "the listing is incomplete");

    let due = async || -> BTreeSet<String> {
        store.due(0, 50).await.unwrap().into_iter().map(|row| row.id.to_string()).collect()
    };
    let (one, two) = (due().await, due().await);
    assert_eq!((one.len(), two.len()), (50, 50), "`due` does not respect its limit");
    assert!(one.intersection(&two).count() < 10, "two calls of `due` return mostly the same rows");
    let tally = store.tally().await.unwrap();
    assert_eq!((tally.open, tally.overdue, tally.unclean), (1, 9_999, 0));

    database.sql("UPDATE transactions SET state = 'rolled_back', end_time = 1, is_clean = 1").await;
    let mut calls = 0;
    while let 1.. = store.forget(1000).await.unwrap() {
        calls += 1;
    }
    assert_eq!(calls, 10, "`forget` does not delete 1,000 rows per call");
    assert!(listed(&store).await.is_empty());
}

/// Lists all IDs of the owner `ann`, in pages.
async fn listed(store: &SessionStore) -> BTreeSet<String> {
    let (mut ids, mut after) = (BTreeSet::new(), None);
    loop {
        let page = store.list("ann", &Filter::default(), after, 700).await.unwrap();
        let Some(last) = page.last() else { return ids };
        after = Some((last.create_time, last.id.to_string()));
        for row in page {
            assert!(ids.insert(row.id.to_string()), "{} is listed twice", row.id);
        }
    }
}

async fn replicas_that_start_concurrently_create_one_store(database: Database) {
    let stores = join_all((0..8).map(|_| database.open())).await;
    let begun = join_all(stores.iter().map(|store| store.begin(a_transaction("t")))).await;
    let new = begun.into_iter().filter(|begun| matches!(begun, Ok(Begun::New(_)))).count();
    assert_eq!(new, 1, "not exactly one replica began the transaction");
}

async fn concurrent_swaps_of_one_row_lose_no_acknowledged_write(database: Database) {
    let (one, two) = (database.open().await, database.open().await);
    begun(&one, "t").await;
    let writers = (0..8).map(|n| {
        let store = if n % 2 == 0 { one.clone() } else { two.clone() };
        tokio::spawn(async move {
            let mut won = 0;
            while won < 10 {
                let row: Transaction = store.get("ann", &a_transaction("t").id).await.unwrap().unwrap();
                won += i64::from(store.swap(&row, row.renewed(&worker(&format!("w{n}")))).await.unwrap().is_some());
            }
            won
        })
    });
    let won: i64 = join_all(writers).await.into_iter().map(Result::unwrap).sum();
    let row = one.get("ann", &a_transaction("t").id).await.unwrap().unwrap();
    assert_eq!(row.version, 1 + won, "the version does not equal the number of acknowledged writes");
}
