//! Transactions: atomicity, isolation, retries, conflicts, listing and expiry.

use crate::fixture::{Server, all, refused, why};
use lakeport_proto::v1::*;
use prost_types::Duration as WireDuration;
use std::collections::{BTreeMap, HashMap};
use tonic::Code;

#[tokio::test]
async fn a_transaction_reads_its_own_writes_and_publishes_them_atomically() {
    let server = Server::start().await;
    let begun = server.begin("t").await;
    assert_eq!(begun.state(), TransactionState::Open);
    server.put_in("t", "a", "1").await.unwrap();
    server.put_in("t", "b", "2").await.unwrap();
    assert_eq!(server.get_in("t", "a").await.unwrap(), "1");
    assert_eq!(why(server.get("main", "a").await), refused(Code::NotFound, "OBJECT_NOT_FOUND"));

    let done = server.publish("t").await.unwrap();
    assert_eq!((done.state(), done.merged), (TransactionState::Committed, true));
    assert_eq!(server.head("main").await, done.commit_id);
    assert_eq!(server.get("main", "b").await.unwrap(), "2");
    assert_eq!(server.merges_of("t").await, 1);
    assert!(server.is_clean().await);
}

#[tokio::test]
async fn a_repeated_commit_returns_the_same_commit() {
    let server = Server::start().await;
    server.begin("t").await;
    server.put_in("t", "a", "1").await.unwrap();
    let first = server.publish("t").await.unwrap();
    for _ in 0..3 {
        assert_eq!(server.publish("t").await.unwrap().commit_id, first.commit_id);
    }
    assert_eq!(server.merges_of("t").await, 1);
    assert_eq!(why(server.put_in("t", "b", "2").await), refused(Code::FailedPrecondition, "TRANSACTION_COMMITTED"));
    assert_eq!(why(server.rollback("t").await), refused(Code::FailedPrecondition, "TRANSACTION_COMMITTED"));
}

#[tokio::test]
async fn concurrent_commits_of_one_transaction_return_the_same_commit() {
    let server = Server::start().await;
    server.begin("t").await;
    server.put_in("t", "a", "1").await.unwrap();
    let calls = (0..16).map(|_| server.publish("t"));
    let ids: Vec<String> =
        futures_util::future::join_all(calls).await.into_iter().map(|done| done.unwrap().commit_id).collect();
    assert!(ids.iter().all(|id| *id == ids[0]));
    assert_eq!(server.merges_of("t").await, 1);
}

#[tokio::test]
async fn concurrent_transactions_on_one_base_all_commit() {
    let server = Server::start().await;
    let run = async |n: usize| {
        let id = format!("t{n}");
        server.begin(&id).await;
        server.put_in(&id, &format!("file-{n}"), &id).await.unwrap();
        server.publish(&id).await.unwrap()
    };
    let done = futures_util::future::join_all((0..8).map(run)).await;
    assert!(done.iter().all(|transaction| transaction.merged));
    for n in 0..8 {
        assert_eq!(server.get("main", &format!("file-{n}")).await.unwrap(), format!("t{n}"));
    }
}

#[tokio::test]
async fn a_commit_without_changes_creates_no_merge() {
    let server = Server::start().await;
    let head = server.head("main").await;
    server.begin("empty").await;
    let done = server.publish("empty").await.unwrap();
    assert_eq!((done.merged, done.commit_id.as_str()), (false, head.as_str()));

    server.put("a", "1").await;
    let head = server.commit("a").await.commit_id;
    server.begin("same").await;
    server.put_in("same", "a", "1").await.unwrap();
    let done = server.publish("same").await.unwrap();
    assert_eq!((done.merged, done.commit_id.as_str()), (false, head.as_str()));
}

#[tokio::test]
async fn a_rollback_deletes_the_branch_and_can_be_repeated() {
    let server = Server::start().await;
    server.begin("t").await;
    server.put_in("t", "a", "1").await.unwrap();
    assert_eq!(server.rollback("t").await.unwrap().state(), TransactionState::RolledBack);
    assert!(server.rollback("t").await.is_ok());
    assert_eq!(why(server.publish("t").await), refused(Code::FailedPrecondition, "TRANSACTION_ROLLED_BACK"));
    assert_eq!(why(server.get_in("t", "a").await), refused(Code::FailedPrecondition, "TRANSACTION_ROLLED_BACK"));
    assert!(server.is_clean().await);
}

