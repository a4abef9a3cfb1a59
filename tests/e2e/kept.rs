//! Branches that are to be kept at the end of a transaction. Where lakeFS does not let one be made, nothing hangs and nothing is lost.

use crate::fixture::{Server, refused, why};
use http::{Method, StatusCode};
use lakeport_embedded::{Fault, On};
use lakeport_proto::v1::*;
use tonic::Code;

const HOOK: Fault =
    Fault::Fail(StatusCode::PRECONDITION_FAILED, "update branch x: pre-commit hook aborted, run id '1': no");
const FORBIDDEN: Fault = Fault::Fail(StatusCode::FORBIDDEN, "not permitted");

fn making_branches() -> On {
    On::new(Method::POST, "/branches")
}

async fn begun_to_keep(server: &Server) {
    let keep = BeginTransactionRequest { branch_retention: BranchRetention::Keep.into(), ..server.begin_request("t") };
    server.try_begin(keep).await.unwrap();
    server.put_in("t", "a", "1").await.unwrap();
}

/// A hook lets nothing be committed, so nothing can be kept under another name: what was written stays where it is.
#[tokio::test]
async fn what_a_hook_lets_nobody_commit_stays_where_it_was_written() {
    let server = Server::with_faults().await;
    begun_to_keep(&server).await;
    let hook = server.arm_many(On::commit(), HOOK, 1000);
    let ended = server.rollback("t").await.unwrap();
    assert_eq!((ended.state(), hook.count()), (TransactionState::RolledBack, 1));
    let why_not = ended.failure.unwrap();
    assert!(why_not.message.contains("cannot be made"), "{}", why_not.message);
    assert_eq!(server.get(&ended.branch, "a").await.unwrap(), "1");
    assert_eq!(server.transaction_branches().await, [ended.branch]);
    // And it is not taken for one that nobody knows.
    let repository = lakeport_types::RepositoryId::try_from(server.repository.as_str()).unwrap();
    let strays =
        lakeport_server::ops::transactions::sweep::strays(&server.ops().service, &server.ops().store, &repository)
            .await
            .unwrap();
    assert!(strays.is_empty(), "sweep would delete what is kept");
    // It is over with that: nobody comes back to it again and again.
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert_eq!(hook.count(), 1);
}

/// Somebody deleted the branch that the transaction worked on: there is nothing to keep, and no branch is named.
#[tokio::test]
async fn a_branch_that_is_gone_is_not_said_to_be_kept() {
    let server = Server::with_faults().await;
    begun_to_keep(&server).await;
    let live = server.transaction("t").await.unwrap().branch;
    let repository = lakeport_types::RepositoryId::try_from(server.repository.as_str()).unwrap();
    let branch = lakeport_types::BranchName::try_from(live).unwrap();
    server.ops().service.delete_branch(&repository, &branch).await.unwrap();
    let ended = server.rollback("t").await.unwrap();
    assert_eq!((ended.state(), ended.branch.as_str()), (TransactionState::RolledBack, ""));
    assert!(ended.failure.is_some(), "its caller is not told that nothing is kept");
}

#[tokio::test]
async fn a_commit_that_is_merged_is_committed_whether_or_not_its_branch_can_be_kept() {
    let server = Server::with_faults().await;
    begun_to_keep(&server).await;
    let forbidden = server.arm_many(making_branches(), FORBIDDEN, 1000);
    let done = server.publish("t").await.unwrap();
    assert!(done.merged && forbidden.count() > 0);
    let why_not = done.failure.expect("its caller is not told that nothing is kept");
    assert!(why_not.message.contains("cannot be made"), "{}", why_not.message);
    assert_eq!(server.get("main", "a").await.unwrap(), "1");
    assert!(server.is_clean().await);
}

/// Without a merge the branch is all there is: the transaction stays open, with what was written.
#[tokio::test]
async fn a_commit_that_only_makes_a_branch_fails_if_it_cannot_be_made() {
    let server = Server::with_faults().await;
    server.begin("t").await;
    server.put_in("t", "a", "1").await.unwrap();
    let forbidden = server.arm(making_branches(), FORBIDDEN, 1);
    let apart = CommitTransactionRequest { transaction_id: "t".into(), merge: Some(false), ..Default::default() };
    let answer = server.publish_with(apart.clone()).await;
    assert_eq!(why(answer), refused(Code::PermissionDenied, "PERMISSION_DENIED"));
    assert_eq!(forbidden.count(), 1);
    let now = server.transaction("t").await.unwrap();
    assert!(now.branch.starts_with("lakeport-tx-"), "{} was never made", now.branch);
    assert_eq!(server.get_in("t", "a").await.unwrap(), "1");
    let done = server.publish_with(apart).await.unwrap();
    assert_eq!(server.get(&done.branch, "a").await.unwrap(), "1");
}

#[tokio::test]
async fn branches_are_kept_where_that_is_asked_for() {
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
    let apart = CommitTransactionRequest { transaction_id: "v".into(), merge: Some(false), ..Default::default() };
    let done = server.publish_with(apart).await.unwrap();
    assert!(!done.merged && done.branch.starts_with("lakeport-kept-"));
    assert_eq!(server.head(&done.branch).await, done.commit_id);
    assert_eq!(server.get(&done.branch, "a").await.unwrap(), "2");
    assert!(server.is_clean().await);
}

#[tokio::test]
async fn a_kept_branch_is_never_somebody_elses() {
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
