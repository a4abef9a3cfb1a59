//! Answers of lakeFS that are lost or lie: nothing is guessed, nothing happens twice.

use crate::fixture::{SETTLE, Server, eventually, refused, why};
use http::{Method, StatusCode};
use lakeport_embedded::{Fault, On};
use lakeport_proto::v1::*;
use std::collections::HashMap;
use std::time::Duration;
use tonic::Code;

#[tokio::test]
async fn a_lost_merge_answer_is_found_not_repeated() {
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
async fn a_merge_that_never_arrived_is_sent_again() {
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
async fn a_lost_commit_answer_is_found() {
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
async fn a_branch_whose_answer_was_lost_is_found() {
    let server = Server::with_faults().await;
    let lost = server.arm(On::new(Method::POST, "/branches"), Fault::ApplyThenDrop, 1);
    let begun = server.begin("t").await;
    assert_eq!((lost.count(), begun.base_commit_id), (1, server.head("main").await));
    assert_eq!(server.transaction_branches().await.len(), 1);
    server.put_in("t", "a", "1").await.unwrap();
    assert!(server.publish("t").await.unwrap().merged);
}

/// Its caller goes away and ends the transaction, and only then lakeFS makes the branch.
#[tokio::test]
async fn a_branch_that_is_made_behind_the_end_of_its_transaction_goes_too() {
    for fault in [Fault::Delay(SETTLE / 2), Fault::ApplyThenDelay(SETTLE / 2)] {
        let server = Server::with_faults().await;
        let late = server.arm(On::new(Method::POST, "/branches"), fault, 1);
        let mut request = tonic::Request::new(server.begin_request("t"));
        request.metadata_mut().insert("grpc-timeout", "200m".parse().unwrap());
        let begun = server.patient_transactions().begin_transaction(request).await;
        assert_eq!(why(begun), refused(Code::DeadlineExceeded, "DEADLINE_EXCEEDED"));
        server.rollback("t").await.unwrap();
        tokio::time::sleep(SETTLE).await;
        assert_eq!(late.count(), 1);
        assert!(server.is_clean().await);
    }
}

/// Every answer is lost, so whether there is a branch is not known: it is looked for once more when it must be there.
#[tokio::test]
async fn a_branch_that_nobody_heard_of_goes_with_its_transaction() {
    let server = Server::with_faults().await;
    let making = || On::new(Method::POST, "/branches");
    server.arm_many(making(), Fault::Drop, 2);
    server.arm(making(), Fault::ApplyThenDrop, 1);
    assert_eq!(why(server.try_begin(server.begin_request("t")).await).0, Code::Unavailable);
    assert_eq!(server.transaction_branches().await.len(), 1);
    server.rollback("t").await.unwrap();
    assert!(server.is_clean().await);
}

/// lakeFS takes, for minutes, one commit for another that it was cherry-picked from.
#[tokio::test]
async fn a_transaction_goes_on_at_its_own_commit_whatever_lakefs_takes_it_for() {
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
async fn a_write_whose_answer_says_nothing_is_looked_for() {
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
async fn a_write_that_cannot_be_found_is_in_doubt_and_its_path_is_guarded() {
    let server = Server::with_faults().await;
    server.begin("t").await;
    server.arm(On::upload(), Fault::Drop, 1);
    let in_doubt = refused(Code::Unavailable, "WRITE_IN_DOUBT");
    assert_eq!(why(server.put_in("t", "a", "1").await), in_doubt);
    assert_eq!(why(server.put_in("t", "a", "2").await), in_doubt, "the first could still land behind the second");
    assert_eq!(why(server.publish("t").await), in_doubt);
    server.put_in("t", "b", "other paths are free").await.unwrap();
    tokio::time::sleep(SETTLE + Duration::from_millis(200)).await;
    server.put_in("t", "a", "2").await.unwrap();
    assert!(server.publish("t").await.unwrap().merged);
    assert_eq!(server.get("main", "a").await.unwrap(), "2");
}

#[tokio::test]
async fn a_create_only_write_that_finds_itself_has_succeeded() {
    let server = Server::with_faults().await;
    let fired = server.arm(On::upload(), Fault::FALSE_412, 1);
    let create = |text: &str| WriteRequest { if_none_match: "*".into(), ..server.header("main", "once", text) };
    server.write(vec![create("mine")]).await.unwrap();
    assert_eq!(fired.count(), 1);
    assert_eq!(why(server.write(vec![create("other")]).await), refused(Code::AlreadyExists, "OBJECT_EXISTS"));
    assert_eq!(server.get("main", "once").await.unwrap(), "mine");
}

#[tokio::test]
async fn a_download_that_breaks_off_goes_on_where_it_was() {
    let server = Server::with_faults().await;
    let text = "0123456789".repeat(200_000);
    server.put("large", &text).await;
    let cut = server.arm(On::new(Method::GET, "/refs/main/objects"), Fault::CutAfter(777_777), 1);
    assert!(server.get("main", "large").await.unwrap() == text);
    assert_eq!(cut.count(), 1);
}

#[tokio::test]
async fn a_version_call_whose_answer_was_lost_says_that_it_does_not_know() {
    let server = Server::with_faults().await;
    server.put("a", "1").await;
    let lost = server.arm(On::commit(), Fault::ApplyThenDrop, 1);
    let request = CreateCommitRequest {
        repository: server.repository.clone(),
        r#ref: "main".into(),
        message: "m".into(),
        ..Default::default()
    };
    let answer = server.versions.clone().create_commit(request).await;
    assert_eq!(why(answer), refused(Code::Unknown, "OUTCOME_UNKNOWN"));
    assert_eq!(lost.count(), 1);
    assert_eq!(server.log("main").await.len(), 2, "it was made once, and not repeated");
}

#[tokio::test]
async fn a_revert_in_a_transaction_whose_answer_was_lost_holds_up_the_commit() {
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
    assert_eq!(why(server.publish("t").await), (Code::Unavailable, "WRITE_IN_DOUBT".into()));
    assert!(eventually(async || server.publish("t").await.is_ok()).await);
    assert_eq!(server.get("main", "a").await.unwrap(), "1");
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_stop_its_commit() {
    let server = Server::with_faults().await;
    server.begin("t").await;
    server.put_in("t", "a", "1").await.unwrap();
    server.arm(On::merge(), Fault::Delay(Duration::from_secs(4)), 1);
    let mut request =
        tonic::Request::new(CommitTransactionRequest { transaction_id: "t".into(), ..Default::default() });
    request.set_timeout(Duration::from_millis(1500));
    let answer = server.transactions.clone().commit_transaction(request).await;
    assert_eq!(why(answer), refused(Code::Unavailable, "COMMIT_IN_DOUBT"));
    let done = server.publish("t").await.unwrap();
    assert_eq!((done.state(), server.merges_of("t").await), (TransactionState::Committed, 1));
}

/// Commits while something else is under way, a moment after that began.
async fn commit_beside<T>(server: &Server, other: impl Future<Output = T>) -> (T, Transaction) {
    let commit = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        server.publish("t").await.unwrap()
    };
    futures_util::join!(other, commit)
}

#[tokio::test]
async fn a_write_beside_a_commit_is_in_it_or_refused() {
    let late = Duration::from_millis(600);
    // Either the write is on the branch when the commit begins, and its answer comes later; or it meets a branch that is gone.
    for (fault, is_in) in [(Fault::ApplyThenDelay(late), true), (Fault::Delay(late), false)] {
        let server = Server::with_faults().await;
        server.begin("t").await;
        server.put_in("t", "before", "1").await.unwrap();
        let fired = server.arm(On::upload(), fault, 1);
        let (written, done) = commit_beside(&server, server.put_in("t", "beside", "2")).await;
        assert_eq!(fired.count(), 1);
        let published = server.get(&done.commit_id, "beside").await;
        if is_in {
            written.unwrap();
            assert_eq!(published.unwrap(), "2", "acknowledged, and lost");
        } else {
            assert_eq!(why(written).0, Code::FailedPrecondition);
            assert_eq!(why(published), refused(Code::NotFound, "OBJECT_NOT_FOUND"), "refused, and published");
        }
    }
}

/// lakeFS answers nothing to it, so it is looked up; by then the branch may be gone with the commit that holds it.
#[tokio::test]
async fn metadata_written_beside_a_commit_is_in_it_or_refused() {
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
    let (described, done) = commit_beside(&server, files.set_metadata(describe)).await;
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
async fn a_batch_that_a_commit_cuts_in_two_says_of_each_item_on_which_side_it_is() {
    let server = Server::with_faults().await;
    server.begin("t").await;
    server.put_in("t", "before", "1").await.unwrap();
    // One of the two is late, and meets a branch that is gone.
    server.arm(On::upload(), Fault::Delay(Duration::from_millis(600)), 2);
    let item = |path: &str| BatchWriteItem { path: path.into(), data: "x".into(), ..Default::default() };
    let request =
        BatchWriteRequest { transaction_id: "t".into(), items: vec![item("a"), item("b")], ..Default::default() };
    let mut files = server.files.clone();
    let (written, done) = commit_beside(&server, files.batch_write(request)).await;
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
async fn a_deletion_that_nobody_waits_for_guards_its_paths() {
    let server = Server::with_faults().await;
    server.put("a", "old").await;
    server.commit("base").await;
    server.begin("t").await;
    server.arm(On::new(Method::POST, "/objects/delete"), Fault::Delay(Duration::from_millis(500)), 1);
    let delete = DeleteRequest { transaction_id: "t".into(), path: "a".into(), ..Default::default() };
    let mut files = server.files.clone();
    let abandoned = tokio::time::timeout(Duration::from_millis(200), async {
        let mut answer = files.delete(delete).await?.into_inner();
        answer.message().await
    });
    assert!(abandoned.await.is_err());
    // The deletion is still at lakeFS: what is written now must not be acknowledged and then deleted.
    let written = eventually(async || server.put_in("t", "a", "new").await.is_ok()).await;
    assert!(written, "the path is guarded for ever");
    // By now it has landed, wherever it was.
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert!(eventually(async || server.publish("t").await.is_ok()).await);
    assert_eq!(server.get("main", "a").await.unwrap(), "new");
}

#[tokio::test]
async fn lakefs_away_is_said_and_comes_back() {
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
    let answer = server.files.clone().stat(stat.clone()).await;
    assert_eq!(why(answer), refused(Code::Unavailable, "LAKEFS_UNAVAILABLE"));
    assert_eq!(away.count(), 3);
    assert!(server.files.clone().stat(stat).await.is_ok());
}

#[tokio::test]
async fn a_deletion_whose_answer_was_lost_guards_its_paths() {
    let server = Server::with_faults().await;
    server.begin("t").await;
    server.put_in("t", "a", "1").await.unwrap();
    let lost = server.arm(On::new(Method::POST, "/objects/delete"), Fault::Drop, 1);
    let delete =
        lakeport_proto::v1::DeleteRequest { transaction_id: "t".into(), path: "a".into(), ..Default::default() };
    let in_doubt = refused(Code::Unavailable, "WRITE_IN_DOUBT");
    assert_eq!(why(server.files.clone().delete(delete.clone()).await), in_doubt);
    assert_eq!(lost.count(), 1, "it was repeated, and the first could land behind a later write");
    assert_eq!(why(server.put_in("t", "a", "2").await), in_doubt);
    tokio::time::sleep(SETTLE + Duration::from_millis(200)).await;
    assert!(server.files.clone().delete(delete).await.is_ok());
}

/// The same bytes with other metadata are another object: a lost upload is not found in them.
#[tokio::test]
async fn an_upload_is_not_found_in_what_stood_there_before() {
    let server = Server::with_faults().await;
    server.put("a", "same bytes").await;
    server.arm(On::upload(), Fault::Drop, 1);
    let request = WriteRequest { content_type: "text/plain".into(), ..server.header("main", "a", "same bytes") };
    assert_eq!(why(server.write(vec![request]).await), refused(Code::Unavailable, "WRITE_IN_DOUBT"));
}

/// A hook that refuses the squash refuses the commit, and the transaction goes on.
#[tokio::test]
async fn a_squash_that_a_hook_refuses_leaves_the_transaction_open() {
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
    let answer = server.publish_with(squash.clone()).await;
    assert_eq!(why(answer), refused(Code::FailedPrecondition, "HOOK_REJECTED"));
    assert_eq!(server.transaction("t").await.unwrap().state(), TransactionState::Open);
    assert!(server.publish_with(squash).await.unwrap().merged);
    assert!(server.is_clean().await);
}
