//! Tests with databases that are unreachable, locked, read-only, damaged, or of another schema version, and with a file that
//! is not a database. The store must return a clear error and lose no data.

use crate::{Database, a_transaction, begun, on_both, worker};
use futures_util::future::join_all;
use lakeport_postgres::Postgres;
use lakeport_transactions::{Error, SessionStore};
use lakeport_types::TransactionId;
use sqlx::{AssertSqlSafe, Executor};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

on_both! {
    opening_a_newer_schema_version_fails
    opening_migrates_schema_version_1
    an_invalid_row_is_reported_as_corrupt_and_skipped_by_due
}

async fn opening_a_newer_schema_version_fails(database: Database) {
    database.open().await.close().await;
    database.sql("UPDATE lakeport_schema SET version = 99").await;
    let error = SessionStore::open(&database.url).await.unwrap_err().to_string();
    assert!(error.contains("schema version 99"), "{error}");
}

async fn opening_migrates_schema_version_1(database: Database) {
    database.sql(include_str!("../../src/store/migrations/1.sql")).await;
    database
        .sql("CREATE TABLE lakeport_schema (version BIGINT NOT NULL); INSERT INTO lakeport_schema VALUES (1)")
        .await;
    let store = database.open().await;
    begun(&store, "t").await;
    store.heartbeat().await.unwrap();
}

async fn an_invalid_row_is_reported_as_corrupt_and_skipped_by_due(database: Database) {
    let store = database.open().await;
    let row = begun(&store, "t").await;
    database.sql("UPDATE transactions SET state = 'hopeful'").await;
    let error = store.get("ann", &row.id).await.unwrap_err();
    assert!(matches!(error, Error::Corrupt(_)), "{error}");
    // `due` skips the invalid row and still returns the others.
    begun(&store, "due").await;
    database.sql("UPDATE transactions SET state = 'rolled_back', end_time = 1 WHERE id = 'due'").await;
    database.sql("UPDATE transactions SET end_time = 1 WHERE id = 't'").await;
    let due: Vec<String> = store.due(0, 10).await.unwrap().into_iter().map(|row| row.id.to_string()).collect();
    assert_eq!(due, ["due"]);
}

#[tokio::test]
async fn errors_never_contain_the_password() {
    for url in
        ["postgres://ann:geheim@127.0.0.1:1/x", "postgres://ann@127.0.0.1:1/x?password=geheim", "mysql://a:geheim@h/x"]
    {
        let error = SessionStore::open(url).await.unwrap_err().to_string();
        assert!(error.contains("cannot open the session store") && !error.contains("geheim"), "{error}");
    }
}

#[tokio::test]
async fn opening_a_file_that_is_not_a_database_fails() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sessions.db");
    std::fs::write(&file, "something else, and enough of it ".repeat(100)).unwrap();
    let error = SessionStore::open(&format!("sqlite:{}", file.display())).await.unwrap_err().to_string();
    assert!(error.contains("damaged") && error.contains("sessions.db"), "{error}");
    assert!(std::fs::read_to_string(&file).unwrap().starts_with("something else"), "the file was overwritten");
}

#[tokio::test]
async fn opening_a_read_only_file_fails() {
    let database = Database::sqlite();
    database.open().await.close().await;
    let url = database.url.replace("mode=rwc", "mode=ro");
    let error = SessionStore::open(&url).await.unwrap_err().to_string();
    assert!(error.contains("read-only"), "{error}");
}

