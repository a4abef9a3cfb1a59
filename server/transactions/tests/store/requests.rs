//! Idempotency keys of version calls.

use super::{Database, on_both};
use futures_util::future::join_all;
use lakeport_types::IdempotencyKey;

on_both! {
    a_key_starts_one_call_per_owner
    one_of_many_callers_starts_a_call
    one_of_many_callers_restarts_a_call
    a_result_is_final
    a_refused_call_is_forgotten
    only_expired_calls_are_forgotten
}

fn key(text: &str) -> IdempotencyKey {
    IdempotencyKey::try_from(text).unwrap()
}

async fn a_key_starts_one_call_per_owner(database: Database) {
    let store = database.open().await;
    assert_eq!(store.request("ann", &key("k")).await.unwrap(), None);
    let started = store.start_request("ann", &key("k"), "print", "before", 60_000).await.unwrap().unwrap();
    assert_eq!((started.fingerprint.as_str(), started.state_before.as_str()), ("print", "before"));
    assert!(started.is_in_progress() && started.outcome().is_none());
    assert_eq!(store.start_request("ann", &key("k"), "other", "later", 60_000).await.unwrap(), None);
    assert!(store.start_request("bob", &key("k"), "other", "later", 60_000).await.unwrap().is_some());
    let found = store.request("ann", &key("k")).await.unwrap().unwrap();
    assert_eq!((found.fingerprint.as_str(), found.state_before.as_str()), ("print", "before"));
}

async fn one_of_many_callers_starts_a_call(database: Database) {
    let store = database.open().await;
    let starts = (0..8).map(async |_| store.start_request("ann", &key("k"), "print", "", 60_000).await.unwrap());
    assert_eq!(join_all(starts).await.into_iter().flatten().count(), 1);
}

async fn one_of_many_callers_restarts_a_call(database: Database) {
    let store = database.open().await;
    let first = store.start_request("ann", &key("k"), "print", "before", 60_000).await.unwrap().unwrap();
    store.extend_request(&first, 0).await.unwrap();
    let found = store.request("ann", &key("k")).await.unwrap().unwrap();
    assert!(!found.is_in_progress());
    let restarts = join_all((0..8).map(async |_| store.restart_request(&found, 60_000).await.unwrap())).await;
    let mut won = restarts.into_iter().flatten();
    let second = won.next().unwrap();
    assert_eq!(won.count(), 0);
    assert!(second.is_in_progress());
    assert_eq!(second.state_before, "before", "a restart must keep the state before the first attempt");
    // The first attempt knows nothing about the second.
    store.extend_request(&first, 0).await.unwrap();
    store.forget_request(&first).await.unwrap();
    assert!(store.request("ann", &key("k")).await.unwrap().unwrap().is_in_progress());
}

async fn a_result_is_final(database: Database) {
    let store = database.open().await;
    let started = store.start_request("ann", &key("k"), "print", "", 60_000).await.unwrap().unwrap();
    store.finish_request(&started, "\"first\"").await.unwrap();
    store.finish_request(&started, "\"second\"").await.unwrap();
    store.forget_request(&started).await.unwrap();
    assert_eq!(store.restart_request(&started, 60_000).await.unwrap(), None);
    drop(store);
    let found = database.open().await.request("ann", &key("k")).await.unwrap().unwrap();
    assert_eq!(found.outcome(), Some("\"first\""));
}

async fn a_refused_call_is_forgotten(database: Database) {
    let store = database.open().await;
    let started = store.start_request("ann", &key("k"), "print", "", 60_000).await.unwrap().unwrap();
    store.forget_request(&started).await.unwrap();
    assert_eq!(store.request("ann", &key("k")).await.unwrap(), None);
    assert!(store.start_request("ann", &key("k"), "other", "", 60_000).await.unwrap().is_some());
}

async fn only_expired_calls_are_forgotten(database: Database) {
    let store = database.open().await;
    for id in ["old", "new"] {
        let started = store.start_request("ann", &key(id), "print", "", 60_000).await.unwrap().unwrap();
        store.finish_request(&started, "1").await.unwrap();
    }
    database.sql("UPDATE requests SET expire_time = 1 WHERE id = 'old'").await;
    // An expired call is gone before its row is deleted.
    assert_eq!(store.request("ann", &key("old")).await.unwrap(), None);
    assert_eq!(store.forget_expired_requests().await.unwrap(), 1);
    assert!(store.request("ann", &key("new")).await.unwrap().is_some());
    assert!(store.start_request("ann", &key("old"), "other", "", 60_000).await.unwrap().is_some());
}