#[tokio::test]
async fn a_conflict_names_the_paths_and_leaves_the_transaction_open() {
    let server = Server::start().await;
    server.begin("t").await;
    server.put_in("t", "a", "mine").await.unwrap();
    server.put_in("t", "b", "mine too").await.unwrap();
    server.put("a", "theirs").await;
    server.commit("theirs").await;

    let validate = CommitTransactionRequest { transaction_id: "t".into(), validate_only: true, ..Default::default() };
    assert_eq!(why(server.publish_with(validate).await), refused(Code::Aborted, "MERGE_CONFLICT"));
    let status = server.publish("t").await.unwrap_err();
    assert!(status.message().contains("1 path was") && status.message().contains(": a;"), "{}", status.message());
    assert_eq!(why::<()>(Err(status)), refused(Code::Aborted, "MERGE_CONFLICT"));
    let now = server.transaction("t").await.unwrap();
    assert_eq!((now.state(), now.epoch), (TransactionState::Open, 1));
    assert_eq!(now.failure.unwrap().code, Code::Aborted as i32);
    assert_eq!(server.get_in("t", "b").await.unwrap(), "mine too", "an acknowledged write is lost");

    let stale = CommitTransactionRequest { transaction_id: "t".into(), if_epoch: Some(0), ..Default::default() };
    assert_eq!(why(server.publish_with(stale).await), refused(Code::FailedPrecondition, "EPOCH_MISMATCH"));
    let mine = CommitTransactionRequest {
        transaction_id: "t".into(),
        strategy: MergeStrategy::SourceWins.into(),
        if_epoch: Some(1),
        ..Default::default()
    };
    assert!(server.publish_with(mine).await.unwrap().merged);
    assert_eq!(server.get("main", "a").await.unwrap(), "mine");
    assert!(server.is_clean().await);
}

#[tokio::test]
async fn changes_are_listed_with_conflicts() {
    let server = Server::start().await;
    for path in ["alike", "changed", "conflict", "gone", "removed"] {
        server.put(path, "0").await;
    }
    server.commit("base").await;
    server.begin("t").await;
    for (path, text) in [("added", "1"), ("alike", "1"), ("changed", "1"), ("conflict", "1")] {
        server.put_in("t", path, text).await.unwrap();
    }
    let paths = vec!["removed".into(), "gone".into()];
    let delete = DeleteRequest { transaction_id: "t".into(), paths, ..Default::default() };
    all(server.files.clone().delete(delete).await.unwrap().into_inner()).await.unwrap();
    server.put("conflict", "2").await;
    // The same change on both sides is not a conflict.
    server.put("alike", "1").await;
    let gone = DeleteRequest {
        repository: server.repository.clone(),
        r#ref: "main".into(),
        path: "gone".into(),
        ..Default::default()
    };
    all(server.files.clone().delete(gone).await.unwrap().into_inner()).await.unwrap();
    server.commit("theirs").await;
    let request = ListTransactionChangesRequest { transaction_id: "t".into(), ..Default::default() };
    let responses =
        all(server.transactions.clone().list_transaction_changes(request).await.unwrap().into_inner()).await;
    let changes: Vec<_> = responses.unwrap().into_iter().flat_map(|response| response.changes).collect();
    let seen: Vec<_> = changes.iter().map(|change| (change.path.as_str(), change.kind())).collect();
    use path_change::Kind;
    assert_eq!(
        seen,
        [
            ("added", Kind::Added),
            ("alike", Kind::Changed),
            ("changed", Kind::Changed),
            ("conflict", Kind::Conflict),
            ("gone", Kind::Removed),
            ("removed", Kind::Removed)
        ]
    );
    // lakeFS reports the same conflict.
    let refused_merge = server.publish("t").await.unwrap_err();
    assert!(refused_merge.message().starts_with("1 path was"), "{}", refused_merge.message());
    server.put_in("t", "conflict", "2").await.unwrap();
    let validate = CommitTransactionRequest { transaction_id: "t".into(), validate_only: true, ..Default::default() };
    server.publish_with(validate).await.unwrap();
    assert!(server.publish("t").await.unwrap().merged);
}

