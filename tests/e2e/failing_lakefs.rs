//! Error responses of lakeFS to mutating requests: a permanent refusal, an unclear one, and one that may come from a proxy.

use crate::fixture::{Server, eventually, refused, why};
use http::{Method, StatusCode};
use lakeport_embedded::{Fault, Fired, On};
use lakeport_proto::v1::*;
use tonic::Code;
use tonic_types::StatusExt;

const ALWAYS: usize = 100_000;

fn internal(message: &'static str) -> Fault {
    Fault::Fail(StatusCode::INTERNAL_SERVER_ERROR, message)
}

fn branches() -> On {
    On::new(Method::POST, "/branches")
}

fn tags() -> On {
    On::new(Method::POST, "/tags")
}

async fn with_a_write() -> Server {
    let server = Server::with_faults().await;
    server.begin("t").await;
    server.put_in("t", "a", "1").await.unwrap();
    server
}

/// Checks that a commit failed with the message of lakeFS, and that the transaction is open again with its writes.
async fn assert_reopened(server: &Server, reason: &str, message: &str) {
    let status = server.publish("t").await.unwrap_err();
    assert!(status.message().contains(message), "{}", status.message());
    assert_eq!(why(Err::<(), _>(status)), refused(Code::FailedPrecondition, reason), "{message}");
    let now = server.transaction("t").await.unwrap();
    assert_eq!(now.state(), TransactionState::Open, "{message}");
    assert_eq!(server.get_in("t", "a").await.unwrap(), "1");
}

#[tokio::test]
async fn an_invalid_actions_file_fails_the_commit_once_with_the_message_of_lakefs() {
    for message in [
        "parsing file _lakefs_actions/x.yaml: 'name' is invalid: invalid action",
        "prepare-commit hook aborted, run id '1': parsing file _lakefs_actions/x.yaml: yaml: line 2",
        "action name 'n' already loaded: invalid action",
    ] {
        for on in [On::commit().containing("lakeport-tx-"), On::merge()] {
            let server = with_a_write().await;
            let fired = server.arm_many(on, internal(message), ALWAYS);
            assert_reopened(&server, "HOOK_REJECTED", message).await;
            assert_eq!(fired.count(), 1, "{message}");
            server.rollback("t").await.unwrap();
            assert!(server.is_clean().await);
        }
    }
}

#[tokio::test]
async fn a_commit_that_lakefs_keeps_failing_at_ends_after_a_few_requests() {
    for message in ["predicate failed", "disk I/O error"] {
        for on in [On::commit().containing("lakeport-tx-"), On::merge()] {
            let server = with_a_write().await;
            let fired: Fired = server.arm_many(on, internal(message), ALWAYS);
            assert_reopened(&server, "LAKEFS_FAILED", message).await;
            assert!((2..=5).contains(&fired.count()), "{} requests", fired.count());
        }
    }
}

#[tokio::test]
async fn a_transient_failure_of_lakefs_does_not_fail_the_commit() {
    for on in [On::commit().containing("lakeport-tx-"), On::merge()] {
        let server = with_a_write().await;
        let fired = server.arm_many(on, internal("predicate failed"), 2);
        assert!(server.publish("t").await.unwrap().merged);
        assert_eq!((fired.count(), server.merges_of("t").await), (2, 1));
    }
}

#[tokio::test]
async fn a_commit_that_took_effect_despite_an_error_is_found() {
    for fault in [
        Fault::ApplyThen(StatusCode::INTERNAL_SERVER_ERROR, "post-commit: some other error"),
        Fault::ApplyThen(StatusCode::INTERNAL_SERVER_ERROR, "parsing file _lakefs_actions/x.yaml: bad"),
        Fault::ApplyThen(StatusCode::BAD_GATEWAY, "bad gateway"),
    ] {
        for on in [On::commit().containing("lakeport-tx-"), On::merge()] {
            let server = with_a_write().await;
            let fired = server.arm(on, fault.clone(), 1);
            assert!(server.publish("t").await.unwrap().merged, "{fault:?}");
            assert_eq!((fired.count(), server.merges_of("t").await), (1, 1), "{fault:?}");
        }
    }
}

/// The owner does not have to wait for the end of the lifetime.
#[tokio::test]
async fn a_transaction_in_doubt_can_be_rolled_back() {
    for on in [On::commit().containing("lakeport-tx-"), On::merge(), branches()] {
        let server = with_a_write().await;
        server.put("a", "theirs").await;
        server.commit("theirs").await;
        let down = Fault::Fail(StatusCode::BAD_GATEWAY, "bad gateway");
        let fired = server.arm_many(on, down, 8);
        let mut request =
            tonic::Request::new(CommitTransactionRequest { transaction_id: "t".into(), ..Default::default() });
        request.set_timeout(std::time::Duration::from_secs(4));
        let response = server.transactions.clone().commit_transaction(request).await;
        assert!(response.is_err());
        let mut last = None;
        let ended = eventually(async || {
            last = server.rollback("t").await.err();
            last.is_none()
        });
        assert!(ended.await, "{last:?}");
        assert_eq!(server.transaction("t").await.unwrap().state(), TransactionState::RolledBack);
        assert!(fired.count() > 0);
        assert_eq!((server.merges_of("t").await, server.get("main", "a").await.unwrap().as_str()), (0, "theirs"));
        assert!(server.is_clean().await);
    }
}

