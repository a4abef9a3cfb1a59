//! Lost, late and wrong responses of lakeFS: the server must not guess an outcome and must not apply an operation twice.

use crate::fixture::{SETTLE, Server, eventually, refused, why};
use futures_util::StreamExt;
use http::{Method, StatusCode};
use lakeport_embedded::{Fault, On};
use lakeport_proto::v1::*;
use std::collections::HashMap;
use std::time::Duration;
use tonic::Code;

#[tokio::test]
async fn a_merge_with_a_lost_response_is_found_and_not_repeated() {
    for squash in [false, true] {
        let server = Server::with_faults().await;
        server.begin("t").await;
        for n in 0..2 {
            server.put_in("t", &format!("f{n}"), "1").await.unwrap();
            let request = CreateCommitRequest { transaction_id: "t".into(), ..Default::default() };
            server.versions.clone().create_commit(request).await.unwrap();
        }
        let lost = server.arm(On::merge().containing("/merge/main"), Fault::ApplyThenDrop, 1);
        let request = CommitTransactionRequest { transaction_id: "t".into(), squash, ..Default::default() };
        let first = server.publish_with(request.clone()).await.unwrap();
        let again = server.publish_with(request).await.unwrap();
        assert_eq!(lost.count(), 1);
        assert_eq!(first.commit_id, again.commit_id);
        assert_eq!(server.merges_of("t").await, 1);
        assert!(server.is_clean().await);
    }
}

#[tokio::test]
async fn a_merge_that_never_reached_lakefs_is_retried() {
    for fault in [
        Fault::Drop,
        Fault::Fail(StatusCode::SERVICE_UNAVAILABLE, "slow down"),
        Fault::Fail(StatusCode::TOO_MANY_REQUESTS, "Too many attempts, try again later"),
    ] {
        let server = Server::with_faults().await;
        server.begin("t").await;
        server.put_in("t", "a", "1").await.unwrap();
        let fired = server.arm(On::merge(), fault, 1);
        assert!(server.publish("t").await.unwrap().merged);
        assert_eq!((fired.count(), server.merges_of("t").await), (1, 1));
    }
}

#[tokio::test]
async fn a_commit_with_a_lost_response_is_completed() {
    for fault in [
        Fault::ApplyThenDrop,
        Fault::ApplyThen(StatusCode::INTERNAL_SERVER_ERROR, "predicate failed"),
        Fault::PREDICATE_FAILED,
        Fault::Drop,
    ] {
        let server = Server::with_faults().await;
        server.begin("t").await;
        server.put_in("t", "a", "1").await.unwrap();
        let fired = server.arm(On::commit().containing("lakeport-tx-"), fault, 1);
        assert!(server.publish("t").await.unwrap().merged);
        assert_eq!((fired.count(), server.merges_of("t").await), (1, 1));
        assert_eq!(server.get("main", "a").await.unwrap(), "1");
    }
}

#[tokio::test]
async fn a_branch_with_a_lost_create_response_is_found() {
    let server = Server::with_faults().await;
    let lost = server.arm(On::new(Method::POST, "/branches"), Fault::ApplyThenDrop, 1);
    let begun = server.begin("t").await;
    assert_eq!((lost.count(), begun.base_commit_id), (1, server.head("main").await));
    assert_eq!(server.transaction_branches().await.len(), 1);
    server.put_in("t", "a", "1").await.unwrap();
    assert!(server.publish("t").await.unwrap().merged);
}

/// Begin times out, its caller rolls the transaction back, and lakeFS creates the branch only afterwards or responds only
/// afterwards.
#[tokio::test]
async fn a_branch_created_after_its_transaction_ended_is_deleted() {
    for fault in [Fault::Delay(SETTLE / 2), Fault::ApplyThenDelay(SETTLE / 2)] {
        let server = Server::with_faults().await;
        let late = server.arm(On::new(Method::POST, "/branches"), fault, 1);
        let mut request = tonic::Request::new(server.begin_request("t"));
        request.metadata_mut().insert("grpc-timeout", "200m".parse().unwrap());
        let begun = server.transactions_without_deadline().begin_transaction(request).await;
        assert_eq!(why(begun), refused(Code::DeadlineExceeded, "DEADLINE_EXCEEDED"));
        server.rollback("t").await.unwrap();
        tokio::time::sleep(SETTLE).await;
        assert_eq!(late.count(), 1);
        assert!(server.is_clean().await);
    }
}