#[tokio::test]
async fn changes_and_conflicts_are_listed_across_pages() {
    let server = Server::start().await;
    server.begin("t").await;
    // The base changes every second path and the transaction every third, so every sixth path conflicts.
    let even: Vec<_> = (0..2400).step_by(2).map(|n| format!("f{n:05}")).collect();
    let third: Vec<_> = (0..6000).step_by(3).map(|n| format!("f{n:05}")).collect();
    server.put_many(&server.repository, "main", "", &even).await;
    server.put_many("", "", "t", &third).await;
    server.commit("theirs").await;
    let request = ListTransactionChangesRequest { transaction_id: "t".into(), ..Default::default() };
    let responses =
        all(server.transactions.clone().list_transaction_changes(request).await.unwrap().into_inner()).await;
    let changes: Vec<_> = responses.unwrap().into_iter().flat_map(|response| response.changes).collect();
    assert_eq!(changes.iter().map(|change| change.path.clone()).collect::<Vec<_>>(), third);
    let conflicts: Vec<_> =
        changes.iter().filter(|c| c.kind() == path_change::Kind::Conflict).map(|c| c.path.clone()).collect();
    let expected: Vec<_> = (0..2400).step_by(6).map(|n| format!("f{n:05}")).collect();
    assert_eq!(conflicts, expected);
}

#[tokio::test]
async fn a_squash_creates_one_commit_on_the_transaction_side() {
    let server = Server::start().await;
    server.begin("t").await;
    for n in 0..3 {
        server.put_in("t", &format!("f{n}"), "1").await.unwrap();
        let request =
            CreateCommitRequest { transaction_id: "t".into(), message: format!("step {n}"), ..Default::default() };
        server.versions.clone().create_commit(request).await.unwrap();
    }
    let squash = CommitTransactionRequest { transaction_id: "t".into(), squash: true, ..Default::default() };
    let done = server.publish_with(squash).await.unwrap();
    let log = server.log("main").await;
    assert_eq!(log.len(), 3, "expected the merge, the squashed commit and the first commit: {log:#?}");
    assert_eq!(log[0].commit_id, done.commit_id);
    assert_eq!(server.get("main", "f2").await.unwrap(), "1");
    assert!(server.is_clean().await);
}

#[tokio::test]
async fn tags_are_created_with_the_commit() {
    let server = Server::start().await;
    server.begin("t").await;
    server.put_in("t", "a", "1").await.unwrap();
    let tagged = CommitTransactionRequest {
        transaction_id: "t".into(),
        tags: vec!["v1".into(), "v1.0".into()],
        ..Default::default()
    };
    let done = server.publish_with(tagged).await.unwrap();
    assert!(done.failed_tags.is_empty());
    let get = GetTagRequest { repository: server.repository.clone(), tag: "v1.0".into() };
    assert_eq!(server.versions.clone().get_tag(get).await.unwrap().into_inner().tag.unwrap().commit_id, done.commit_id);

    server.begin("u").await;
    server.put_in("u", "b", "1").await.unwrap();
    let taken = CommitTransactionRequest { transaction_id: "u".into(), tags: vec!["v1".into()], ..Default::default() };
    assert_eq!(why(server.publish_with(taken).await), refused(Code::AlreadyExists, "TAG_EXISTS"));
    assert_eq!(server.transaction("u").await.unwrap().epoch, 0, "the rejected commit changed the transaction");
}

#[tokio::test]
async fn a_read_only_transaction_sees_one_commit_for_its_whole_lifetime() {
    let server = Server::start().await;
    server.put("a", "old").await;
    server.commit("old").await;
    let request = BeginTransactionRequest { read_only: true, ..server.begin_request("r") };
    server.try_begin(request).await.unwrap();
    server.put("a", "new").await;
    server.commit("new").await;
    assert_eq!(server.get_in("r", "a").await.unwrap(), "old");
    assert_eq!(why(server.put_in("r", "b", "1").await), refused(Code::FailedPrecondition, "TRANSACTION_READ_ONLY"));
    assert!(!server.publish("r").await.unwrap().merged);
    assert!(server.is_clean().await);
}

