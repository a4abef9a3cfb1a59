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
    let server = Server::start().await;
    let repository = server.repository_with(CreateRepositoryRequest {
        default_branch: "trunk".into(),
        read_only: true,
        ..Default::default()
    });
    let repository = repository.await;
    let found = GetRepositoryRequest { repository: repository.clone() };
    let found = server.versions.clone().get_repository(found).await.unwrap().into_inner().repository.unwrap();
    assert_eq!((found.default_branch.as_str(), found.read_only), ("trunk", true));
    let is_read_only = refused(Code::PermissionDenied, "REPOSITORY_READ_ONLY");
    let write = WriteRequest { repository: repository.clone(), ..server.header("trunk", "a", "1") };
    assert_eq!(why(server.write(vec![write]).await), is_read_only);
    let begin = BeginTransactionRequest { repository, base_branch: "trunk".into(), ..server.begin_request("t") };
    assert_eq!(why(server.try_begin(begin).await), is_read_only);
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

/// The places of one kind of call, and some more.
const CALLS: usize = 600;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_calls_than_there_are_places_for_are_refused_and_the_places_come_back() {
    let server = Server::with_faults().await;
    server.put("a", "1").await;
    server.arm_many(On::new(Method::GET, "/objects/stat"), Fault::Delay(Duration::from_secs(5)), CALLS);
    // A connection takes no more than so many at once.
    let mut clients = Vec::new();
    for _ in 0..8 {
        clients.push(server.another_connection().await);
    }
    let calls = (0..CALLS).map(|n| {
        let (mut client, request) = (clients[n % clients.len()].clone(), stat(&server, "a"));
        async move { client.stat(request).await }
    });
    let answers = futures_util::future::join_all(calls).await;
    let (ok, refusals): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert!(ok.len() >= 256 && refusals.len() >= 50, "{} were let in, {} were not", ok.len(), refusals.len());
    for refusal in refusals {
        assert_eq!(why(refusal), refused(Code::ResourceExhausted, "OVERLOADED"));
    }
    server.files.clone().stat(stat(&server, "a")).await.unwrap();
}