/// All responses are lost, so the server does not know whether the branch exists. It checks again once a lost request can no
/// longer take effect.
#[tokio::test]
async fn a_branch_of_a_failed_begin_is_deleted_on_rollback() {
    let server = Server::with_faults().await;
    let making = || On::new(Method::POST, "/branches");
    server.arm_many(making(), Fault::Drop, 2);
    server.arm(making(), Fault::ApplyThenDrop, 1);
    assert_eq!(why(server.try_begin(server.begin_request("t")).await).0, Code::Unavailable);
    assert_eq!(server.transaction_branches().await.len(), 1);
    server.rollback("t").await.unwrap();
    assert!(server.is_clean().await);
}

/// After a cherry-pick, lakeFS can return a wrong commit or NOT_FOUND for minutes. The new branch must not begin at a wrong commit.
#[tokio::test]
async fn a_failed_commit_reopens_at_its_own_commit_despite_wrong_lakefs_responses() {
    let server = Server::with_faults().await;
    server.begin("t").await;
    server.put_in("t", "a", "ours").await.unwrap();
    server.put("a", "theirs").await;
    server.commit("theirs").await;
    for fault in [
        Fault::ApplyThen(StatusCode::CREATED, "another commit"),
        Fault::Fail(StatusCode::NOT_FOUND, "commit not found"),
    ] {
        let mistaken = server.arm(On::new(Method::POST, "/branches"), fault, 1);
        assert_eq!(why(server.publish("t").await), refused(Code::Unavailable, "COMMIT_IN_DOUBT"));
        assert_eq!(mistaken.count(), 1);
    }
    assert_eq!(why(server.publish("t").await).1, "MERGE_CONFLICT");
    assert_eq!(server.get_in("t", "a").await.unwrap(), "ours");
    server.rollback("t").await.unwrap();
    assert!(server.is_clean().await);
}

#[tokio::test]
async fn a_write_with_an_ambiguous_response_is_looked_up() {
    for fault in [Fault::APPLY_THEN_429, Fault::ApplyThenDrop, Fault::ApplyThen(StatusCode::BAD_GATEWAY, "bad gateway")]
    {
        let server = Server::with_faults().await;
        let fired = server.arm(On::upload(), fault, 1);
        let info = server.write(vec![server.header("main", "a", "hello")]).await.unwrap();
        assert_eq!((fired.count(), info.size_bytes), (1, 5));
        assert_eq!(server.get("main", "a").await.unwrap(), "hello");
    }
}

#[tokio::test]
async fn a_write_that_cannot_be_found_is_in_doubt_and_blocks_its_path() {
    let server = Server::with_faults().await;
    server.begin("t").await;
    server.arm(On::upload(), Fault::Drop, 1);
    let in_doubt = refused(Code::Unavailable, "WRITE_IN_DOUBT");
    assert_eq!(why(server.put_in("t", "a", "1").await), in_doubt);
    assert_eq!(
        why(server.put_now("t", "a", "2").await),
        in_doubt,
        "the first write could still take effect after the second"
    );
    assert_eq!(why(server.publish_now("t").await), in_doubt);
    server.put_in("t", "b", "other paths are not blocked").await.unwrap();
    server.put_in("t", "a", "2").await.unwrap();
    assert!(server.publish("t").await.unwrap().merged);
    assert_eq!(server.get("main", "a").await.unwrap(), "2");
}

#[tokio::test]
async fn a_create_only_write_with_a_false_412_succeeds() {
    let server = Server::with_faults().await;
    let fired = server.arm(On::upload(), Fault::FALSE_412, 1);
    let create = |text: &str| WriteRequest { if_none_match: "*".into(), ..server.header("main", "once", text) };
    server.write(vec![create("mine")]).await.unwrap();
    assert_eq!(fired.count(), 1);
    assert_eq!(why(server.write(vec![create("other")]).await), refused(Code::AlreadyExists, "OBJECT_EXISTS"));
    assert_eq!(server.get("main", "once").await.unwrap(), "mine");
}

