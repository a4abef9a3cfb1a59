//! Tests of the records of requests that may be on their way to lakeFS.

use crate::database::Database;
use crate::{a_transaction, on_both, worker};
use futures_util::future::join_all;
use lakeport_postgres::Postgres;
use lakeport_transactions::{
    Begun, Busy, CommitRequest, InFlight, InFlightRecord, SessionStore, Slot, Transaction, Worker,
};
use lakeport_types::{BranchName, ObjectPath};
use rand::RngExt;
use sqlx::Executor;
use std::time::Duration;

on_both! {
    a_path_has_one_record_at_a_time
    a_group_of_paths_is_recorded_completely_or_not_at_all
    concurrent_requests_get_distinct_records
    a_record_survives_its_process_until_its_branch_is_not_live
    a_closed_process_leaves_no_record
    the_leases_of_a_dead_process_end
    no_lease_ends_because_the_database_was_unavailable
}

fn branch() -> BranchName {
    BranchName::for_transaction(0, rand::rng().random())
}

fn path(path: &str) -> ObjectPath {
    ObjectPath::try_from(path).unwrap()
}

fn slot(branch: &BranchName, path: &str) -> Slot {
    Slot { branch: branch.to_string(), path: path.into() }
}

async fn process(store: &SessionStore, name: &str) -> InFlight {
    InFlight::start(store.clone(), name.into()).await.unwrap()
}

async fn recorded(process: &InFlight, branch: &BranchName, paths: &[&str]) -> Result<InFlightRecord, Busy> {
    let paths: Vec<ObjectPath> = paths.iter().copied().map(path).collect();
    process.record(branch, &paths).await.unwrap()
}

