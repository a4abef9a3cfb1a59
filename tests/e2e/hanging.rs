//! lakeFS, the session store or the disk hangs: each call still gets its response by its deadline, and the response names the side that
//! did not respond.

use crate::fixture::{NoDeadline, Server, eventually, no_deadline};
use crate::own_disk::{OwnDisk, REPOSITORY};
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::future::join_all;
use http::Method;
use http_body_util::{BodyExt, Full};
use lakeport_embedded::{Fault, On};
use lakeport_postgres::Postgres;
use lakeport_proto::v1::*;
use lakeport_server::grpc::methods::METHODS;
use prost::Message;
use sqlx::{Connection, Executor, PgConnection};
use std::time::{Duration, Instant};

const TIMEOUT: Duration = Duration::from_secs(1);

/// The status of a call, and the time until its response.
struct Answer {
    status: String,
    message: String,
    after: Duration,
}

/// Sends one message to a method, with a deadline, and waits for the status.
async fn call(client: &NoDeadline, origin: &http::Uri, path: &str, message: &[u8]) -> Answer {
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap());
    frame.put_slice(message);
    let request = http::Request::post(format!("{origin}{}", path.trim_start_matches('/')))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("grpc-timeout", format!("{}m", TIMEOUT.as_millis()))
        .body(tonic::body::Body::new(Full::<Bytes>::new(frame.freeze())))
        .unwrap();
    let began = Instant::now();
    let exchange = async {
        let response = client.request(request).await.unwrap();
        let (head, body) = response.into_parts();
        let trailers = body.collect().await.unwrap().trailers().cloned().unwrap_or_default();
        let field = |name: &str| {
            let value = trailers.get(name).or_else(|| head.headers.get(name));
            value.map(|value| value.to_str().unwrap().replace("%20", " ")).unwrap_or_default()
        };
        (field("grpc-status"), field("grpc-message"))
    };
    let (status, message) =
        tokio::time::timeout(TIMEOUT * 20, exchange).await.unwrap_or_else(|_| panic!("{path} never responds"));
    Answer { status, message, after: began.elapsed() }
}

