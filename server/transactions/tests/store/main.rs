//! Tests of the transaction store. Tests in `on_both!` run on SQLite and on PostgreSQL.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test reports failures by panicking")]

mod database;
mod failures;
mod in_flight;
mod requests;
mod scale;

use database::Database;
use futures_util::future::join_all;
use lakeport_transactions::{
    Begun, CommitRequest, Filter, NewTransaction, Options, Retention, SessionStore, State, Transaction, Worker,
};
use lakeport_types::{BranchName, CommitId, RepositoryId, TransactionId};
use rand::RngExt;
use std::collections::BTreeMap;
use std::time::Duration;

/// Declares a module for each test function, with one test on SQLite and one on PostgreSQL.
macro_rules! on_both {
    ($($test:ident)*) => {$(
        mod $test {
            #[tokio::test]
            async fn on_sqlite() {
                super::$test(super::Database::sqlite()).await;
            }

            #[tokio::test]
            async fn on_postgres() {
                super::$test(super::Database::postgres()).await;
            }
        }
    )*};
}

pub(crate) use on_both;

on_both! {
    transactions_persist_after_the_store_is_reopened
    a_write_between_watch_and_next_wakes_the_watcher
    a_second_begin_returns_the_existing_transaction
    a_beginning_transaction_is_unlisted_and_removed_only_if_unchanged
    rollback_of_a_beginning_transaction_expects_a_late_branch
    a_sqlite_store_is_exclusive_and_a_postgres_store_is_shared
    unfinished_transactions_count_as_live
    one_of_many_concurrent_commits_wins
    one_of_many_workers_takes_over_an_expired_lease
    a_lost_lease_leaves_the_commit_in_doubt
    a_renewal_never_shortens_the_timeout_and_never_conflicts_with_a_swap
    due_returns_only_transactions_that_need_the_janitor
    list_is_filtered_by_owner_and_labels
    commits_ahead_counts_earlier_active_commits_on_the_same_base
    only_downtime_of_all_replicas_extends_timeouts
    nothing_expires_between_a_downtime_and_the_next_heartbeat
    a_transaction_with_a_branch_kept_in_place_is_never_forgotten
}

pub(crate) fn a_transaction(id: &str) -> NewTransaction {
    NewTransaction {
        id: TransactionId::try_from(id).unwrap(),
        owner: "ann".into(),
        repository: RepositoryId::try_from("lake").unwrap(),
        base_branch: BranchName::try_from("main").unwrap(),
        base_commit_id: Some(CommitId::try_from("0".repeat(64)).unwrap()),
        branch: BranchName::for_transaction(0, rand::rng().random()),
        options: Options {
            idle_timeout: 60_000,
            lifetime: 600_000,
            read_only: false,
            retention: Retention::Delete,
            kept_branch: None,
        },
        labels: BTreeMap::from([("job".into(), "nightly".into())]),
    }
}

pub(crate) fn worker(name: &str) -> Worker {
    Worker { name: name.into(), lease: 90_000 }
}

/// A worker whose claim of a cleanup ends at once.
fn ender() -> Worker {
    Worker { name: "ender".into(), lease: 0 }
}

pub(crate) async fn begun(store: &SessionStore, id: &str) -> Transaction {
    match store.begin(a_transaction(id)).await.unwrap() {
        Begun::New(transaction) => transaction,
        Begun::Existing(_) => panic!("{id} already exists"),
    }
}

async fn transactions_persist_after_the_store_is_reopened(database: Database) {
    let store = database.open().await;
    let row = begun(&store, "t").await;
    store.close().await;
    let store = database.open().await;
    let again = store.get("ann", &row.id).await.unwrap().unwrap();
    assert_eq!(again.as_of(row.read_at), row);
    assert_eq!(store.get("bob", &row.id).await.unwrap(), None, "another owner can read the transaction");
}

async fn a_write_between_watch_and_next_wakes_the_watcher(database: Database) {
    let store = database.open().await;
    let row = begun(&store, "t").await;
    let mut writes = store.watch(&row.id);
    store.swap(&row, row.renewed(&worker("worker"))).await.unwrap().unwrap();
    let woken = tokio::time::timeout(Duration::from_secs(10), writes.next(Duration::from_secs(3600)));
    assert!(woken.await.is_ok(), "the watcher missed the write");
}

async fn a_sqlite_store_is_exclusive_and_a_postgres_store_is_shared(database: Database) {
    let (store, other) = (database.open().await, database.open().await);
    let claim = store.claim("one").await.unwrap();
    match other.claim("two").await {
        Ok(_) => assert!(database.url.starts_with("postgres")),
        Err(error) => assert!(database.url.starts_with("sqlite") && error.to_string().contains("in use"), "{error}"),
    }
    drop(claim);
    other.claim("two").await.unwrap();
}

