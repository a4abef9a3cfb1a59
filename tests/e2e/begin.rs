//! What a transaction is between its row and the answer to its Begin: nobody's, and gone if that is refused.

use crate::fixture::{SETTLE, Server, eventually, refused, why};
use http::{Method, StatusCode};
use lakeport_embedded::{Fault, On};
use lakeport_proto::v1::*;
use tonic::Code;

fn making() -> On {
    On::new(Method::POST, "/branches")
}

async fn listed(server: &Server) -> usize {
    let request = ListTransactionsRequest { repository: server.repository.clone(), ..Default::default() };
    server.transactions.clone().list_transactions(request).await.unwrap().into_inner().transactions.len()
}

#[tokio::test]
async fn one_that_cannot_begin_leaves_its_id_free() {
    let server = Server::start().await;
    let head = server.head("main").await;
    let tag = CreateTagRequest { repository: server.repository.clone(), r#ref: "main".into(), tag: "v1".into() };
    server.versions.clone().create_tag(tag).await.unwrap();
    let based_on = |base: &str| BeginTransactionRequest { base_branch: base.into(), ..server.begin_request("t") };
    for (base, code, reason) in [
        ("nowhere", Code::NotFound, "REF_NOT_FOUND"),
        ("v1", Code::InvalidArgument, "REF_NOT_A_BRANCH"),
        (&head, Code::InvalidArgument, "REF_NOT_A_BRANCH"),
    ] {
        for read_only in [false, true] {
            let request = BeginTransactionRequest { read_only, ..based_on(base) };
            assert_eq!(why(server.try_begin(request).await), refused(code, reason), "{base}");
        }
    }
    let elsewhere = BeginTransactionRequest { repository: "no-such-repository".into(), ..based_on("main") };
    assert_eq!(why(server.try_begin(elsewhere).await), refused(Code::NotFound, "REPOSITORY_NOT_FOUND"));
    assert_eq!(listed(&server).await, 0);
    assert_eq!(server.begin("t").await.base_commit_id, head);
}

#[tokio::test]
async fn a_lakefs_that_does_nothing_leaves_its_id_free() {
    let server = Server::with_faults().await;
    server.arm_many(making(), Fault::Fail(StatusCode::TOO_MANY_REQUESTS, "too many requests"), 3);
    assert_eq!(
        why(server.try_begin(server.begin_request("t")).await),
        refused(Code::Unavailable, "LAKEFS_UNAVAILABLE")
    );
    let other = BeginTransactionRequest { read_only: true, ..server.begin_request("t") };
    server.try_begin(other).await.unwrap();
}

#[tokio::test]
async fn it_is_unknown_until_it_has_begun_and_its_owner_can_end_it_before() {
    let server = Server::with_faults().await;
    let slow = server.arm(making(), Fault::ApplyThenDelay(SETTLE / 2), 1);
    let (mut transactions, request) = (server.patient_transactions(), server.begin_request("t"));
    let beginning = tokio::spawn(async move { transactions.begin_transaction(request).await });
    assert!(eventually(async || slow.count() == 1).await);
    let unknown = refused(Code::NotFound, "TRANSACTION_NOT_FOUND");
    assert_eq!(why(server.transaction("t").await), unknown);
    assert_eq!(why(server.put_in("t", "a", "1").await), unknown);
    assert_eq!(why(server.publish("t").await), unknown);
    assert_eq!(listed(&server).await, 0);

    let ended = server.rollback("t").await.unwrap();
    assert_eq!((ended.state(), ended.base_commit_id.as_str()), (TransactionState::RolledBack, ""));
    assert_eq!(why(beginning.await.unwrap()), refused(Code::FailedPrecondition, "TRANSACTION_ROLLED_BACK"));
    assert!(server.is_clean().await);
}

#[tokio::test]
async fn one_that_is_begun_twice_at_once_begins_once() {
    let server = Server::with_faults().await;
    let slow = server.arm(making(), Fault::Delay(SETTLE / 2), 1);
    let begin = || {
        let (mut transactions, request) = (server.patient_transactions(), server.begin_request("t"));
        async move { transactions.begin_transaction(request).await.unwrap().into_inner().transaction.unwrap() }
    };
    let first = tokio::spawn(begin());
    assert!(eventually(async || slow.count() == 1).await);
    let second = begin().await;
    // What the first hears is where it began, not where it has come to.
    server.put_in("t", "a", "1").await.unwrap();
    let inside = CreateCommitRequest { transaction_id: "t".into(), ..Default::default() };
    server.versions.clone().create_commit(inside).await.unwrap();
    let first = first.await.unwrap();
    assert_eq!((&first.base_commit_id, &first.branch), (&second.base_commit_id, &second.branch));
    assert_eq!(first.base_commit_id, server.head("main").await);
    assert!(server.publish("t").await.unwrap().merged);
    assert!(server.is_clean().await);
}
