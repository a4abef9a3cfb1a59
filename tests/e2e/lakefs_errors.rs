//! Errors and timeouts of lakeFS, each mapped to its own reason, and requests that lakeport rejects itself.

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
async fn a_protected_branch_rejects_writes_commits_and_merges() {
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
    assert!(server.publish("t").await.unwrap().merged, "the retried commit did not merge");
}

#[tokio::test]
async fn a_read_only_repository_rejects_writes_with_its_own_reason() {
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
async fn unknown_lakefs_errors_are_returned_with_their_message() {
    let server = Server::with_faults().await;
    server.put("a", "1").await;
    server.arm(On::commit(), Fault::Fail(StatusCode::BAD_REQUEST, "no such thing as this"), 1);
    let status = server.versions.clone().create_commit(create_commit(&server)).await.unwrap_err();
    assert!(status.message().contains("no such thing as this"), "{}", status.message());
    assert_eq!(why::<()>(Err(status)), refused(Code::InvalidArgument, "REFUSED_BY_LAKEFS"));
}

#[tokio::test]
async fn an_object_with_lost_bytes_returns_data_loss() {
    let server = Server::with_faults().await;
    server.put("a", "1").await;
    server.arm(On::new(Method::GET, "/objects"), Fault::Fail(StatusCode::GONE, "resource expired"), 1);
    assert_eq!(why(server.get("main", "a").await), refused(Code::DataLoss, "CORRUPT"));
    assert_eq!(server.get("main", "a").await.unwrap(), "1");
}

#[tokio::test]
async fn presign_without_storage_support_suggests_read() {
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
async fn open_transactions_per_owner_are_limited() {
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
    // Begin with an existing ID does not count. When a transaction ends, another can begin.
    let again = BeginTransactionRequest { read_only: true, ..server.begin_request("t0") };
    server.try_begin(again).await.unwrap();
    server.rollback("t0").await.unwrap();
    server.try_begin(one_more).await.unwrap();
}

/// Longer than the server waits for a response of lakeFS.
const TOO_LONG: Duration = Duration::from_secs(33);

#[tokio::test]
async fn timed_out_reads_are_retried_and_timed_out_uploads_are_looked_up() {
    let server = Server::with_faults().await;
    server.put("a", "1").await;
    let stats = server.arm(On::new(Method::GET, "/objects/stat"), Fault::Delay(TOO_LONG), 1);
    let uploads = server.arm(On::upload(), Fault::Delay(TOO_LONG), 1);
    let (mut files, mut writer) = (server.files_without_deadline(), server.files_without_deadline());
    let header = tokio_stream::iter(vec![server.header("main", "b", "1")]);
    let (stat, write) = tokio::join!(files.stat(stat(&server, "a")), writer.write(header));
    assert_eq!(stat.unwrap().into_inner().info.unwrap().size_bytes, 1);
    assert_eq!(write.unwrap().into_inner().info.unwrap().size_bytes, 1);
    assert_eq!(server.get("main", "b").await.unwrap(), "1");
    assert_eq!((stats.count(), uploads.count()), (1, 1));
}

#[tokio::test]
async fn an_unavailable_session_store_affects_only_transactions() {
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

/// More calls than the limit for calls of one kind.
const CALLS: usize = 600;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_over_the_limit_are_rejected_and_permits_are_returned() {
    let server = Server::with_faults().await;
    server.put("a", "1").await;
    server.arm_many(On::new(Method::GET, "/objects/stat"), Fault::Delay(Duration::from_secs(5)), CALLS);
    // Use several connections, because the number of concurrent calls per connection is limited.
    let mut clients = Vec::new();
    for _ in 0..8 {
        clients.push(server.another_connection().await);
    }
    let calls = (0..CALLS).map(|n| {
        let (mut client, request) = (clients[n % clients.len()].clone(), stat(&server, "a"));
        async move { client.stat(request).await }
    });
    let responses = futures_util::future::join_all(calls).await;
    let (ok, rejected): (Vec<_>, Vec<_>) = responses.into_iter().partition(Result::is_ok);
    assert!(ok.len() >= 256 && rejected.len() >= 50, "{} were admitted, {} were rejected", ok.len(), rejected.len());
    for rejection in rejected {
        assert_eq!(why(rejection), refused(Code::ResourceExhausted, "OVERLOADED"));
    }
    server.files.clone().stat(stat(&server, "a")).await.unwrap();
}