async fn unfinished_transactions_count_as_live(database: Database) {
    let store = database.open().await;
    assert_eq!(store.tally().await.unwrap().live(), 0);
    let row = begun(&store, "open").await;
    begun(&store, "overdue").await;
    database.sql("UPDATE transactions SET idle_expire_time = 0 WHERE id = 'overdue'").await;
    let committing = begun(&store, "committing").await;
    let next = committing.start_commit(CommitRequest::default(), &worker("w")).unwrap();
    store.swap(&committing, next).await.unwrap().unwrap();
    assert_eq!(store.tally().await.unwrap().live(), 3);
    // A rolled-back transaction is not live, although the janitor may still have to delete its branch.
    store.swap(&row, row.rolled_back(&ender()).unwrap()).await.unwrap().unwrap();
    assert_eq!(store.tally().await.unwrap().live(), 2);
}

async fn a_second_begin_returns_the_existing_transaction(database: Database) {
    let store = database.open().await;
    let row = begun(&store, "t").await;
    let Begun::Existing(found) = store.begin(a_transaction("t")).await.unwrap() else { panic!("began twice") };
    assert_eq!(found.create_time, row.create_time);
}

fn without_base(id: &str) -> NewTransaction {
    NewTransaction { base_commit_id: None, ..a_transaction(id) }
}

async fn a_beginning_transaction_is_unlisted_and_removed_only_if_unchanged(database: Database) {
    let store = database.open().await;
    let Begun::New(row) = store.begin(without_base("t")).await.unwrap() else { panic!("t already exists") };
    let list = async || store.list("ann", &Filter::default(), None, 10).await.unwrap();
    assert!(row.is_beginning() && list().await.is_empty());
    assert_eq!(store.count_live("ann").await.unwrap(), 1);

    // `remove` fails if another call has changed the row, or if a new transaction has the same ID.
    let joined = store.swap(&row, row.clone()).await.unwrap().unwrap();
    assert!(!store.remove(&row).await.unwrap());
    assert!(store.remove(&joined).await.unwrap());
    let Begun::New(second) = store.begin(without_base("t")).await.unwrap() else { panic!("t was not removed") };
    assert!(!store.remove(&row).await.unwrap());
    assert_eq!(
        store.swap(&row, row.rolled_back(&ender()).unwrap()).await.unwrap(),
        None,
        "a swap changed another transaction with the same ID"
    );

    let base = CommitId::try_from("1".repeat(64)).unwrap();
    let begun = store.swap(&second, second.begun_at(base.clone())).await.unwrap().unwrap();
    assert!(!store.remove(&begun).await.unwrap());
    assert_eq!(store.get("ann", &second.id).await.unwrap().unwrap().base_commit_id, Some(base));
    assert!(!begun.is_beginning() && list().await.len() == 1);
}

async fn rollback_of_a_beginning_transaction_expects_a_late_branch(database: Database) {
    let store = database.open().await;
    let Begun::New(row) = store.begin(without_base("t")).await.unwrap() else { panic!("t already exists") };
    let ended = store.swap(&row, row.rolled_back(&ender()).unwrap()).await.unwrap().unwrap();
    assert_eq!(ended.late_branches_until(1000), Some(row.read_at + 1000));
    let other = begun(&store, "other").await;
    assert_eq!(other.rolled_back(&ender()).unwrap().late_branches_until(1000), None);
}

async fn one_of_many_concurrent_commits_wins(database: Database) {
    let store = database.open().await;
    let row = begun(&store, "t").await;
    // A second handle to the store, as a second replica has.
    let other = database.open().await;
    let race = (0..32).map(|n| {
        let next = row.start_commit(CommitRequest::default(), &worker(&format!("worker-{n}"))).unwrap();
        if n % 2 == 0 { store.swap(&row, next) } else { other.swap(&row, next) }
    });
    let won = join_all(race).await.into_iter().filter_map(Result::unwrap).count();
    assert_eq!(won, 1, "not exactly one worker won the commit");
    let now = store.get("ann", &row.id).await.unwrap().unwrap();
    assert_eq!((now.state, now.epoch, now.version), (State::Committing, 1, 2));
    assert!(now.start_commit(CommitRequest::default(), &worker("w")).is_err());
}

async fn a_renewal_never_shortens_the_timeout_and_never_conflicts_with_a_swap(database: Database) {
    let store = database.open().await;
    let row = begun(&store, "t").await;
    let later = row.as_of(row.read_at + 30_000);
    assert_eq!(
        store.renew(&later, 60_000).await.unwrap(),
        row.idle_expire_time,
        "a renewal below the minimum step was written"
    );
    let until = store.renew(&later, 1_000).await.unwrap();
    assert_eq!(until, row.idle_expire_time + 30_000);
    let next = row.start_commit(CommitRequest::default(), &worker("w")).unwrap();
    assert!(store.swap(&row, next).await.unwrap().is_some());
    assert_eq!(store.get("ann", &row.id).await.unwrap().unwrap().idle_expire_time, until);
}