/// Records the paths as soon as no other request has them.
async fn recorded_soon(process: &InFlight, branch: &BranchName, paths: &[&str]) -> InFlightRecord {
    for _ in 0..100 {
        if let Ok(record) = recorded(process, branch, paths).await {
            return record;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{paths:?} stay recorded")
}

async fn a_path_has_one_record_at_a_time(database: Database) {
    let (store, branch) = (database.open().await, branch());
    let (one, two) = (process(&store, "one").await, process(&store, "two").await);
    let record = recorded(&one, &branch, &["a"]).await.unwrap();
    let busy = |process: Option<&str>| Busy { slot: slot(&branch, "a"), process: process.map(Into::into) };
    assert_eq!(recorded(&one, &branch, &["a"]).await.unwrap_err(), busy(None));
    assert_eq!(recorded(&two, &branch, &["a"]).await.unwrap_err(), busy(Some("one")));
    recorded(&two, &branch, &["b"]).await.unwrap();
    recorded(&two, &self::branch(), &["a"]).await.unwrap();
    drop(record);
    // The process need not erase its record before it uses the path again.
    let record = recorded(&one, &branch, &["a"]).await.unwrap();
    assert_eq!(recorded(&two, &branch, &["a"]).await.unwrap_err(), busy(Some("one")));
    drop(record);
    recorded_soon(&two, &branch, &["a"]).await;
}

async fn a_group_of_paths_is_recorded_completely_or_not_at_all(database: Database) {
    let (store, branch) = (database.open().await, branch());
    let (one, two) = (process(&store, "one").await, process(&store, "two").await);
    let _b = recorded(&one, &branch, &["b"]).await.unwrap();
    let busy = recorded(&two, &branch, &["c", "b", "a", "a"]).await.unwrap_err();
    assert_eq!(busy, Busy { slot: slot(&branch, "b"), process: Some("one".into()) });
    recorded_soon(&one, &branch, &["a", "c"]).await;
    // More than one statement.
    let many: Vec<String> = (0..1201).map(|n| format!("many/{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let record = recorded(&two, &branch, &many).await.unwrap();
    assert!(recorded(&one, &branch, &["many/1200"]).await.is_err());
    drop(record);
    recorded_soon(&one, &branch, &many).await;
}

/// Two processes record the same paths concurrently, in groups. No path ever has two records.
async fn concurrent_requests_get_distinct_records(database: Database) {
    let (store, branch) = (database.open().await, branch());
    let (one, two) = (process(&store, "one").await, process(&store, "two").await);
    for _ in 0..5 {
        let calls = (0..40).flat_map(|n| [(&one, n), (&two, n)]);
        let records = join_all(calls.map(async |(process, n)| {
            let (first, second) = (format!("p{}", n % 20), format!("p{}", (n + 7) % 20));
            recorded(process, &branch, &[&first, &second]).await.map(|record| (record, first, second))
        }))
        .await;
        let held: Vec<_> = records.into_iter().flatten().collect();
        assert!(!held.is_empty());
        let mut paths: Vec<&String> = held.iter().flat_map(|(_, first, second)| [first, second]).collect();
        let all = paths.len();
        paths.sort();
        paths.dedup();
        assert_eq!(paths.len(), all, "a path has two records");
        assert!(store.requests_in_flight(&branch).await.unwrap() >= i64::try_from(all).unwrap());
    }
}

async fn a_record_survives_its_process_until_its_branch_is_not_live(database: Database) {
    let store = database.open().await;
    let Begun::New(live) = store.begin(a_transaction("t")).await.unwrap() else { panic!("not new") };
    let process_one = process(&store, "one").await;
    assert_eq!(store.dead_for("one").await.unwrap(), None);
    // The process dies with two requests on their way.
    let ended = branch();
    std::mem::forget(recorded(&process_one, &live.branch, &["a"]).await.unwrap());
    std::mem::forget(recorded(&process_one, &ended, &["a"]).await.unwrap());
    drop(process_one);
    database.sql("UPDATE processes SET alive_until = alive_until - 20000 WHERE name = 'one'").await;
    assert!(store.dead_for("one").await.unwrap().unwrap() >= 14_000);
    assert!(store.dead_for("never seen").await.unwrap().is_some());
    store.forget_requests_in_flight().await.unwrap();
    assert_eq!(store.requests_in_flight(&ended).await.unwrap(), 0);
    let two = process(&store, "two").await;
    let busy = recorded(&two, &live.branch, &["a"]).await.unwrap_err();
    assert_eq!(busy.process.as_deref(), Some("one"));
    store.erase("one", &[busy.slot]).await.unwrap();
    recorded(&two, &live.branch, &["a"]).await.unwrap();
}

async fn a_closed_process_leaves_no_record(database: Database) {
    let (store, branch) = (database.open().await, branch());
    let one = process(&store, "one").await;
    drop(recorded(&one, &branch, &["a", "b"]).await.unwrap());
    one.close().await;
    assert_eq!(store.requests_in_flight(&branch).await.unwrap(), 0);
    assert!(store.dead_for("one").await.unwrap().is_some());
    assert!(one.record(&branch, &[path("a")]).await.is_err(), "a closed process must record nothing");
}

/// Begins a transaction, and commits it in a process that then is silent from `silence` s before now, and was alive for 60 s until then.
async fn committing_in(process: &str, silence: i64, store: &SessionStore, database: &Database) -> Transaction {
    let Begun::New(open) = store.begin(a_transaction("t")).await.unwrap() else { panic!("not new") };
    let worker = Worker { name: process.into(), lease: 60_000 };
    let committing = open.start_commit(CommitRequest::default(), &worker).unwrap();
    let committing = store.swap(&open, committing).await.unwrap().unwrap();
    let now = committing.read_at;
    let (since, until) = (now - 60_000, now - silence * 1000);
    database.sql(&format!("INSERT INTO processes VALUES ('{process}', {since}, {until})")).await;
    committing
}

async fn the_leases_of_a_dead_process_end(database: Database) {
    let store = database.open().await;
    let row = committing_in("dead", 3, &store, &database).await;
    database
        .sql(&format!("INSERT INTO processes VALUES ('two', {}, {})", row.read_at - 30_000, row.read_at + 5000))
        .await;
    let _two = process(&store, "two").await;
    let mut now = row.clone();
    for _ in 0..100 {
        now = store.get("ann", &row.id).await.unwrap().unwrap();
        if now.is_unattended() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(now.is_unattended(), "the lease did not end");
    assert_eq!((now.state, now.epoch), (row.state, row.epoch));
    let taken = store.swap(&now, now.take_over(&worker("two")).unwrap()).await.unwrap().unwrap();
    assert!(taken.commit_in_doubt && taken.merge_in_doubt);
}

/// All processes were silent at the same time. They are back, one after the other.
async fn no_lease_ends_because_the_database_was_unavailable(database: Database) {
    let store = database.open().await;
    let row = committing_in("slow", 3, &store, &database).await;
    database
        .sql(&format!("INSERT INTO processes VALUES ('two', {}, {})", row.read_at - 30_000, row.read_at - 2500))
        .await;
    let _two = process(&store, "two").await;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert!(!store.get("ann", &row.id).await.unwrap().unwrap().is_unattended());
}

/// A server that starts on a SQLite file is alone, so it need not wait until an earlier process counts as dead.
#[tokio::test]
async fn a_claim_of_a_sqlite_store_declares_earlier_processes_dead() {
    let database = Database::sqlite();
    let store = database.open().await;
    let _one = process(&store, "one").await;
    let _two = process(&store, "two").await;
    let _claim = store.claim("two").await.unwrap();
    assert!(store.dead_for("one").await.unwrap().is_some());
    assert!(store.dead_for("two").await.unwrap().is_none());
}

/// Requests may be on their way while the database crashes. Their records are still there afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn records_survive_a_crash_of_postgres() {
    let postgres = Postgres::start();
    let store = SessionStore::open(&postgres.database()).await.unwrap();
    let (one, branch) = (process(&store, "one").await, branch());
    let mut records = Vec::new();
    for round in 0..3 {
        for n in 0..20 {
            records.push(recorded(&one, &branch, &[&format!("{round}/{n}")]).await.unwrap());
        }
        postgres.crash();
        postgres.resume();
        let found = store.requests_in_flight(&branch).await.unwrap();
        assert_eq!(usize::try_from(found).unwrap(), records.len());
    }
}

/// The database fails to write and to erase a record, and may have done so anyway. The next request for the path is recorded again.
#[tokio::test]
async fn a_record_is_not_assumed_after_a_failed_statement() {
    let database = Database::sqlite();
    let (store, branch) = (database.open().await, branch());
    let one = process(&store, "one").await;
    let record = recorded(&one, &branch, &["a"]).await.unwrap();
    let mut other = database.connect().await;
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    drop(record);
    one.record(&branch, &[path("b")]).await.expect_err("the database is locked");
    // The erasure fails after the timeout of the lock.
    tokio::time::sleep(Duration::from_secs(12)).await;
    other.execute("DELETE FROM requests_in_flight").await.unwrap();
    other.execute("COMMIT").await.unwrap();
    let _records = [recorded(&one, &branch, &["a"]).await.unwrap(), recorded(&one, &branch, &["b"]).await.unwrap()];
    assert_eq!(store.requests_in_flight(&branch).await.unwrap(), 2);
}