#[tokio::test]
async fn an_interrupted_download_resumes() {
    let server = Server::with_faults().await;
    let text = "0123456789".repeat(200_000);
    server.put("large", &text).await;
    let cut = server.arm(On::new(Method::GET, "/refs/main/objects"), Fault::CutAfter(777_777), 1);
    assert!(server.get("main", "large").await.unwrap() == text);
    assert_eq!(cut.count(), 1);
}

#[tokio::test]
async fn a_version_call_with_a_lost_response_returns_outcome_unknown() {
    let server = Server::with_faults().await;
    server.put("a", "1").await;
    let lost = server.arm(On::commit(), Fault::ApplyThenDrop, 1);
    let request = CreateCommitRequest {
        repository: server.repository.clone(),
        r#ref: "main".into(),
        message: "m".into(),
        ..Default::default()
    };
    let response = server.versions.clone().create_commit(request).await;
    assert_eq!(why(response), refused(Code::Unknown, "OUTCOME_UNKNOWN"));
    assert_eq!(lost.count(), 1);
    assert_eq!(server.log("main").await.len(), 2, "the commit must be created once");
}

#[tokio::test]
async fn a_revert_with_a_lost_response_delays_the_commit() {
    let server = Server::with_faults().await;
    server.put("a", "1").await;
    server.commit("one").await;
    server.put("a", "2").await;
    let two = server.commit("two").await;
    server.begin("t").await;
    let lost = server.arm(On::new(Method::POST, "/revert"), Fault::ApplyThenDrop, 1);
    let revert = RevertRequest { transaction_id: "t".into(), r#ref: two.commit_id, ..Default::default() };
    assert_eq!(why(server.versions.clone().revert(revert).await), (Code::Unknown, "OUTCOME_UNKNOWN".into()));
    assert_eq!(lost.count(), 1);
    assert_eq!(why(server.publish_now("t").await), (Code::Unavailable, "WRITE_IN_DOUBT".into()));
    server.publish("t").await.unwrap();
    assert_eq!(server.get("main", "a").await.unwrap(), "1");
}

#[tokio::test]
async fn a_commit_continues_after_its_caller_disconnects() {
    let server = Server::with_faults().await;
    server.begin("t").await;
    server.put_in("t", "a", "1").await.unwrap();
    server.arm(On::merge(), Fault::Delay(Duration::from_secs(4)), 1);
    let mut request =
        tonic::Request::new(CommitTransactionRequest { transaction_id: "t".into(), ..Default::default() });
    request.set_timeout(Duration::from_millis(1500));
    let response = server.transactions.clone().commit_transaction(request).await;
    assert_eq!(why(response), refused(Code::Unavailable, "COMMIT_IN_DOUBT"));
    let done = server.publish("t").await.unwrap();
    assert_eq!((done.state(), server.merges_of("t").await), (TransactionState::Committed, 1));
}

/// Starts `other` and commits the transaction 200 ms later, while `other` is in flight.
async fn commit_during<T>(server: &Server, other: impl Future<Output = T>) -> (T, Transaction) {
    let commit = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        server.publish("t").await.unwrap()
    };
    futures_util::join!(other, commit)
}

#[tokio::test]
async fn a_write_concurrent_with_a_commit_is_included_or_rejected() {
    let late = Duration::from_millis(600);
    // With the first fault, lakeFS applies the write before the commit and responds later. With the second, the write reaches
    // lakeFS after the branch is deleted.
    for (fault, is_in) in [(Fault::ApplyThenDelay(late), true), (Fault::Delay(late), false)] {
        let server = Server::with_faults().await;
        server.begin("t").await;
        server.put_in("t", "before", "1").await.unwrap();
        let fired = server.arm(On::upload(), fault, 1);
        let (written, done) = commit_during(&server, server.put_in("t", "concurrent", "2")).await;
        assert_eq!(fired.count(), 1);
        let published = server.get(&done.commit_id, "concurrent").await;
        if is_in {
            written.unwrap();
            assert_eq!(published.unwrap(), "2", "an acknowledged write is lost");
        } else {
            assert_eq!(why(written).0, Code::FailedPrecondition);
            assert_eq!(why(published), refused(Code::NotFound, "OBJECT_NOT_FOUND"), "a rejected write is published");
        }
    }
}

