//! Retried version calls after others have changed the same branch, tag or repository.

use super::{Call, commits, is_in_progress, prepared, settled};
use crate::fixture::{Server, refused, why};
use lakeport_embedded::{Fault, On};
use lakeport_proto::v1::*;
use std::collections::BTreeMap;
use std::time::Duration;
use tonic::Code;
use tonic::codegen::http::{Method, StatusCode};

const UNAVAILABLE: Fault = Fault::Fail(StatusCode::SERVICE_UNAVAILABLE, "unavailable");

fn unknown() -> (Code, String) {
    refused(Code::Unknown, "OUTCOME_UNKNOWN")
}

fn reset(server: &Server, target_ref: &str) -> ResetRequest {
    ResetRequest {
        repository: server.repository.clone(),
        r#ref: "main".into(),
        target_ref: target_ref.into(),
        request_id: "key-1".into(),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_retried_reset_keeps_writes_after_the_first_attempt() {
    let server = prepared(Server::with_faults().await).await;
    server.put("old", "1").await;
    server.arm(Call::DiscardChanges.request(), Fault::ApplyThenDrop, 1);
    let call = async || server.versions.clone().reset(reset(&server, "")).await;
    assert!(is_in_progress(&call().await.unwrap_err()));
    server.put("new", "2").await;
    assert_eq!(why(settled(call).await), unknown());
    assert_eq!(server.get("main", "new").await.unwrap(), "2");
    assert_eq!(why(server.versions.clone().reset(reset(&server, "")).await), unknown(), "the result must not change");
}

#[tokio::test]
async fn a_reset_in_flight_has_no_result() {
    let server = prepared(Server::with_faults().await).await;
    server.arm(Call::DiscardChanges.request(), Fault::Delay(Duration::from_millis(1000)), 1);
    let retry = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        server.versions.clone().reset(reset(&server, "")).await
    };
    // The branch is clean, but the retry has no result yet: the first attempt may still discard a later write.
    let mut versions = server.versions.clone();
    let (first, retry) = futures_util::join!(versions.reset(reset(&server, "")), retry);
    first.unwrap();
    assert!(is_in_progress(&retry.unwrap_err()));
}

#[tokio::test]
async fn a_retried_move_of_a_branch_keeps_later_commits() {
    let server = prepared(Server::with_faults().await).await;
    server.arm(Call::MoveBranch.request(), Fault::ApplyThenDrop, 1);
    let call = async || server.versions.clone().reset(reset(&server, "v1")).await;
    assert!(is_in_progress(&call().await.unwrap_err()));
    server.put("b", "3").await;
    let later = server.commit("later").await;
    assert_eq!(why(settled(call).await), unknown());
    assert_eq!(server.head("main").await, later.commit_id);
}

#[tokio::test]
async fn a_retried_deletion_keeps_a_new_repository() {
    let server = prepared(Server::with_faults().await).await;
    server.arm(Call::DeleteRepository.request(), Fault::ApplyThenDrop, 1);
    assert!(is_in_progress(&Call::DeleteRepository.run(&server, "key-1").await.unwrap_err()));
    // Repositories are compared by their creation time, which has a resolution of one second, and their namespace.
    let again = CreateRepositoryRequest { repository: server.repository.clone(), ..Default::default() };
    server.versions.clone().create_repository(again).await.unwrap();
    server.put("new", "1").await;
    Call::DeleteRepository.settled(&server, "key-1").await.unwrap();
    assert_eq!(server.get("main", "new").await.unwrap(), "1");
}

#[tokio::test]
async fn a_retried_deletion_keeps_a_new_branch() {
    let server = prepared(Server::with_faults().await).await;
    server.arm(Call::DeleteBranch.request(), Fault::ApplyThenDrop, 1);
    assert!(is_in_progress(&Call::DeleteBranch.run(&server, "key-1").await.unwrap_err()));
    server.branch("old", "main").await;
    server.put_at("old", "new", "1").await;
    assert_eq!(why(Call::DeleteBranch.settled(&server, "key-1").await), unknown());
    assert_eq!(server.get("old", "new").await.unwrap(), "1");
}

#[tokio::test]
async fn a_failed_check_before_a_call_fails_the_call() {
    let server = prepared(Server::with_faults().await).await;
    server.arm_many(On::new(Method::GET, "/branches/old"), UNAVAILABLE, 10);
    let failed = Call::DeleteBranch.run(&server, "key-1").await;
    assert_eq!(why(failed), refused(Code::Unavailable, "LAKEFS_UNAVAILABLE"));
}

#[tokio::test]
async fn metadata_of_the_caller_does_not_hide_the_commit() {
    let server = prepared(Server::with_faults().await).await;
    let metadata = BTreeMap::from([("cherry-pick-origin".to_owned(), "x".to_owned())]);
    let before = commits(&server).await;
    for (request, call) in [(On::commit(), Call::CreateCommit), (Call::Revert.request(), Call::Revert)] {
        let lost = server.arm(request, Fault::ApplyThenDrop, 1);
        let (repository, metadata) = (server.repository.clone(), metadata.clone());
        let request_id = format!("key-{call:?}");
        if call == Call::CreateCommit {
            let r#ref = "dirty".into();
            let request = CreateCommitRequest { repository, r#ref, metadata, request_id, ..Default::default() };
            server.versions.clone().create_commit(request).await.unwrap();
        } else {
            let (r#ref, branch) = ("main".into(), "main".into());
            let request = RevertRequest { repository, r#ref, branch, metadata, request_id, ..Default::default() };
            server.versions.clone().revert(request).await.unwrap();
        }
        assert_eq!(lost.count(), 1);
    }
    assert_eq!(commits(&server).await, before + 2);
}

#[tokio::test]
async fn a_retry_uses_the_commit_of_the_first_attempt() {
    let server = prepared(Server::with_faults().await).await;
    let head = server.head("main").await;
    for call in [Call::CreateBranch, Call::Revert] {
        server.arm_many(call.request(), Fault::Drop, call.attempts());
        assert!(is_in_progress(&call.run(&server, &format!("key-{call:?}")).await.unwrap_err()));
    }
    server.put("a", "3").await;
    server.commit("three").await;
    let branch = Call::CreateBranch.settled(&server, "key-CreateBranch").await.unwrap();
    assert!(branch.contains(&head), "{branch}");
    // Reverting the new head would succeed.
    let reverted = Call::Revert.settled(&server, "key-Revert").await;
    assert_eq!(why(reverted), refused(Code::Aborted, "MERGE_CONFLICT"));
}

#[tokio::test]
async fn a_result_outlives_the_transaction_and_the_branch() {
    let server = prepared(Server::with_faults().await).await;
    server.begin("t").await;
    server.put_in("t", "a", "3").await.unwrap();
    let commit = CreateCommitRequest { transaction_id: "t".into(), request_id: "key-1".into(), ..Default::default() };
    let mut versions = server.versions.clone();
    let first = versions.create_commit(commit.clone()).await.unwrap().into_inner();
    server.publish("t").await.unwrap();
    assert_eq!(versions.create_commit(commit).await.unwrap().into_inner(), first);
    let first = Call::MoveBranch.run(&server, "key-2").await.unwrap();
    Call::DeleteBranch.run(&server, "key-3").await.unwrap();
    assert_eq!(Call::MoveBranch.run(&server, "key-2").await.unwrap(), first);
}
