//! Branches that are kept when a transaction ends. If lakeFS rejects the kept branch, no call hangs and no data is lost.

use crate::fixture::{Server, refused, why};
use http::{Method, StatusCode};
use lakeport_embedded::{Fault, On};
use lakeport_proto::v1::*;
use tonic::Code;

const HOOK: Fault =
    Fault::Fail(StatusCode::PRECONDITION_FAILED, "update branch x: pre-commit hook aborted, run id '1': no");
const FORBIDDEN: Fault = Fault::Fail(StatusCode::FORBIDDEN, "not permitted");

fn branch_creation() -> On {
    On::new(Method::POST, "/branches")
}

async fn begin_with_keep(server: &Server) {
    let keep = BeginTransactionRequest { branch_retention: BranchRetention::Keep.into(), ..server.begin_request("t") };
    server.try_begin(keep).await.unwrap();
    server.put_in("t", "a", "1").await.unwrap();
}

/// If a hook rejects all commits, the data cannot be moved to a branch with another name. It stays on the transaction branch.
#[tokio::test]
async fn a_branch_is_kept_in_place_if_a_hook_rejects_its_commit() {
    let server = Server::with_faults().await;
    begin_with_keep(&server).await;
    let hook = server.arm_many(On::commit(), HOOK, 1000);
    let ended = server.rollback("t").await.unwrap();
    assert_eq!((ended.state(), hook.count()), (TransactionState::RolledBack, 1));
    let failure = ended.failure.unwrap();
    assert!(failure.message.contains("cannot create the branch to keep"), "{}", failure.message);
    assert_eq!(server.get(&ended.branch, "a").await.unwrap(), "1");
    assert_eq!(server.transaction_branches().await, [ended.branch]);
    // `sweep` must not list the kept branch as a stray branch.
    let repository = lakeport_types::RepositoryId::try_from(server.repository.as_str()).unwrap();
    let strays =
        lakeport_server::ops::transactions::sweep::strays(&server.ops().service, &server.ops().store, &repository)
            .await
            .unwrap();
    assert!(strays.is_empty(), "sweep would delete the kept branch");
    // The server does not retry the rejected commit.
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert_eq!(hook.count(), 1);
}

/// If the transaction branch was deleted, there is nothing to keep, and the response names no branch.
#[tokio::test]
async fn a_deleted_branch_is_not_reported_as_kept() {
    let server = Server::with_faults().await;
    begin_with_keep(&server).await;
    let live = server.transaction("t").await.unwrap().branch;
    let repository = lakeport_types::RepositoryId::try_from(server.repository.as_str()).unwrap();
    let branch = lakeport_types::BranchName::try_from(live).unwrap();
    server.ops().service.delete_branch(&repository, &branch).await.unwrap();
    let ended = server.rollback("t").await.unwrap();
    assert_eq!((ended.state(), ended.branch.as_str()), (TransactionState::RolledBack, ""));
    assert!(ended.failure.is_some(), "the response does not report that no branch was kept");
}

#[tokio::test]
async fn a_merged_commit_succeeds_even_if_its_branch_cannot_be_kept() {
    let server = Server::with_faults().await;
    begin_with_keep(&server).await;
    let forbidden = server.arm_many(branch_creation(), FORBIDDEN, 1000);
    let done = server.publish("t").await.unwrap();
    assert!(done.merged && forbidden.count() > 0);
    let failure = done.failure.expect("the response does not report that no branch was kept");
    assert!(failure.message.contains("cannot create the branch to keep"), "{}", failure.message);
    assert_eq!(server.get("main", "a").await.unwrap(), "1");
    assert!(server.is_clean().await);
}

/// Without a merge, the branch is the only result of the commit. If it cannot be created, the transaction stays open with its
/// data.
#[tokio::test]
async fn a_commit_without_a_merge_fails_if_its_branch_cannot_be_created() {
    let server = Server::with_faults().await;
    server.begin("t").await;
    server.put_in("t", "a", "1").await.unwrap();
    let forbidden = server.arm(branch_creation(), FORBIDDEN, 1);
    let without_merge = CommitTransactionRequest { transaction_id: "t".into(), skip_merge: true, ..Default::default() };
    let response = server.publish_with(without_merge.clone()).await;
    assert_eq!(why(response), refused(Code::PermissionDenied, "PERMISSION_DENIED"));
    assert_eq!(forbidden.count(), 1);
    let now = server.transaction("t").await.unwrap();
    assert!(now.branch.starts_with("lakeport-tx-"), "the response names {}, which was not created", now.branch);
    assert_eq!(server.get_in("t", "a").await.unwrap(), "1");
    let done = server.publish_with(without_merge).await.unwrap();
    assert_eq!(server.get(&done.branch, "a").await.unwrap(), "1");
}

#[tokio::test]
async fn branches_are_kept_on_request() {
    let server = Server::start().await;
    let keep = BeginTransactionRequest {
        branch: "kept".into(),
        branch_retention: BranchRetention::Keep.into(),
        ..server.begin_request("t")
    };
    server.try_begin(keep.clone()).await.unwrap();
    server.put_in("t", "a", "1").await.unwrap();
    assert_eq!(server.rollback("t").await.unwrap().branch, "kept");
    assert_eq!(server.get("kept", "a").await.unwrap(), "1");
    let taken = BeginTransactionRequest { transaction_id: "u".into(), ..keep };
    assert_eq!(why(server.try_begin(taken).await), refused(Code::AlreadyExists, "BRANCH_EXISTS"));

    server.begin("v").await;
    server.put_in("v", "a", "2").await.unwrap();
    let without_merge = CommitTransactionRequest { transaction_id: "v".into(), skip_merge: true, ..Default::default() };
    let done = server.publish_with(without_merge).await.unwrap();
    assert!(!done.merged && done.branch.starts_with("lakeport-kept-"));
    assert_eq!(server.head(&done.branch).await, done.commit_id);
    assert_eq!(server.get(&done.branch, "a").await.unwrap(), "2");
    assert!(server.is_clean().await);
}

#[tokio::test]
async fn a_kept_branch_never_takes_over_an_existing_branch() {
    let server = Server::start().await;
    let keep = BeginTransactionRequest {
        branch: "mine".into(),
        branch_retention: BranchRetention::Keep.into(),
        ..server.begin_request("t")
    };
    server.try_begin(keep).await.unwrap();
    server.put_in("t", "a", "1").await.unwrap();
    server.put("b", "theirs").await;
    server.commit("theirs").await;
    server.branch("mine", "main").await;
    let done = server.publish("t").await.unwrap();
    assert!(done.branch.starts_with("lakeport-kept-"), "{}", done.branch);
    assert_eq!(server.get(&done.branch, "a").await.unwrap(), "1");
    assert_eq!(why(server.get("mine", "a").await), refused(Code::NotFound, "OBJECT_NOT_FOUND"));
}