/// lakeFS's response contains no object, so the server looks the object up. By then, the branch may be deleted and the object
/// committed.
#[tokio::test]
async fn metadata_set_concurrently_with_a_commit_is_included() {
    let server = Server::with_faults().await;
    server.begin("t").await;
    server.put_in("t", "a", "1").await.unwrap();
    let late = Fault::ApplyThenDelay(Duration::from_millis(800));
    let fired = server.arm(On::new(Method::PUT, "/user_metadata"), late, 1);
    let describe = SetMetadataRequest {
        transaction_id: "t".into(),
        path: "a".into(),
        metadata: HashMap::from([("k".into(), "v".into())]),
        ..Default::default()
    };
    let mut files = server.files.clone();
    let (described, done) = commit_during(&server, files.set_metadata(describe)).await;
    assert_eq!(fired.count(), 1);
    assert_eq!(described.unwrap().into_inner().info.unwrap().metadata["k"], "v");
    let stat = StatRequest {
        repository: server.repository.clone(),
        r#ref: done.commit_id,
        path: "a".into(),
        ..Default::default()
    };
    assert_eq!(server.files.clone().stat(stat).await.unwrap().into_inner().info.unwrap().metadata["k"], "v");
}

#[tokio::test]
async fn a_batch_concurrent_with_a_commit_reports_which_items_are_included() {
    let server = Server::with_faults().await;
    server.begin("t").await;
    server.put_in("t", "before", "1").await.unwrap();
    // One of the two uploads is delayed and reaches lakeFS after the branch is deleted.
    server.arm(On::upload(), Fault::Delay(Duration::from_millis(600)), 2);
    let item = |path: &str| BatchWriteItem { path: path.into(), data: "x".into(), ..Default::default() };
    let request =
        BatchWriteRequest { transaction_id: "t".into(), items: vec![item("a"), item("b")], ..Default::default() };
    let mut files = server.files.clone();
    let (written, done) = commit_during(&server, files.batch_write(request)).await;
    let results = written.unwrap().into_inner().results;
    let mut acknowledged = 0;
    for (path, result) in ["a", "b"].into_iter().zip(results) {
        let is_ok = result.status.unwrap().code == 0;
        acknowledged += usize::from(is_ok);
        assert_eq!(server.get(&done.commit_id, path).await.is_ok(), is_ok, "{path}");
    }
    assert_eq!(acknowledged, 1);
}

#[tokio::test]
async fn an_abandoned_deletion_blocks_its_paths() {
    let server = Server::with_faults().await;
    server.put("a", "old").await;
    server.commit("base").await;
    server.begin("t").await;
    server.arm(On::new(Method::DELETE, "/objects"), Fault::Delay(Duration::from_millis(500)), 1);
    let delete = DeleteRequest { transaction_id: "t".into(), path: "a".into(), ..Default::default() };
    let mut files = server.files.clone();
    let abandoned = tokio::time::timeout(Duration::from_millis(200), async {
        let mut response = files.delete(delete).await?.into_inner();
        response.message().await
    });
    assert!(abandoned.await.is_err());
    // The deletion is still in flight at lakeFS. It must not delete a write that is acknowledged now.
    let written = eventually(async || server.put_in("t", "a", "new").await.is_ok()).await;
    assert!(written, "the path stays blocked");
    // Wait until the deletion has taken effect.
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert!(eventually(async || server.publish("t").await.is_ok()).await);
    assert_eq!(server.get("main", "a").await.unwrap(), "new");
}

