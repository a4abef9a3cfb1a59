//! What lakeFS refuses, what it no longer has and what it is too slow for, each by its own reason; and what is refused before it.

use crate::fixture::{Server, refused, why};
use http::{Method, StatusCode};
use lakeport_embedded::{Fault, On};
use lakeport_proto::v1::*;
use std::time::Duration;
use tonic::Code;
use tonic_types::StatusExt;

fn forbidden(message: &'static str) -> Fault {
    Fault::Fail(StatusCode::FORBIDDEN, message)
}

fn stat(server: &Server, path: &str) -> StatRequest {
    StatRequest { repository: server.repository.clone(), r#ref: "main".into(), path: path.into(), ..Default::default() }
}

fn create_commit(server: &Server) -> CreateCommitRequest {
    CreateCommitRequest {
        repository: server.repository.clone(),
        r#ref: "main".into(),
        message: "m".into(),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_protected_branch_takes_neither_write_nor_commit_nor_merge() {
    let server = Server::with_faults().await;
    let is_protected = refused(Code::PermissionDenied, "BRANCH_PROTECTED");
    server.arm(On::upload(), forbidden("cannot write to protected branch"), 1);
    assert_eq!(why(server.write(vec![server.header("main", "a", "1")]).await), is_protected);
    server.put("b", "1").await;
    server.arm(On::commit(), forbidden("cannot commit to protected branch"), 1);
    assert_eq!(why(server.versions.clone().create_commit(create_commit(&server)).await), is_protected);
    server.commit("seed").await;

    server.begin("t").await;
    server.put_in("t", "a", "1").await.unwrap();
    server.arm(On::merge(), forbidden("cannot commit to protected branch"), 1);
    assert_eq!(why(server.publish("t").await), is_protected);
    assert_eq!(server.transaction("t").await.unwrap().state(), TransactionState::Open);
    assert!(server.publish("t").await.unwrap().merged, "what was written is lost");
}

#[tokio::test]
async fn a_repository_that_is_read_only_says_so() {
    let server = Server::with_faults().await;
    let is_read_only = refused(Code::PermissionDenied, "REPOSITORY_READ_ONLY");
    server.arm(On::upload(), forbidden("read-only repository"), 1);
    assert_eq!(why(server.write(vec![server.header("main", "a", "1")]).await), is_read_only);
    server.arm(On::new(Method::POST, "/branches"), forbidden("read-only repository"), 1);
    assert_eq!(why(server.try_begin(server.begin_request("t")).await), is_read_only);
    assert!(server.is_clean().await);
}

#[tokio::test]
async fn what_lakefs_refuses_in_its_own_words_is_passed_on_with_them() {
    let server = Server::with_faults().await;
    server.put("a", "1").await;
    server.arm(On::commit(), Fault::Fail(StatusCode::BAD_REQUEST, "no such thing as this"), 1);
    let status = server.versions.clone().create_commit(create_commit(&server)).await.unwrap_err();
    assert!(status.message().contains("no such thing as this"), "{}", status.message());
    assert_eq!(why::<()>(Err(status)), refused(Code::InvalidArgument, "REFUSED_BY_LAKEFS"));
}

#[tokio::test]
async fn an_object_whose_bytes_are_gone_is_lost_and_not_missing() {
    let server = Server::with_faults().await;
    server.put("a", "1").await;
    server.arm(On::new(Method::GET, "/objects"), Fault::Fail(StatusCode::GONE, "resource expired"), 1);
    assert_eq!(why(server.get("main", "a").await), refused(Code::DataLoss, "CORRUPT"));
    assert_eq!(server.get("main", "a").await.unwrap(), "1");
}

#[tokio::test]
async fn a_store_without_presigned_urls_says_what_to_use() {
    let server = Server::with_faults().await;
    server.put("a", "1").await;
    let request = PresignRequest {
        repository: server.repository.clone(),
        r#ref: "main".into(),
        path: "a".into(),
        ..Default::default()
    };
    let status = server.files.clone().presign(request).await.unwrap_err();
    assert!(status.message().contains("use Read"), "{}", status.message());
    assert_eq!(why::<()>(Err(status)), refused(Code::Unimplemented, "UNSUPPORTED"));
}

#[tokio::test]
async fn one_owner_has_so_many_transactions_at_once() {
    let server = Server::start().await;
    for n in 0..64 {
        let reading = BeginTransactionRequest { read_only: true, ..server.begin_request(&format!("t{n}")) };
        server.try_begin(reading).await.unwrap();
    }
    let one_more = BeginTransactionRequest { read_only: true, ..server.begin_request("one-more") };
    let status = server.try_begin(one_more.clone()).await.unwrap_err();
    let retry = status.get_error_details().retry_info().and_then(|retry| retry.retry_delay);
    assert!(retry.is_some_and(|delay| delay >= Duration::from_secs(1)), "{retry:?}");
    assert_eq!(why::<()>(Err(status)), refused(Code::ResourceExhausted, "TOO_MANY_TRANSACTIONS"));
    // One that is there is found again; and there is room when one has ended.
    let again = BeginTransactionRequest { read_only: true, ..server.begin_request("t0") };
    server.try_begin(again).await.unwrap();
    server.rollback("t0").await.unwrap();
    server.try_begin(one_more).await.unwrap();
}

/// Longer than this server waits for an answer of lakeFS.
const TOO_LONG: Duration = Duration::from_secs(33);

#[tokio::test]
async fn a_lakefs_that_takes_too_long_is_asked_again_and_what_was_sent_to_it_is_looked_for() {
    let server = Server::with_faults().await;
    server.put("a", "1").await;
    let stats = server.arm(On::new(Method::GET, "/objects/stat"), Fault::Delay(TOO_LONG), 1);
    let uploads = server.arm(On::upload(), Fault::Delay(TOO_LONG), 1);
    let (mut files, mut writer) = (server.patient_files(), server.patient_files());
    let header = tokio_stream::iter(vec![server.header("main", "b", "1")]);
    let (stat, write) = tokio::join!(files.stat(stat(&server, "a")), writer.write(header));
    assert_eq!(stat.unwrap().into_inner().info.unwrap().size_bytes, 1);
    assert_eq!(write.unwrap().into_inner().info.unwrap().size_bytes, 1);
    assert_eq!(server.get("main", "b").await.unwrap(), "1");
    assert_eq!((stats.count(), uploads.count()), (1, 1));
}

#[tokio::test]
async fn without_its_session_store_a_server_reads_and_writes_and_begins_nothing() {
    let server = Server::start().await;
    server.begin("t").await;
    server.put_in("t", "a", "1").await.unwrap();
    server.ops().store.close().await;
    let away = refused(Code::Unavailable, "SESSION_STORE_UNAVAILABLE");
    assert_eq!(why(server.try_begin(server.begin_request("u")).await), away);
    assert_eq!(why(server.put_in("t", "b", "1").await), away);
    assert_eq!(why(server.get_in("t", "a").await), away);
    assert_eq!(why(server.publish("t").await), away);
    assert_eq!(why(server.rollback("t").await), away);
    server.put("c", "1").await;
    assert_eq!(server.get("main", "c").await.unwrap(), "1");
}
