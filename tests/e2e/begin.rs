//! Transactions whose Begin has not completed: they are hidden from their owner, and a failed Begin removes them.

use crate::fixture::{SETTLE, Server, eventually, refused, why};
use http::{Method, StatusCode};
use lakeport_embedded::{Fault, On};
use lakeport_proto::v1::*;
use lakeport_types::{BranchName, Ref, RepositoryId};
use tonic::Code;

fn branch_creation() -> On {
    On::new(Method::POST, "/branches")
}

async fn listed(server: &Server) -> usize {
    let request = ListTransactionsRequest { repository: server.repository.clone(), ..Default::default() };
    server.transactions.clone().list_transactions(request).await.unwrap().into_inner().transactions.len()
}

#[tokio::test]
async fn a_failed_begin_leaves_its_id_free() {
    let server = Server::start().await;
    let head = server.head("main").await;
    let tag = CreateTagRequest {
        repository: server.repository.clone(),
        r#ref: "main".into(),
        tag: "v1".into(),
        ..Default::default()
    };
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
async fn a_begin_rejected_by_an_overloaded_lakefs_leaves_its_id_free() {
    let server = Server::with_faults().await;
    server.arm_many(branch_creation(), Fault::Fail(StatusCode::TOO_MANY_REQUESTS, "too many requests"), 3);
    assert_eq!(
        why(server.try_begin(server.begin_request("t")).await),
        refused(Code::Unavailable, "LAKEFS_UNAVAILABLE")
    );
    let other = BeginTransactionRequest { read_only: true, ..server.begin_request("t") };
    server.try_begin(other).await.unwrap();
}

#[tokio::test]
async fn a_beginning_transaction_is_hidden_and_can_be_rolled_back() {
    let server = Server::with_faults().await;
    let slow = server.arm(branch_creation(), Fault::ApplyThenDelay(SETTLE / 2), 1);
    let (mut transactions, request) = (server.transactions_without_deadline(), server.begin_request("t"));
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
async fn concurrent_begins_of_one_id_return_the_same_transaction() {
    let server = Server::with_faults().await;
    let slow = server.arm(branch_creation(), Fault::Delay(SETTLE / 2), 1);
    let begin = || {
        let (mut transactions, request) = (server.transactions_without_deadline(), server.begin_request("t"));
        async move { transactions.begin_transaction(request).await.unwrap().into_inner().transaction.unwrap() }
    };
    let first = tokio::spawn(begin());
    assert!(eventually(async || slow.count() == 1).await);
    let second = begin().await;
    // The first Begin must return the commit at which the transaction began, not its current commit.
    server.put_in("t", "a", "1").await.unwrap();
    let inside = CreateCommitRequest { transaction_id: "t".into(), ..Default::default() };
    server.versions.clone().create_commit(inside).await.unwrap();
    let first = first.await.unwrap();
    assert_eq!((&first.base_commit_id, &first.branch), (&second.base_commit_id, &second.branch));
    assert_eq!(first.base_commit_id, server.head("main").await);
    assert!(server.publish("t").await.unwrap().merged);
    assert!(server.is_clean().await);
}

/// A create-branch request whose response was lost can take effect after the transaction has ended and its branch was deleted.
#[tokio::test]
async fn a_late_branch_of_a_lost_begin_request_is_deleted_after_rollback() {
    let server = Server::with_faults().await;
    let lost = server.arm(branch_creation(), Fault::Drop, 1);
    let keep = BeginTransactionRequest { branch_retention: BranchRetention::Keep.into(), ..server.begin_request("t") };
    let begun = server.try_begin(keep).await.unwrap();
    server.put_in("t", "a", "1").await.unwrap();
    let kept = server.rollback("t").await.unwrap().branch;
    assert_eq!((lost.count(), server.transaction_branches().await.len()), (1, 0));
    let repository = RepositoryId::try_from(server.repository.as_str()).unwrap();
    let late = BranchName::try_from(begun.branch).unwrap();
    server.ops().service.create_branch(&repository, &late, &Ref::try_from("main").unwrap(), true).await.unwrap();
    assert!(server.is_clean().await);
    // The second cleanup must not delete the kept branch.
    let ended = server.transaction("t").await.unwrap();
    assert_eq!((&ended.branch, ended.failure), (&kept, None));
    assert_eq!(server.get(&kept, "a").await.unwrap(), "1");
}

#[tokio::test]
async fn a_transaction_that_never_began_keeps_no_branch() {
    let server = Server::with_faults().await;
    server.arm_many(branch_creation(), Fault::ApplyThenDrop, 3);
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

/// No caller knows the ID, so no caller could retry Begin or roll the transaction back.
#[tokio::test]
async fn a_failed_begin_with_a_generated_id_ends_the_transaction() {
    let server = Server::with_faults().await;
    let owner = server.begin("t").await.owner;
    server.rollback("t").await.unwrap();
    server.arm_many(branch_creation(), Fault::ApplyThenDrop, 3);
    assert_eq!(why(server.try_begin(server.begin_request("")).await).0, Code::Unavailable);
    assert_eq!(server.ops().store.count_live(&owner).await.unwrap(), 0);
    assert!(server.is_clean().await);
}