async fn due_returns_only_transactions_that_need_the_janitor(database: Database) {
    let store = database.open().await;
    let live = begun(&store, "live").await;
    let overdue = begun(&store, "overdue").await;
    let late = overdue.as_of(overdue.idle_expire_time);
    // A swap can only extend the idle timeout, so the test expires the row with SQL.
    database.sql("UPDATE transactions SET idle_expire_time = 0 WHERE id = 'overdue'").await;
    let ended = begun(&store, "ended").await;
    store.swap(&ended, ended.rolled_back(&ender()).unwrap()).await.unwrap().unwrap();
    let clean = begun(&store, "clean").await;
    store.swap(&clean, clean.rolled_back(&ender()).unwrap().cleaned()).await.unwrap().unwrap();
    let abandoned = begun(&store, "abandoned").await;
    let committing = abandoned.start_commit(CommitRequest::default(), &worker("w")).unwrap();
    store.swap(&abandoned, committing.released()).await.unwrap().unwrap();

    let mut due: Vec<String> = store.due(0, 10).await.unwrap().into_iter().map(|row| row.id.to_string()).collect();
    due.sort();
    assert_eq!(due, ["abandoned", "ended", "overdue"]);
    assert!(late.is_overdue(0) && !live.is_overdue(0));
    assert_eq!(store.forget(0).await.unwrap(), 1, "only clean transactions are deleted");
    assert_eq!(store.count_live("ann").await.unwrap(), 3);
}

async fn a_transaction_with_a_branch_kept_in_place_is_never_forgotten(database: Database) {
    let store = database.open().await;
    let row = begun(&store, "t").await;
    let kept = row.rolled_back(&ender()).unwrap().keeping_branch(row.branch.clone());
    store.swap(&row, kept.cleaned()).await.unwrap().unwrap();
    let other = begun(&store, "u").await;
    store.swap(&other, other.rolled_back(&ender()).unwrap().cleaned()).await.unwrap().unwrap();
    assert_eq!(store.forget(-1).await.unwrap(), 1);
    let known: Vec<_> =
        store.with_branches(&row.repository).await.unwrap().into_iter().map(|row| row.branch.clone()).collect();
    assert_eq!(known, std::slice::from_ref(&row.branch));
}

async fn list_is_filtered_by_owner_and_labels(database: Database) {
    let store = database.open().await;
    for id in ["a", "b", "c"] {
        begun(&store, id).await;
    }
    let all = store.list("ann", &Filter::default(), None, 10).await.unwrap();
    assert_eq!(all.len(), 3);
    let after = Some((all[0].create_time, all[0].id.to_string()));
    assert_eq!(store.list("ann", &Filter::default(), after, 10).await.unwrap().len(), 2);
    assert!(store.list("bob", &Filter::default(), None, 10).await.unwrap().is_empty());
    let labels = BTreeMap::from([("job".to_owned(), "hourly".to_owned())]);
    assert!(store.list("ann", &Filter { labels, ..Filter::default() }, None, 10).await.unwrap().is_empty());
}

async fn one_of_many_workers_takes_over_an_expired_lease(database: Database) {
    let (store, other) = (database.open().await, database.open().await);
    let row = begun(&store, "t").await;
    let row = store
        .swap(&row, row.start_commit(CommitRequest::default(), &worker("expired")).unwrap())
        .await
        .unwrap()
        .unwrap();
    assert!(!row.is_unattended(), "its worker holds the lease");
    database.sql("UPDATE transactions SET lease_until = 0").await;
    let row = store.get("ann", &row.id).await.unwrap().unwrap();
    assert!(row.is_unattended());
    let race = (0..32).map(|n| {
        let next = row.take_over(&worker(&format!("worker-{n}"))).unwrap();
        if n % 2 == 0 { store.swap(&row, next) } else { other.swap(&row, next) }
    });
    let won: Vec<Transaction> = join_all(race).await.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(won.len(), 1, "not exactly one worker took over");
    assert!(won[0].commit_in_doubt && won[0].merge_in_doubt, "requests of the first worker may still be in flight");
    let late =
        store.swap(&row, row.prepared(CommitId::try_from("1".repeat(64)).unwrap(), &worker("expired"))).await.unwrap();
    assert_eq!(late, None, "a worker without the lease changed the row");
}