#[tokio::test]
async fn a_rollback_in_doubt_finds_a_merge_that_took_effect() {
    let server = with_a_write().await;
    server.arm(On::merge(), Fault::ApplyThen(StatusCode::BAD_GATEWAY, "bad gateway"), 1);
    server.arm_many(On::new(Method::GET, "/commits"), internal("down"), 12);
    let mut request =
        tonic::Request::new(CommitTransactionRequest { transaction_id: "t".into(), ..Default::default() });
    request.set_timeout(std::time::Duration::from_secs(10));
    assert!(server.transactions.clone().commit_transaction(request).await.is_err());
    let mut last = None;
    let refused_at_last = eventually(async || {
        last = Some(why(server.rollback("t").await));
        last == Some(refused(Code::FailedPrecondition, "TRANSACTION_COMMITTED"))
    });
    assert!(refused_at_last.await, "{last:?}");
    assert_eq!(server.merges_of("t").await, 1);
}

#[tokio::test]
async fn failed_tags_are_only_tags_that_do_not_exist() {
    let lost = |status| Fault::Fail(status, "bad gateway");
    for (fault, times, exists) in [
        (Fault::Drop, 1, true),
        (Fault::Drop, 3, true),
        (Fault::ApplyThenDrop, 1, true),
        (lost(StatusCode::BAD_GATEWAY), 2, true),
        (Fault::ApplyThen(StatusCode::INTERNAL_SERVER_ERROR, "unknown"), 1, true),
        (internal("unknown"), 1, true),
        (internal("unknown"), ALWAYS, false),
        (Fault::Fail(StatusCode::FORBIDDEN, "not permitted"), ALWAYS, false),
    ] {
        let server = with_a_write().await;
        server.arm_many(tags(), fault.clone(), times);
        let request =
            CommitTransactionRequest { transaction_id: "t".into(), tags: vec!["v1".into()], ..Default::default() };
        let done = server.publish_with(request).await.unwrap();
        let tag = GetTagRequest { repository: server.repository.clone(), tag: "v1".into() };
        let tag = server.versions.clone().get_tag(tag).await.map(|tag| tag.into_inner().tag.unwrap().commit_id);
        assert_eq!(done.failed_tags.is_empty(), exists, "{fault:?}");
        assert_eq!(tag.ok(), exists.then_some(done.commit_id), "{fault:?}");
    }
}

#[tokio::test]
async fn a_dirty_base_is_reported_soon_and_with_up_to_ten_paths() {
    for (count, named) in [(1, 1), (25, 10)] {
        let server = with_a_write().await;
        for n in 0..count {
            server.put(&format!("dirty/{n:02}"), "1").await;
        }
        let status = server.publish("t").await.unwrap_err();
        assert_eq!(why(Err::<(), _>(status.clone())), refused(Code::FailedPrecondition, "BASE_DIRTY"));
        assert!(status.message().contains("dirty/00"), "{}", status.message());
        assert_eq!(status.message().contains('…'), count > named, "{}", status.message());
        let violations = status.get_details_precondition_failure().map_or(0, |failure| failure.violations.len());
        assert_eq!(violations, named, "{status:?}");
        server.commit("clean").await;
        assert!(server.publish("t").await.unwrap().merged);
    }
}

