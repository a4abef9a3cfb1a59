//! What a store promises, whichever database is behind it.

use super::*;
use crate::row::{CommitRequest, Options, Retention};
use futures_util::future::join_all;
use lakeport_types::{BranchName, CommitId, RepositoryId};

struct Opened {
    _dir: tempfile::TempDir,
    url: String,
}

async fn sqlite() -> (Opened, SessionStore) {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}?mode=rwc", dir.path().join("sessions.db").display());
    let store = SessionStore::open(&url).await.unwrap();
    (Opened { _dir: dir, url }, store)
}

fn a_transaction(id: &str) -> NewTransaction {
    NewTransaction {
        id: TransactionId::try_from(id).unwrap(),
        owner: "ann".into(),
        repository: RepositoryId::try_from("lake").unwrap(),
        base_branch: BranchName::try_from("main").unwrap(),
        base_commit_id: CommitId::try_from("0".repeat(64)).unwrap(),
        branch: BranchName::for_transaction(7),
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

async fn begun(store: &SessionStore, id: &str) -> Transaction {
    match store.begin(a_transaction(id)).await.unwrap() {
        Begun::New(transaction) => transaction,
        Begun::Existing(_) => panic!("{id} was there"),
    }
}

#[tokio::test]
async fn a_row_survives_the_program() {
    let (opened, store) = sqlite().await;
    let row = begun(&store, "t").await;
    store.close().await;
    let store = SessionStore::open(&opened.url).await.unwrap();
    let again = store.get("ann", &row.id).await.unwrap().unwrap();
    assert_eq!(Transaction { read_at: row.read_at, ..again }, row);
    assert_eq!(store.get("bob", &row.id).await.unwrap(), None, "an ID is its owner's");
}

#[tokio::test]
async fn who_waits_for_a_row_is_woken_by_a_write_that_came_first() {
    let (_opened, store) = sqlite().await;
    let row = begun(&store, "t").await;
    let mut writes = store.watch(&row.id);
    store.swap(&row, row.renewed("worker")).await.unwrap().unwrap();
    let woken = tokio::time::timeout(Duration::from_secs(10), writes.next(Duration::from_secs(3600)));
    assert!(woken.await.is_ok(), "the write is not seen for an hour");
}

#[tokio::test]
async fn a_second_begin_finds_the_first() {
    let (_opened, store) = sqlite().await;
    let row = begun(&store, "t").await;
    let Begun::Existing(found) = store.begin(a_transaction("t")).await.unwrap() else { panic!("began twice") };
    assert_eq!(found.create_time, row.create_time);
}

#[tokio::test]
async fn one_of_many_committers_wins() {
    let (_opened, store) = sqlite().await;
    let row = begun(&store, "t").await;
    let race = (0..32).map(|n| {
        let next = row.start_commit(CommitRequest::default(), &format!("worker-{n}")).unwrap();
        store.swap(&row, next)
    });
    let won = join_all(race).await.into_iter().filter_map(Result::unwrap).count();
    assert_eq!(won, 1, "two workers think that the commit is theirs");
    let now = store.get("ann", &row.id).await.unwrap().unwrap();
    assert_eq!((now.state, now.epoch, now.version), (State::Committing, 1, 2));
    assert!(now.start_commit(CommitRequest::default(), "w").is_err());
    assert!(now.rolled_back().is_err());
}

#[tokio::test]
async fn a_renewal_never_shortens_and_never_collides_with_a_swap() {
    let (_opened, store) = sqlite().await;
    let row = begun(&store, "t").await;
    let later = Transaction { read_at: row.read_at + 30_000, ..row.clone() };
    assert_eq!(store.renew(&later, 60_000).await.unwrap(), row.idle_expire_time, "not worth a write");
    let until = store.renew(&later, 1_000).await.unwrap();
    assert_eq!(until, row.idle_expire_time + 30_000);
    let next = row.start_commit(CommitRequest::default(), "w").unwrap();
    assert!(store.swap(&row, next).await.unwrap().is_some());
    assert_eq!(store.get("ann", &row.id).await.unwrap().unwrap().idle_expire_time, until);
}

#[tokio::test]
async fn the_janitor_finds_what_is_due_and_nothing_else() {
    let (_opened, store) = sqlite().await;
    let live = begun(&store, "live").await;
    let overdue = begun(&store, "overdue").await;
    let late = Transaction { idle_expire_time: 0, ..overdue.clone() };
    // The idle time only grows by a swap, so the row is made old by hand.
    sqlx::query("UPDATE transactions SET idle_expire_time = 0 WHERE id = 'overdue'")
        .execute(&store.pool)
        .await
        .unwrap();
    let ended = begun(&store, "ended").await;
    store.swap(&ended, ended.rolled_back().unwrap()).await.unwrap().unwrap();
    let clean = begun(&store, "clean").await;
    store.swap(&clean, Transaction { is_clean: true, ..clean.rolled_back().unwrap() }).await.unwrap().unwrap();
    let abandoned = begun(&store, "abandoned").await;
    let committing = abandoned.start_commit(CommitRequest::default(), "w").unwrap();
    store.swap(&abandoned, Transaction { lease_until: 0, ..committing }).await.unwrap().unwrap();

    let mut due: Vec<String> = store.due(0, 10).await.unwrap().into_iter().map(|row| row.id.to_string()).collect();
    due.sort();
    assert_eq!(due, ["abandoned", "ended", "overdue"]);
    assert!(late.is_overdue(0) && !live.is_overdue(0));
    assert_eq!(store.forget(0).await.unwrap(), 1, "only what is clean is forgotten");
    assert_eq!(store.count_live("ann").await.unwrap(), 3);
}

#[tokio::test]
async fn a_list_is_of_one_owner_and_filtered() {
    let (_opened, store) = sqlite().await;
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

#[tokio::test]
async fn a_store_of_another_version_is_refused_at_the_start() {
    let (opened, store) = sqlite().await;
    sqlx::query("UPDATE lakeport_schema SET version = 99").execute(&store.pool).await.unwrap();
    store.close().await;
    let error = SessionStore::open(&opened.url).await.unwrap_err().to_string();
    assert!(error.contains("schema version 99"), "{error}");
}
