//! What the store of the transactions promises, whichever database is behind it: each promise is tried on both.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects by failing")]

mod database;
mod many;
mod trouble;

use database::Database;
use futures_util::future::join_all;
use lakeport_transactions::{
    Begun, CommitRequest, Filter, NewTransaction, Options, Retention, SessionStore, State, Transaction, Worker,
};
use lakeport_types::{BranchName, CommitId, RepositoryId, TransactionId};
use rand::RngExt;
use std::collections::BTreeMap;
use std::time::Duration;

/// Tries each promise on both databases.
macro_rules! on_both {
    ($($promise:ident)*) => {$(
        mod $promise {
            #[tokio::test]
            async fn on_sqlite() {
                super::$promise(super::Database::sqlite()).await;
            }

            #[tokio::test]
            async fn on_postgres() {
                super::$promise(super::Database::postgres()).await;
            }
        }
    )*};
}

pub(crate) use on_both;

on_both! {
    a_row_survives_the_program
    who_waits_for_a_row_is_woken_by_a_write_that_came_first
    a_second_begin_finds_the_first
    one_that_has_not_begun_is_not_listed_and_can_be_forgotten
    one_that_never_began_is_looked_for_once_more
    a_file_is_of_one_server_and_a_database_of_all
    what_has_not_ended_is_live
    one_of_many_committers_wins
    one_of_many_takes_over_from_a_worker_that_is_gone
    a_worker_that_is_gone_leaves_its_doubt
    a_renewal_never_shortens_and_never_collides_with_a_swap
    the_janitor_finds_what_is_due_and_nothing_else
    a_list_is_of_one_owner_and_filtered
    commits_into_one_base_are_counted_in_their_order
    a_downtime_of_all_replicas_gives_time_and_of_one_does_not
    a_branch_that_is_kept_where_it_was_is_known_for_ever
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

pub(crate) async fn begun(store: &SessionStore, id: &str) -> Transaction {
    match store.begin(a_transaction(id)).await.unwrap() {
        Begun::New(transaction) => transaction,
        Begun::Existing(_) => panic!("{id} was there"),
    }
}

async fn a_row_survives_the_program(database: Database) {
    let store = database.open().await;
    let row = begun(&store, "t").await;
    store.close().await;
    let store = database.open().await;
    let again = store.get("ann", &row.id).await.unwrap().unwrap();
    assert_eq!(again.as_of(row.read_at), row);
    assert_eq!(store.get("bob", &row.id).await.unwrap(), None, "an ID is its owner's");
}

async fn who_waits_for_a_row_is_woken_by_a_write_that_came_first(database: Database) {
    let store = database.open().await;
    let row = begun(&store, "t").await;
    let mut writes = store.watch(&row.id);
    store.swap(&row, row.renewed(&worker("worker"))).await.unwrap().unwrap();
    let woken = tokio::time::timeout(Duration::from_secs(10), writes.next(Duration::from_secs(3600)));
    assert!(woken.await.is_ok(), "the write is not seen for an hour");
}

async fn a_file_is_of_one_server_and_a_database_of_all(database: Database) {
    let (store, other) = (database.open().await, database.open().await);
    let claim = store.claim().await.unwrap();
    match other.claim().await {
        Ok(_) => assert!(database.url.starts_with("postgres")),
        Err(error) => assert!(database.url.starts_with("sqlite") && error.to_string().contains("in use"), "{error}"),
    }
    drop(claim);
    other.claim().await.unwrap();
}

async fn what_has_not_ended_is_live(database: Database) {
    let store = database.open().await;
    assert_eq!(store.tally().await.unwrap().live(), 0);
    let row = begun(&store, "open").await;
    begun(&store, "overdue").await;
    database.sql("UPDATE transactions SET idle_expire_time = 0 WHERE id = 'overdue'").await;
    let committing = begun(&store, "committing").await;
    let next = committing.start_commit(CommitRequest::default(), &worker("w")).unwrap();
    store.swap(&committing, next).await.unwrap().unwrap();
    assert_eq!(store.tally().await.unwrap().live(), 3);
    // Its branch may still be there: that is the janitor's, now or at the next start.
    store.swap(&row, row.rolled_back().unwrap()).await.unwrap().unwrap();
    assert_eq!(store.tally().await.unwrap().live(), 2);
}

async fn a_second_begin_finds_the_first(database: Database) {
    let store = database.open().await;
    let row = begun(&store, "t").await;
    let Begun::Existing(found) = store.begin(a_transaction("t")).await.unwrap() else { panic!("began twice") };
    assert_eq!(found.create_time, row.create_time);
}

fn without_base(id: &str) -> NewTransaction {
    NewTransaction { base_commit_id: None, ..a_transaction(id) }
}

async fn one_that_has_not_begun_is_not_listed_and_can_be_forgotten(database: Database) {
    let store = database.open().await;
    let Begun::New(row) = store.begin(without_base("t")).await.unwrap() else { panic!("t was there") };
    let list = async || store.list("ann", &Filter::default(), None, 10).await.unwrap();
    assert!(row.is_beginning() && list().await.is_empty());
    assert_eq!(store.count_live("ann").await.unwrap(), 1);

    // Not once somebody else has it, nor one of that ID that began since.
    let joined = store.swap(&row, row.clone()).await.unwrap().unwrap();
    assert!(!store.remove(&row).await.unwrap());
    assert!(store.remove(&joined).await.unwrap());
    let Begun::New(anew) = store.begin(without_base("t")).await.unwrap() else { panic!("t is still there") };
    assert!(!store.remove(&row).await.unwrap());
    assert_eq!(store.swap(&row, row.rolled_back().unwrap()).await.unwrap(), None, "it is another row");

    let base = CommitId::try_from("1".repeat(64)).unwrap();
    let begun = store.swap(&anew, anew.begun_at(base.clone())).await.unwrap().unwrap();
    assert!(!store.remove(&begun).await.unwrap());
    assert_eq!(store.get("ann", &anew.id).await.unwrap().unwrap().base_commit_id, Some(base));
    assert!(!begun.is_beginning() && list().await.len() == 1);
}

async fn one_that_never_began_is_looked_for_once_more(database: Database) {
    let store = database.open().await;
    let Begun::New(row) = store.begin(without_base("t")).await.unwrap() else { panic!("t was there") };
    let ended = store.swap(&row, row.rolled_back().unwrap()).await.unwrap().unwrap();
    assert_eq!(ended.late_branches_until(1000), Some(row.read_at + 1000));
    let other = begun(&store, "other").await;
    assert_eq!(other.rolled_back().unwrap().late_branches_until(1000), None);
}

async fn one_of_many_committers_wins(database: Database) {
    let store = database.open().await;
    let row = begun(&store, "t").await;
    // On two replicas, where there can be two.
    let other = database.open().await;
    let race = (0..32).map(|n| {
        let next = row.start_commit(CommitRequest::default(), &worker(&format!("worker-{n}"))).unwrap();
        if n % 2 == 0 { store.swap(&row, next) } else { other.swap(&row, next) }
    });
    let won = join_all(race).await.into_iter().filter_map(Result::unwrap).count();
    assert_eq!(won, 1, "two workers think that the commit is theirs");
    let now = store.get("ann", &row.id).await.unwrap().unwrap();
    assert_eq!((now.state, now.epoch, now.version), (State::Committing, 1, 2));
    assert!(now.start_commit(CommitRequest::default(), &worker("w")).is_err());
    assert!(now.rolled_back().is_err());
}

async fn a_renewal_never_shortens_and_never_collides_with_a_swap(database: Database) {
    let store = database.open().await;
    let row = begun(&store, "t").await;
    let later = row.as_of(row.read_at + 30_000);
    assert_eq!(store.renew(&later, 60_000).await.unwrap(), row.idle_expire_time, "not worth a write");
    let until = store.renew(&later, 1_000).await.unwrap();
    assert_eq!(until, row.idle_expire_time + 30_000);
    let next = row.start_commit(CommitRequest::default(), &worker("w")).unwrap();
    assert!(store.swap(&row, next).await.unwrap().is_some());
    assert_eq!(store.get("ann", &row.id).await.unwrap().unwrap().idle_expire_time, until);
}

async fn the_janitor_finds_what_is_due_and_nothing_else(database: Database) {
    let store = database.open().await;
    let live = begun(&store, "live").await;
    let overdue = begun(&store, "overdue").await;
    let late = overdue.as_of(overdue.idle_expire_time);
    // The idle time only grows by a swap, so the row is made old by hand.
    database.sql("UPDATE transactions SET idle_expire_time = 0 WHERE id = 'overdue'").await;
    let ended = begun(&store, "ended").await;
    store.swap(&ended, ended.rolled_back().unwrap()).await.unwrap().unwrap();
    let clean = begun(&store, "clean").await;
    store.swap(&clean, clean.rolled_back().unwrap().cleaned()).await.unwrap().unwrap();
    let abandoned = begun(&store, "abandoned").await;
    let committing = abandoned.start_commit(CommitRequest::default(), &worker("w")).unwrap();
    store.swap(&abandoned, committing.released()).await.unwrap().unwrap();

    let mut due: Vec<String> = store.due(0, 10).await.unwrap().into_iter().map(|row| row.id.to_string()).collect();
    due.sort();
    assert_eq!(due, ["abandoned", "ended", "overdue"]);
    assert!(late.is_overdue(0) && !live.is_overdue(0));
    assert_eq!(store.forget(0).await.unwrap(), 1, "only what is clean is forgotten");
    assert_eq!(store.count_live("ann").await.unwrap(), 3);
}

async fn a_branch_that_is_kept_where_it_was_is_known_for_ever(database: Database) {
    let store = database.open().await;
    let row = begun(&store, "t").await;
    let kept = row.rolled_back().unwrap().keeping_branch(row.branch.clone());
    store.swap(&row, kept.cleaned()).await.unwrap().unwrap();
    let other = begun(&store, "u").await;
    store.swap(&other, other.rolled_back().unwrap().cleaned()).await.unwrap().unwrap();
    assert_eq!(store.forget(-1).await.unwrap(), 1);
    let known: Vec<_> =
        store.with_branches(&row.repository).await.unwrap().into_iter().map(|row| row.branch.clone()).collect();
    assert_eq!(known, std::slice::from_ref(&row.branch));
}

async fn a_list_is_of_one_owner_and_filtered(database: Database) {
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

async fn one_of_many_takes_over_from_a_worker_that_is_gone(database: Database) {
    let (store, other) = (database.open().await, database.open().await);
    let row = begun(&store, "t").await;
    let row =
        store.swap(&row, row.start_commit(CommitRequest::default(), &worker("gone")).unwrap()).await.unwrap().unwrap();
    assert!(!row.is_unattended(), "its worker is at it");
    database.sql("UPDATE transactions SET lease_until = 0").await;
    let row = store.get("ann", &row.id).await.unwrap().unwrap();
    assert!(row.is_unattended());
    let race = (0..32).map(|n| {
        let next = row.take_over(&worker(&format!("worker-{n}"))).unwrap();
        if n % 2 == 0 { store.swap(&row, next) } else { other.swap(&row, next) }
    });
    let won: Vec<Transaction> = join_all(race).await.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(won.len(), 1, "two workers think that it is theirs");
    assert!(won[0].commit_in_doubt && won[0].merge_in_doubt, "what the first sent may be on its way");
    let late =
        store.swap(&row, row.prepared(CommitId::try_from("1".repeat(64)).unwrap(), &worker("gone"))).await.unwrap();
    assert_eq!(late, None, "the worker that was gone writes as if it were not");
}

/// Whoever had the lease and is gone may have sent a commit, however often the lease was had by others since.
async fn a_worker_that_is_gone_leaves_its_doubt(database: Database) {
    let store = database.open().await;
    let row = begun(&store, "t").await;
    let undoubted = row.start_commit(CommitRequest::default(), &worker("only")).unwrap();
    assert!(!undoubted.commit_in_doubt, "nobody was there before");
    let gone = store.swap(&row, row.leased_anew(&worker("gone"))).await.unwrap().unwrap();
    let next = store.swap(&gone, gone.leased_anew(&worker("next"))).await.unwrap().unwrap();
    let free = store.swap(&next, next.released()).await.unwrap().unwrap();
    let free = store.get("ann", &free.id).await.unwrap().unwrap();
    assert!(free.start_commit(CommitRequest::default(), &worker("third")).unwrap().commit_in_doubt);
}

async fn commits_into_one_base_are_counted_in_their_order(database: Database) {
    let store = database.open().await;
    let mut committing = Vec::new();
    for id in ["a", "b", "c"] {
        let row = begun(&store, id).await;
        let next = row.start_commit(CommitRequest::default(), &worker("w")).unwrap();
        committing.push(store.swap(&row, next).await.unwrap().unwrap());
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    let elsewhere = NewTransaction { base_branch: BranchName::try_from("other").unwrap(), ..a_transaction("d") };
    let Begun::New(row) = store.begin(elsewhere).await.unwrap() else { panic!("d was there") };
    store.swap(&row, row.start_commit(CommitRequest::default(), &worker("w")).unwrap()).await.unwrap().unwrap();
    assert_eq!(store.commits_ahead(&committing[2]).await.unwrap(), 2);
    assert_eq!(store.commits_ahead(&committing[0]).await.unwrap(), 0);
    database.sql("UPDATE transactions SET lease_until = 0 WHERE id = 'a'").await;
    assert_eq!(store.commits_ahead(&committing[2]).await.unwrap(), 1, "nobody works on the first");
    // Left to its owner, and the janitor does not look for a while.
    let left = committing[1].left_alone_until(i64::MAX);
    store.swap(&committing[1], left).await.unwrap().unwrap();
    assert_eq!(store.commits_ahead(&committing[2]).await.unwrap(), 0, "nobody works on the second");
    let tally = store.tally().await.unwrap();
    assert_eq!((tally.committing, tally.unattended), (2, 2));
}

async fn a_downtime_of_all_replicas_gives_time_and_of_one_does_not(database: Database) {
    let store = database.open().await;
    store.beat().await.unwrap();
    let row = begun(&store, "t").await;
    database.sql("UPDATE transactions SET idle_expire_time = 0, expire_time = 0").await;
    assert_eq!(store.beat().await.unwrap(), 0, "a replica was there a moment ago");
    assert_eq!(database.open().await.beat().await.unwrap(), 0, "one that starts is no downtime");
    database.sql("UPDATE lakeport_service SET seen = seen - 60000").await;
    assert_eq!(store.beat().await.unwrap(), 1);
    let now = store.get("ann", &row.id).await.unwrap().unwrap();
    assert!(now.idle_expire_time > now.read_at + 55_000, "it has not got its idle time back");
    assert!(now.expire_time > now.read_at + 55_000, "its lifetime ended while nobody could reach the service");
    assert_eq!(store.beat().await.unwrap(), 0, "once is enough");
}