/// Each call fails with lakeFS's message after a few requests, and changes nothing.
#[tokio::test]
async fn version_calls_that_lakefs_keeps_failing_at_return_its_message() {
    let server = Server::with_faults().await;
    server.put("a", "1").await;
    let (versions, repository) = (&server.versions, &server.repository);
    let failed = refused(Code::FailedPrecondition, "LAKEFS_FAILED");
    let arm = |on| server.arm_many(on, internal("no space on the moon"), 5);

    arm(On::commit());
    let commit = CreateCommitRequest { repository: repository.clone(), r#ref: "main".into(), ..Default::default() };
    let response = versions.clone().create_commit(commit.clone()).await;
    assert!(response.as_ref().unwrap_err().message().contains("no space on the moon"));
    assert_eq!(why(response), failed);
    versions.clone().create_commit(commit).await.unwrap();

    arm(branches());
    let branch = CreateBranchRequest {
        repository: repository.clone(),
        branch: "b".into(),
        r#ref: "main".into(),
        ..Default::default()
    };
    assert_eq!(why(versions.clone().create_branch(branch.clone()).await), failed);
    versions.clone().create_branch(branch).await.unwrap();

    arm(tags());
    let tag = CreateTagRequest {
        repository: repository.clone(),
        tag: "v".into(),
        r#ref: "main".into(),
        ..Default::default()
    };
    assert_eq!(why(versions.clone().create_tag(tag.clone()).await), failed);
    versions.clone().create_tag(tag).await.unwrap();

    server.put("c", "1").await;
    server.commit("c").await;
    arm(On::merge());
    let merge = MergeRequest {
        repository: repository.clone(),
        r#ref: "main".into(),
        destination_branch: "b".into(),
        ..Default::default()
    };
    assert_eq!(why(versions.clone().merge(merge.clone()).await), failed);
    versions.clone().merge(merge).await.unwrap();

    arm(On::new(Method::DELETE, "/branches/b"));
    let delete = DeleteBranchRequest { repository: repository.clone(), branch: "b".into(), ..Default::default() };
    assert_eq!(why(versions.clone().delete_branch(delete.clone()).await), failed);
    versions.clone().delete_branch(delete).await.unwrap();
}

/// lakeFS refuses to create a branch or a tag twice, so the server repeats a request whose response was lost.
#[tokio::test]
async fn branches_and_tags_with_a_lost_response_are_created_once() {
    for fault in [Fault::Drop, Fault::ApplyThenDrop, Fault::Fail(StatusCode::BAD_GATEWAY, "bad gateway")] {
        let server = Server::with_faults().await;
        let repository = server.repository.clone();
        server.arm(branches(), fault.clone(), 1);
        server.arm(tags(), fault.clone(), 1);
        let branch = CreateBranchRequest {
            repository: repository.clone(),
            branch: "b".into(),
            r#ref: "main".into(),
            ..Default::default()
        };
        server.versions.clone().create_branch(branch).await.unwrap_or_else(|status| panic!("{fault:?}: {status}"));
        let tag = CreateTagRequest { repository, tag: "v".into(), r#ref: "main".into(), ..Default::default() };
        server.versions.clone().create_tag(tag).await.unwrap_or_else(|status| panic!("{fault:?}: {status}"));
    }
}

#[tokio::test]
async fn an_unclear_response_to_a_write_leaves_no_guard() {
    for fault in [internal("unknown"), Fault::ApplyThen(StatusCode::INTERNAL_SERVER_ERROR, "unknown")] {
        let server = with_a_write().await;
        let was_applied = matches!(fault, Fault::ApplyThen(..));
        server.arm(On::upload(), fault, 1);
        let written = server.put_in("t", "b", "1").await;
        match was_applied {
            true => assert_eq!(written.unwrap().size_bytes, 1),
            false => assert_eq!(why(written), refused(Code::Unavailable, "LAKEFS_UNAVAILABLE")),
        }
        server.put_in("t", "b", "2").await.unwrap();
        assert!(server.publish("t").await.unwrap().merged);
        assert_eq!(server.get("main", "b").await.unwrap(), "2");
    }
}

/// The worker repeats the requests for its own branches: their names are used only once.
#[tokio::test]
async fn branches_of_a_transaction_are_created_and_deleted_despite_lost_responses() {
    let deletions = || On::new(Method::DELETE, "").containing("/branches/lakeport-tx-");
    for fault in [Fault::Drop, Fault::ApplyThenDrop, Fault::Fail(StatusCode::BAD_GATEWAY, "bad gateway")] {
        for on in [branches(), deletions()] {
            let server = with_a_write().await;
            server.put("a", "theirs").await;
            server.commit("theirs").await;
            let fired = server.arm(on, fault.clone(), 1);
            assert_eq!(why(server.publish("t").await), refused(Code::Aborted, "MERGE_CONFLICT"), "{fault:?}");
            assert_eq!((fired.count(), server.get_in("t", "a").await.unwrap().as_str()), (1, "1"), "{fault:?}");
            server.rollback("t").await.unwrap();
            assert!(server.is_clean().await);
        }
        let server = Server::with_faults().await;
        let keep = BeginTransactionRequest {
            branch_retention: BranchRetention::Keep.into(),
            branch: "kept".into(),
            ..server.begin_request("t")
        };
        server.try_begin(keep).await.unwrap();
        server.put_in("t", "a", "1").await.unwrap();
        server.arm(branches(), fault.clone(), 1);
        let ended = server.rollback("t").await.unwrap();
        assert_eq!((ended.branch.as_str(), ended.failure), ("kept", None), "{fault:?}");
        assert_eq!(server.head("kept").await, ended.commit_id, "{fault:?}");
    }
}