/// Returns a valid message for a method.
fn message(repository: &str, path: &str) -> Vec<u8> {
    let (repository, t) = (repository.to_owned(), "t".to_owned());
    let (main, branch, tag) = ("main".to_owned(), "b".to_owned(), "v".to_owned());
    let (a, b) = ("a".to_owned(), "b".to_owned());
    let items = vec![BatchWriteItem { path: b.clone(), data: Bytes::from_static(b"1"), ..Default::default() }];
    match path.rsplit('/').next().unwrap() {
        "Stat" => StatRequest { transaction_id: t, path: a, ..Default::default() }.encode_to_vec(),
        "Read" => ReadRequest { transaction_id: t, path: a, ..Default::default() }.encode_to_vec(),
        "Write" => {
            WriteRequest { transaction_id: t, path: b, finish_write: true, ..Default::default() }.encode_to_vec()
        }
        "List" => ListRequest { transaction_id: t, ..Default::default() }.encode_to_vec(),
        "Delete" => DeleteRequest { transaction_id: t, path: a, ..Default::default() }.encode_to_vec(),
        "Copy" => CopyRequest { transaction_id: t, source_path: a, path: b, ..Default::default() }.encode_to_vec(),
        "Move" => MoveRequest { transaction_id: t, source_path: a, path: b, ..Default::default() }.encode_to_vec(),
        "Compose" => {
            ComposeRequest { transaction_id: t, source_paths: vec![a], path: b, ..Default::default() }.encode_to_vec()
        }
        "BatchStat" => BatchStatRequest { transaction_id: t, paths: vec![a], ..Default::default() }.encode_to_vec(),
        "BatchRead" => BatchReadRequest { transaction_id: t, paths: vec![a], ..Default::default() }.encode_to_vec(),
        "BatchWrite" => BatchWriteRequest { transaction_id: t, items, ..Default::default() }.encode_to_vec(),
        "SetMetadata" => SetMetadataRequest { transaction_id: t, path: a, ..Default::default() }.encode_to_vec(),
        "Presign" => PresignRequest { transaction_id: t, path: a, ..Default::default() }.encode_to_vec(),
        "BeginTransaction" => BeginTransactionRequest {
            repository,
            base_branch: main,
            transaction_id: "new".into(),
            ..Default::default()
        }
        .encode_to_vec(),
        "GetTransaction" => GetTransactionRequest { transaction_id: t }.encode_to_vec(),
        "KeepAliveTransaction" => KeepAliveTransactionRequest { transaction_id: t }.encode_to_vec(),
        "CommitTransaction" => {
            CommitTransactionRequest { transaction_id: "c".into(), ..Default::default() }.encode_to_vec()
        }
        "RollbackTransaction" => RollbackTransactionRequest { transaction_id: "r".into() }.encode_to_vec(),
        "ListTransactionChanges" => {
            ListTransactionChangesRequest { transaction_id: t, ..Default::default() }.encode_to_vec()
        }
        "WatchTransaction" => WatchTransactionRequest { transaction_id: t }.encode_to_vec(),
        "CreateRepository" => CreateRepositoryRequest {
            repository: format!("{repository}-new"),
            default_branch: main,
            ..Default::default()
        }
        .encode_to_vec(),
        "GetRepository" | "DeleteRepository" => {
            GetRepositoryRequest { repository: "missing-repository".into() }.encode_to_vec()
        }
        "GetBranch" => GetBranchRequest { repository, branch: main }.encode_to_vec(),
        "CreateBranch" => CreateBranchRequest { repository, branch, r#ref: main, ..Default::default() }.encode_to_vec(),
        "DeleteBranch" => DeleteBranchRequest { repository, branch, ..Default::default() }.encode_to_vec(),
        "ListBranches" => ListBranchesRequest { repository, ..Default::default() }.encode_to_vec(),
        "ListTags" => ListTagsRequest { repository, ..Default::default() }.encode_to_vec(),
        "GetTag" => GetTagRequest { repository, tag }.encode_to_vec(),
        "CreateTag" => CreateTagRequest { repository, tag, r#ref: main, ..Default::default() }.encode_to_vec(),
        "DeleteTag" => DeleteTagRequest { repository, tag, ..Default::default() }.encode_to_vec(),
        "GetCommit" => GetCommitRequest { repository, r#ref: main, ..Default::default() }.encode_to_vec(),
        "CreateCommit" => CreateCommitRequest { repository, r#ref: main, ..Default::default() }.encode_to_vec(),
        "Log" => LogRequest { repository, r#ref: main, ..Default::default() }.encode_to_vec(),
        "Diff" => {
            DiffRequest { repository, r#ref: main.clone(), right_ref: main, ..Default::default() }.encode_to_vec()
        }
        "Merge" => MergeRequest { repository, r#ref: "other".into(), destination_branch: main, ..Default::default() }
            .encode_to_vec(),
        "Revert" => {
            RevertRequest { repository, r#ref: main.clone(), branch: main, ..Default::default() }.encode_to_vec()
        }
        "CherryPick" => {
            CherryPickRequest { repository, r#ref: "other".into(), branch: main, ..Default::default() }.encode_to_vec()
        }
        "Reset" => ResetRequest { repository, r#ref: main, ..Default::default() }.encode_to_vec(),
        // All fields are optional.
        "ListRepositories" | "ListTransactions" | "GetServerInfo" => Vec::new(),
        other => panic!("add a message for {other}"),
    }
}

async fn prepare(server: &Server) {
    server.put("a", "1").await;
    server.commit("a").await;
    for id in ["t", "c", "r"] {
        server.begin(id).await;
        server.put_in(id, "b", "1").await.unwrap();
    }
}

/// Calls all methods at once, and returns the number of those that waited until their deadline.
async fn late_calls(origin: &http::Uri, repository: &str, side: &str) -> usize {
    let (client, mut late) = (no_deadline(), 0);
    let calls = METHODS.iter().map(async |method| {
        let path = method.path;
        (path, call(&client, origin, path, &message(repository, path)).await)
    });
    for (path, Answer { status, message, after }) in join_all(calls).await {
        assert!(after < TIMEOUT + Duration::from_secs(1), "{path} responded after {after:?}: {status} {message}");
        if status == "4" {
            // A watch waits for the next change.
            let names_side = message.contains(side) || path.ends_with("/WatchTransaction");
            assert!(names_side, "{path} does not name the side: {message}");
            late += 1;
        }
    }
    late
}

#[tokio::test]
async fn every_call_responds_by_its_deadline_while_lakefs_hangs() {
    let server = Server::with_faults().await;
    prepare(&server).await;
    for method in [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE] {
        server.arm_many(On::new(method, ""), Fault::Delay(TIMEOUT * 60), 100_000);
    }
    let late = late_calls(&server.origin(), &server.repository, "lakeFS did not respond").await;
    assert!(late >= 30, "only {late} calls waited for lakeFS");
}

#[tokio::test]
async fn every_call_responds_by_its_deadline_while_the_session_store_hangs() {
    let postgres = Postgres::shared();
    let url = postgres.database();
    let server = Server::on_postgres(&url).await;
    prepare(&server).await;
    let mut locks = PgConnection::connect(&url).await.unwrap();
    let lock = "BEGIN; LOCK TABLE transactions, requests, lakeport_service IN ACCESS EXCLUSIVE MODE";
    locks.execute(lock).await.unwrap();
    let late = late_calls(&server.origin(), &server.repository, "the session store did not respond").await;
    locks.close().await.unwrap();
    assert!(late >= 15, "only {late} calls waited for the session store");
}

/// The session store hangs when the bytes of an upload have arrived, and its request is recorded.
#[tokio::test]
async fn an_upload_that_cannot_be_recorded_names_the_session_store() {
    let postgres = Postgres::shared();
    let url = postgres.database();
    let server = Server::on_postgres(&url).await;
    prepare(&server).await;
    let mut locks = PgConnection::connect(&url).await.unwrap();
    // A record of an ended request is used again until it is erased.
    for _ in 0..100 {
        let records: i64 =
            sqlx::query_scalar("SELECT count(*) FROM requests_in_flight").fetch_one(&mut locks).await.unwrap();
        if records == 0 {
            break;
        }
        tokio::time::sleep(TIMEOUT / 20).await;
    }
    locks.execute("BEGIN; LOCK TABLE requests_in_flight IN SHARE MODE").await.unwrap();
    for path in ["/lakeport.v1.FileService/Write", "/lakeport.v1.FileService/SetMetadata"] {
        let Answer { status, message, .. } =
            call(&no_deadline(), &server.origin(), path, &message(&server.repository, path)).await;
        assert_eq!(status, "4", "{path}: {message}");
        assert!(message.contains("the session store did not respond"), "{path} does not name the side: {message}");
    }
    locks.close().await.unwrap();
}

/// The disk of the embedded lake and of SQLite.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_responds_by_its_deadline_while_the_disk_hangs() {
    let Some(mut disk) = OwnDisk::freezable().await else { return };
    disk.write("", "a", 1).await.unwrap();
    disk.commit().await.unwrap();
    for id in ["t", "c", "r"] {
        disk.begin(id).await.unwrap();
        disk.write(id, "b", 1).await.unwrap();
    }
    let origin = format!("http://{}/", disk.address).parse().unwrap();
    disk.freeze();
    let late = late_calls(&origin, REPOSITORY, "did not respond").await;
    disk.thaw();
    assert!(late >= 15, "only {late} calls waited for the disk");
    assert!(eventually(async || disk.write("", "after", 1).await.is_ok()).await, "the server did not recover");
}