#[tokio::test]
async fn a_second_begin_of_an_id_returns_the_first_or_rejects_other_options() {
    let server = Server::start().await;
    let first = server.begin("job-1").await;
    assert_eq!(server.begin("job-1").await.branch, first.branch);
    let other =
        BeginTransactionRequest { labels: HashMap::from([("a".into(), "b".into())]), ..server.begin_request("job-1") };
    assert_eq!(why(server.try_begin(other).await), refused(Code::AlreadyExists, "TRANSACTION_EXISTS"));
    assert_eq!(server.transaction_branches().await.len(), 1);
}

#[tokio::test]
async fn transactions_are_listed_by_state_and_label() {
    let server = Server::start().await;
    let labelled = BeginTransactionRequest {
        labels: HashMap::from([("job".into(), "nightly".into())]),
        ..server.begin_request("a")
    };
    server.try_begin(labelled).await.unwrap();
    server.begin("b").await;
    server.rollback("b").await.unwrap();
    let list = async |request: ListTransactionsRequest| {
        let request = ListTransactionsRequest { repository: server.repository.clone(), ..request };
        let response = server.transactions.clone().list_transactions(request).await.unwrap().into_inner();
        let ids: Vec<String> = response.transactions.into_iter().map(|t| t.transaction_id).collect();
        (ids, response.next_page_token)
    };
    assert_eq!(list(ListTransactionsRequest::default()).await.0, ["b", "a"]);
    let open = ListTransactionsRequest { states: vec![TransactionState::Open.into()], ..Default::default() };
    assert_eq!(list(open).await.0, ["a"]);
    let labels = BTreeMap::from([("job".into(), "nightly".into())]);
    assert_eq!(list(ListTransactionsRequest { labels, ..Default::default() }).await.0, ["a"]);
    let (first, token) = list(ListTransactionsRequest { page_size: 1, ..Default::default() }).await;
    assert_eq!(first, ["b"]);
    let second = ListTransactionsRequest { page_size: 1, page_token: token, ..Default::default() };
    assert_eq!(list(second).await.0, ["a"]);
}

#[tokio::test]
async fn a_watch_ends_with_the_final_state() {
    let server = Server::start().await;
    server.begin("t").await;
    server.put_in("t", "a", "1").await.unwrap();
    let request = WatchTransactionRequest { transaction_id: "t".into() };
    let mut watch = server.transactions.clone().watch_transaction(request).await.unwrap().into_inner();
    let first = watch.message().await.unwrap().unwrap().transaction.unwrap();
    assert_eq!(first.state(), TransactionState::Open);
    server.publish("t").await.unwrap();
    let mut last = first;
    while let Some(seen) = watch.message().await.unwrap() {
        last = seen.transaction.unwrap();
    }
    assert_eq!(last.state(), TransactionState::Committed);
}

#[tokio::test]
async fn an_overdue_transaction_expires() {
    let server = Server::start().await;
    let soon = BeginTransactionRequest {
        idle_timeout: Some(WireDuration { seconds: 10, nanos: 0 }),
        ..server.begin_request("t")
    };
    server.try_begin(soon).await.unwrap();
    server.put_in("t", "a", "1").await.unwrap();
    let row = server.ops().store.get(&server.transaction("t").await.unwrap().owner, &"t".try_into().unwrap()).await;
    let row = row.unwrap().unwrap();
    lakeport_server::ops::transactions::expire::expire(server.ops(), &row, 0).await.unwrap();
    assert_eq!(
        server.transaction("t").await.unwrap().state(),
        TransactionState::Open,
        "a transaction that is not overdue must not expire"
    );
    // Simulate that 20 s have passed.
    lakeport_server::ops::transactions::expire::expire(server.ops(), &row, -20_000).await.unwrap();
    assert_eq!(why(server.publish("t").await), refused(Code::FailedPrecondition, "TRANSACTION_EXPIRED"));
    assert!(server.rollback("t").await.is_ok());
    assert!(server.is_clean().await);
    let bad = BeginTransactionRequest {
        idle_timeout: Some(WireDuration { seconds: 1, nanos: 0 }),
        lifetime: Some(WireDuration { seconds: i64::MAX, nanos: 0 }),
        ..server.begin_request("u")
    };
    let status = server.try_begin(bad).await.unwrap_err();
    assert!(status.message().contains("idle_timeout") && status.message().contains("lifetime"), "{}", status.message());
}