/// A worker that lost its lease may have sent a commit. That doubt remains, even if other workers held the lease since.
async fn a_lost_lease_leaves_the_commit_in_doubt(database: Database) {
    let store = database.open().await;
    let row = begun(&store, "t").await;
    let undoubted = row.start_commit(CommitRequest::default(), &worker("only")).unwrap();
    assert!(!undoubted.commit_in_doubt, "no earlier worker held the lease");
    let first = store.swap(&row, row.leased_to(&worker("expired"))).await.unwrap().unwrap();
    let next = store.swap(&first, first.leased_to(&worker("next"))).await.unwrap().unwrap();
    let free = store.swap(&next, next.released()).await.unwrap().unwrap();
    let free = store.get("ann", &free.id).await.unwrap().unwrap();
    assert!(free.start_commit(CommitRequest::default(), &worker("third")).unwrap().commit_in_doubt);
}

async fn commits_ahead_counts_earlier_active_commits_on_the_same_base(database: Database) {
    let store = database.open().await;
    let mut committing = Vec::new();
    for id in ["a", "b", "c"] {
        let row = begun(&store, id).await;
        let next = row.start_commit(CommitRequest::default(), &worker("w")).unwrap();
        committing.push(store.swap(&row, next).await.unwrap().unwrap());
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    let elsewhere = NewTransaction { base_branch: BranchName::try_from("other").unwrap(), ..a_transaction("d") };
    let Begun::New(row) = store.begin(elsewhere).await.unwrap() else { panic!("d already exists") };
    store.swap(&row, row.start_commit(CommitRequest::default(), &worker("w")).unwrap()).await.unwrap().unwrap();
    assert_eq!(store.commits_ahead(&committing[2]).await.unwrap(), 2);
    assert_eq!(store.commits_ahead(&committing[0]).await.unwrap(), 0);
    database.sql("UPDATE transactions SET lease_until = 0 WHERE id = 'a'").await;
    assert_eq!(store.commits_ahead(&committing[2]).await.unwrap(), 1, "the first commit has no active worker");
    // Without a worker, the commit waits for its owner. The late lease end keeps the janitor away from it.
    let left = committing[1].postponed_until(i64::MAX);
    store.swap(&committing[1], left).await.unwrap().unwrap();
    assert_eq!(store.commits_ahead(&committing[2]).await.unwrap(), 0, "the second commit has no active worker");
    let tally = store.tally().await.unwrap();
    assert_eq!((tally.committing, tally.unattended), (2, 2));
}

async fn only_downtime_of_all_replicas_extends_timeouts(database: Database) {
    let store = database.open().await;
    store.heartbeat().await.unwrap();
    let row = begun(&store, "t").await;
    database.sql("UPDATE transactions SET idle_expire_time = 0, expire_time = 0").await;
    assert_eq!(store.heartbeat().await.unwrap(), 0, "another replica sent a heartbeat just now");
    assert_eq!(database.open().await.heartbeat().await.unwrap(), 0, "the start of a replica counted as downtime");
    database.sql("UPDATE lakeport_service SET seen = seen - 60000").await;
    assert_eq!(store.heartbeat().await.unwrap(), 1);
    let now = store.get("ann", &row.id).await.unwrap().unwrap();
    assert!(now.idle_expire_time > now.read_at + 55_000, "the idle timeout was not extended");
    assert!(now.expire_time > now.read_at + 55_000, "the lifetime was not extended");
    assert_eq!(store.heartbeat().await.unwrap(), 0, "the downtime was compensated twice");
}

async fn nothing_expires_between_a_downtime_and_the_next_heartbeat(database: Database) {
    let store = database.open().await;
    let open = begun(&store, "open").await;
    let row = begun(&store, "committing").await;
    let committing = row.start_commit(CommitRequest::default(), &ender()).unwrap();
    store.swap(&row, committing).await.unwrap().unwrap();
    let ages = "UPDATE transactions SET idle_expire_time = 0, expire_time = 0";
    let read = async || store.get("ann", &row.id).await.unwrap().unwrap();
    let expire = async |committing: &Transaction| {
        let overdue = store.swap_overdue(&open, open.expired(&ender()).unwrap(), 0).await.unwrap();
        let past = store.swap_past_lifetime(committing, committing.expired(&ender()).unwrap()).await.unwrap();
        (overdue.is_some(), past.is_some())
    };
    database.sql(ages).await;
    database.sql("UPDATE lakeport_service SET seen = seen - 60000").await;
    let before = read().await;
    assert_eq!(expire(&before).await, (false, false), "expired before the owner could return");
    assert_eq!(store.heartbeat().await.unwrap(), 2);
    assert_eq!(expire(&before).await, (false, false), "the heartbeat did not extend the transaction");
    database.sql(ages).await;
    assert_eq!(expire(&read().await).await, (true, true));
}