#[tokio::test]
async fn a_read_only_database_rejects_writes_and_serves_reads() {
    let database = Database::postgres();
    let store = database.open().await;
    let row = begun(&store, "t").await;
    let name = database.url.rsplit('/').next().unwrap();
    database.sql(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on")).await;
    database.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()").await;
    let error = store.swap(&row, row.renewed(&worker("w"))).await.unwrap_err();
    assert!(matches!(error, Error::ReadOnly(_)), "{error}");
    assert!(store.get("ann", &row.id).await.unwrap().is_some());
    let error = SessionStore::open(&database.url).await.unwrap_err().to_string();
    assert!(error.contains("read-only"), "{error}");
}

#[tokio::test]
async fn a_write_waits_for_a_locked_file_and_then_fails_with_locked() {
    let database = Database::sqlite();
    let store = database.open().await;
    let row = begun(&store, "t").await;
    let mut other = database.connect().await;
    other.execute("BEGIN EXCLUSIVE").await.unwrap();
    let waiting = store.swap(&row, row.renewed(&worker("w")));
    let unlocking = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        other.execute("COMMIT").await.unwrap();
    };
    let row = tokio::join!(waiting, unlocking).0.unwrap().expect("the write did not wait for a short lock");
    other.execute("BEGIN EXCLUSIVE").await.unwrap();
    let error = store.swap(&row, row.renewed(&worker("w"))).await.unwrap_err();
    assert!(matches!(error, Error::Locked(_)), "{error}");
    other.execute("COMMIT").await.unwrap();
    assert!(store.swap(&row, row.renewed(&worker("w"))).await.unwrap().is_some(), "writes still fail after the unlock");
}

/// Eight writers each update their own row while the database crashes and restarts three times. The rows must contain exactly
/// the acknowledged writes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_writes_survive_database_crashes_under_load() {
    let postgres = Arc::new(Postgres::start());
    let url = postgres.database();
    let store = SessionStore::open(&url).await.unwrap();
    let stop = Arc::new(AtomicBool::default());
    let writers = (0..8).map(|n| {
        let (store, stop) = (store.clone(), Arc::clone(&stop));
        tokio::spawn(async move {
            let mut row = begun(&store, &format!("t{n}")).await;
            let mut tries = 0_u32;
            while !stop.load(Ordering::Relaxed) {
                tries += 1;
                row =
                    store.swap(&row, row.renewed(&worker("w"))).await.unwrap().expect("another writer changed the row");
            }
            (row, tries)
        })
    });
    let writers: Vec<_> = writers.collect();
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let postgres = Arc::clone(&postgres);
        tokio::task::spawn_blocking(move || {
            postgres.crash();
            std::thread::sleep(Duration::from_millis(300));
            postgres.resume();
        })
        .await
        .unwrap();
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    stop.store(true, Ordering::Relaxed);
    for written in join_all(writers).await {
        let (row, tries) = written.unwrap();
        let found = store.get("ann", &row.id).await.unwrap().unwrap();
        assert!(tries > 3, "a writer wrote at most 3 times");
        assert_eq!((found.version, row.version), (row.version, 1 + i64::from(tries)));
    }
}

#[tokio::test]
async fn an_unreachable_database_fails_within_40_seconds() {
    let postgres = Postgres::start();
    let store = SessionStore::open(&postgres.database()).await.unwrap();
    postgres.crash();
    let id = TransactionId::try_from("t").unwrap();
    let answer = tokio::time::timeout(Duration::from_secs(40), store.get("ann", &id));
    let error = answer.await.expect("no response for 40 s").unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error}");
    postgres.resume();
    assert_eq!(store.get("ann", &id).await.unwrap(), None, "the store did not reconnect");
}

#[tokio::test]
async fn a_base_turn_is_exclusive_and_ends_when_its_replica_dies() {
    let database = Database::postgres();
    let (one, two) = (database.open().await, database.open().await);
    let new = a_transaction("t");
    let turn = one.base_turn(&new.repository, &new.base_branch).await.expect("the turn is free");
    let mut waiting = std::pin::pin!(two.base_turn(&new.repository, &new.base_branch));
    assert!(
        tokio::time::timeout(Duration::from_millis(300), waiting.as_mut()).await.is_err(),
        "two replicas have the turn"
    );
    drop(turn);
    let turn =
        tokio::time::timeout(Duration::from_secs(3), waiting).await.expect("the next replica did not get the turn");
    assert!(turn.is_some());
    let mut waiting = std::pin::pin!(one.base_turn(&new.repository, &new.base_branch));
    assert!(tokio::time::timeout(Duration::from_millis(100), waiting.as_mut()).await.is_err());
    let mut operator = database.connect().await;
    let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory' AND granted AND \
                database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    operator.execute(AssertSqlSafe(kill)).await.unwrap();
    let next = tokio::time::timeout(Duration::from_secs(3), waiting).await.expect("a dead replica kept its turn");
    assert!(next.is_some());
}