/// The requests end 500 ms after they were sent, long before the settle time. Then nothing can change the paths any more.
#[tokio::test]
async fn the_guard_of_an_abandoned_request_ends_when_lakefs_responds() {
    let server = Server::with_settle_time(Duration::from_secs(600)).await;
    server.put("a", "old").await;
    server.commit("base").await;
    server.begin("t").await;
    let late = Fault::ApplyThenDelay(Duration::from_millis(1500));
    let abandon = Duration::from_millis(200);
    server.arm(On::new(Method::DELETE, "/objects"), late.clone(), 1);
    let delete = DeleteRequest { transaction_id: "t".into(), path: "a".into(), ..Default::default() };
    let mut files = server.files.clone();
    let abandoned = tokio::time::timeout(abandon, async { files.delete(delete).await?.into_inner().message().await });
    assert!(abandoned.await.is_err());
    assert_eq!(why(server.put_now("t", "a", "too early").await), refused(Code::Unavailable, "WRITE_IN_DOUBT"));
    server.put_in("t", "a", "new").await.expect("the deletion blocks the path");

    server.arm(On::upload(), late, 1);
    assert!(tokio::time::timeout(abandon, server.put_in("t", "b", "abandoned")).await.is_err());
    assert_eq!(why(server.put_now("t", "b", "too early").await), refused(Code::Unavailable, "WRITE_IN_DOUBT"));
    server.put_in("t", "b", "new").await.expect("the upload blocks the path");

    server.publish("t").await.unwrap();
    for path in ["a", "b"] {
        assert_eq!(server.get("main", path).await.unwrap(), "new", "{path}");
    }
}

/// Starts a create-only write of `a` in transaction `t`, whose last message is sent after 3 s, and deletes `a` in the meantime. No response
/// to the deletion arrives, so it may still take effect. Returns the outcome of the write.
async fn write_around_a_lost_deletion(server: &Server, patience: Duration) -> Option<(Code, String)> {
    server.arm_many(On::new(Method::POST, "/objects/delete"), Fault::Drop, 100);
    let header =
        WriteRequest { transaction_id: "t".into(), path: "a".into(), if_none_match: "*".into(), ..Default::default() };
    let last = WriteRequest { data: "new".into(), finish_write: true, ..Default::default() };
    let second = Duration::from_secs(1);
    let pausing = futures_util::stream::iter([header, last]).then(move |message| async move {
        if message.finish_write {
            tokio::time::sleep(second * 3).await;
        }
        message
    });
    let delete =
        DeleteRequest { transaction_id: "t".into(), path: "a".into(), allow_missing: true, ..Default::default() };
    let (mut files, mut deleting) = (server.files.clone(), server.files.clone());
    let lost = async {
        tokio::time::sleep(second / 2).await;
        deleting.delete(delete).await?.into_inner().message().await
    };
    let writing = tokio::time::timeout(second * 3 + patience, files.write(pausing));
    let (written, lost) = futures_util::join!(writing, lost);
    assert_eq!(why(lost), refused(Code::Unavailable, "WRITE_IN_DOUBT"));
    written.ok().map(why)
}

/// A guard ends only when all requests that it stands for have ended. One of them here never does.
#[tokio::test]
async fn a_guard_covers_all_abandoned_requests_of_its_path() {
    let server = Server::with_settle_time(Duration::from_secs(600)).await;
    server.begin("t").await;
    let millis = Duration::from_millis;
    server.arm(On::upload(), Fault::ApplyThenDelay(millis(2000)), 1);
    let outcome = write_around_a_lost_deletion(&server, millis(1000)).await;
    assert_eq!(outcome, None, "the upload was not abandoned");
    tokio::time::sleep(millis(2000)).await;
    assert_eq!(why(server.put_now("t", "a", "too early").await), refused(Code::Unavailable, "WRITE_IN_DOUBT"));
}

/// A create-only write that finds its own object is not acknowledged while a deletion may still delete the object.
#[tokio::test]
async fn a_found_object_is_not_acknowledged_on_a_guarded_path() {
    let server = Server::with_settle_time(Duration::from_secs(600)).await;
    server.begin("t").await;
    server.arm(On::upload(), Fault::FALSE_412, 1);
    let outcome = write_around_a_lost_deletion(&server, Duration::from_secs(20)).await;
    assert_eq!(outcome, Some(refused(Code::Unavailable, "WRITE_IN_DOUBT")));
}

