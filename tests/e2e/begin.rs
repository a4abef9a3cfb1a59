//! What a transaction is between its row and the answer to its Begin: nobody's, and gone if that is refused.

use crate::fixture::{SETTLE, Server, eventually, refused, why};
use http::{Method, StatusCode};
use lakeport_embedded::{Fault, On};
use lakeport_proto::v1::*;
use lakeport_types::{BranchName, Ref, RepositoryId};
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

/// A try whose answer was lost may land behind the end of the transaction, which finds its branch gone.
#[tokio::test]
async fn one_that_began_behind_a_lost_try_is_cleaned_up_twice() {
    let server = Server::with_faults().await;
    let lost = server.arm(making(), Fault::Drop, 1);
    let keep = BeginTransactionRequest { branch_retention: BranchRetention::Keep.into(), ..server.begin_request("t") };
    let begun = server.try_begin(keep).await.unwrap();
    server.put_in("t", "a", "1").await.unwrap();
    let kept = server.rollback("t").await.unwrap().branch;
    assert_eq!((lost.count(), server.transaction_branches().await.len()), (1, 0));
    let repository = RepositoryId::try_from(server.repository.as_str()).unwrap();
    let late = BranchName::try_from(begun.branch).unwrap();
    server.ops().service.create_branch(&repository, &late, &Ref::try_from("main").unwrap(), true).await.unwrap();
    assert!(server.is_clean().await);
    // Cleaning up once more takes nothing from what was kept.
    let ended = server.transaction("t").await.unwrap();
    assert_eq!((&ended.branch, ended.failure), (&kept, None));
    assert_eq!(server.get(&kept, "a").await.unwrap(), "1");
}

#[tokio::test]
async fn one_that_never_began_keeps_no_branch() {
    let server = Server::with_faults().await;
    server.arm_many(making(), Fault::ApplyThenDrop, 3);
    let keep = BeginTransactionRequest {
        branch_retention: BranchRetention::Keep.into(),
        branch: "mine".into(),
        ..server.begin_request("t")
    };
    assert_eq!(why(server.try_begin(keep).await).0, Code::Unavailable);
    assert_eq!(server.rollback("t").await.unwrap().branch, "");
    assert!(server.is_clean().await);
    let repository = RepositoryId::try_from(server.repository.as_str()).unwrap();
    let branches = server.ops().service.branches(&repository, "", "", 100, true).await.unwrap();
    assert_eq!(branches.results.into_iter().map(|branch| branch.id).collect::<Vec<_>>(), ["main"]);
}

/// Nobody could ask for it again, nor end it.
#[tokio::test]
async fn one_whose_id_nobody_heard_is_ended() {
    let server = Server::with_faults().await;
    let owner = server.begin("t").await.owner;
    server.rollback("t").await.unwrap();
    server.arm_many(making(), Fault::ApplyThenDrop, 3);
    assert_eq!(why(server.try_begin(server.begin_request("")).await).0, Code::Unavailable);
    assert_eq!(server.ops().store.count_live(&owner).await.unwrap(), 0);
    assert!(server.is_clean().await);
}