/// A retry finds the object of the first attempt, but its own request may still be in flight.
#[tokio::test]
async fn a_retry_with_a_lost_response_guards_its_path() {
    let server = Server::with_settle_time(Duration::from_secs(600)).await;
    server.begin("t").await;
    let create = WriteRequest {
        transaction_id: "t".into(),
        path: "a".into(),
        if_none_match: "*".into(),
        write_id: "w".into(),
        data: "1".into(),
        finish_write: true,
        ..Default::default()
    };
    server.write(vec![create.clone()]).await.unwrap();
    server.arm(On::upload(), Fault::Drop, 1);
    server.write(vec![create]).await.unwrap();
    let delete = DeleteRequest { transaction_id: "t".into(), path: "a".into(), ..Default::default() };
    assert_eq!(why(server.files.clone().delete(delete).await), refused(Code::Unavailable, "WRITE_IN_DOUBT"));
}

#[tokio::test]
async fn an_unavailable_lakefs_is_reported_until_it_recovers() {
    let server = Server::with_faults().await;
    server.put("a", "1").await;
    let away =
        server.arm_many(On::new(Method::GET, "/objects/stat"), Fault::Fail(StatusCode::SERVICE_UNAVAILABLE, "away"), 3);
    let stat = lakeport_proto::v1::StatRequest {
        repository: server.repository.clone(),
        r#ref: "main".into(),
        path: "a".into(),
        ..Default::default()
    };
    let response = server.files.clone().stat(stat.clone()).await;
    assert_eq!(why(response), refused(Code::Unavailable, "LAKEFS_UNAVAILABLE"));
    assert_eq!(away.count(), 3);
    assert!(server.files.clone().stat(stat).await.is_ok());
}

#[tokio::test]
async fn a_deletion_with_a_lost_response_blocks_its_paths() {
    let server = Server::with_faults().await;
    server.begin("t").await;
    server.put_in("t", "a", "1").await.unwrap();
    let lost = server.arm(On::new(Method::DELETE, "/objects"), Fault::Drop, 1);
    let delete =
        lakeport_proto::v1::DeleteRequest { transaction_id: "t".into(), path: "a".into(), ..Default::default() };
    let in_doubt = refused(Code::Unavailable, "WRITE_IN_DOUBT");
    assert_eq!(why(server.files.clone().delete(delete.clone()).await), in_doubt);
    assert_eq!(lost.count(), 1, "the deletion was retried, although the first could take effect after a later write");
    assert_eq!(why(server.put_now("t", "a", "2").await), in_doubt);
    assert!(server.files.clone().delete(delete).await.is_ok());
}

/// An object with the same bytes but other metadata is not the lost upload.
#[tokio::test]
async fn a_lost_upload_is_not_confused_with_the_previous_object() {
    let server = Server::with_faults().await;
    server.put("a", "same bytes").await;
    server.arm(On::upload(), Fault::Drop, 1);
    let request = WriteRequest { content_type: "text/plain".into(), ..server.header("main", "a", "same bytes") };
    assert_eq!(why(server.write(vec![request]).await), refused(Code::Unavailable, "WRITE_IN_DOUBT"));
}

/// If a hook rejects the squash, the commit fails and the transaction stays open.
#[tokio::test]
async fn a_squash_rejected_by_a_hook_leaves_the_transaction_open() {
    let server = Server::with_faults().await;
    server.begin("t").await;
    for n in 0..2 {
        server.put_in("t", &format!("f{n}"), "1").await.unwrap();
        let request = CreateCommitRequest { transaction_id: "t".into(), ..Default::default() };
        server.versions.clone().create_commit(request).await.unwrap();
    }
    let hook = Fault::Fail(StatusCode::PRECONDITION_FAILED, "update branch x: pre-merge hook aborted, run id '1': no");
    server.arm(On::merge(), hook, 1);
    let squash = CommitTransactionRequest { transaction_id: "t".into(), squash: true, ..Default::default() };
    let response = server.publish_with(squash.clone()).await;
    assert_eq!(why(response), refused(Code::FailedPrecondition, "HOOK_REJECTED"));
    assert_eq!(server.transaction("t").await.unwrap().state(), TransactionState::Open);
    assert!(server.publish_with(squash).await.unwrap().merged);
    assert!(server.is_clean().await);
}
