//! Clients that cancel many calls, send messages that never end, or stop reading. Other calls continue, and the memory and
//! the requests of the server stay within their bounds.

use crate::fixture::{Server, eventually, refused, why};
use crate::raw_http2::{
    self, Connection, DATA, END_STREAM, ENHANCE_YOUR_CALM, GOAWAY, HEADERS, RST_STREAM, call, cancel,
};
use bytes::Bytes;
use http::Method;
use lakeport_embedded::{Fault, On};
use lakeport_proto::v1::file_service_client::FileServiceClient;
use lakeport_proto::v1::*;
use prost::Message;
use std::time::Duration;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

const READ: &str = "/lakeport.v1.FileService/Read";
const WRITE: &str = "/lakeport.v1.FileService/Write";
const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

/// IDs of streams after the first.
fn later_streams(count: u32) -> impl Iterator<Item = u32> {
    (1..=count).map(|n| 2 * n + 1)
}

#[tokio::test]
async fn an_upload_survives_a_burst_of_cancelled_calls() {
    let server = Server::start().await;
    server.put("a", "1").await;
    let mut connection = Connection::open(server.address()).await;
    let first = WriteRequest { finish_write: false, ..server.header("main", "slow", "first ") };
    let upload = [call(1, WRITE), raw_http2::message(1, 0, &first.encode_to_vec())].concat();
    connection.send(&upload).await.unwrap();
    let read = server.read_request("main", "a").encode_to_vec();
    let burst =
        later_streams(200).map(|id| [call(id, READ), raw_http2::message(id, END_STREAM, &read), cancel(id)].concat());
    connection.send(&burst.collect::<Vec<_>>().concat()).await.unwrap();
    let last = WriteRequest { data: Bytes::from_static(b"last"), finish_write: true, ..Default::default() };
    connection.send(&raw_http2::message(1, END_STREAM, &last.encode_to_vec())).await.unwrap();
    let end = connection.find(|frame| frame.kind == GOAWAY || (frame.stream == 1 && frame.kind == DATA)).await;
    assert_eq!(end.unwrap().kind, DATA, "the connection was closed");
    assert_eq!(server.get("main", "slow").await.unwrap(), "first last");
}

/// A client ends its side of an upload after the last message, when the server may have responded already. Of a refused upload,
/// data is still on its way.
#[tokio::test]
async fn a_connection_survives_late_frames_of_ended_uploads() {
    let server = Server::start().await;
    let mut connection = Connection::open(server.address()).await;
    let refused = WriteRequest { path: String::new(), ..server.header("main", "a", "1") }.encode_to_vec();
    let uploads = later_streams(6_000).collect::<Vec<_>>();
    for batch in uploads.chunks(100) {
        let begin = batch.iter().map(|id| [call(*id, WRITE), raw_http2::message(*id, 0, &refused)].concat());
        connection.send(&begin.collect::<Vec<_>>().concat()).await.unwrap();
        for _ in batch {
            let end = connection.find(|frame| frame.kind == GOAWAY || frame.kind == HEADERS).await;
            assert_eq!(end.unwrap().kind, HEADERS, "the connection was closed");
        }
        let late = batch.iter().map(|id| {
            let data = raw_http2::frame(DATA, 0, *id, &[0; 1000]);
            [data, raw_http2::frame(DATA, END_STREAM, *id, &[])].concat()
        });
        connection.send(&late.collect::<Vec<_>>().concat()).await.unwrap();
    }
}

#[tokio::test]
async fn a_flood_of_cancelled_calls_closes_its_connection() {
    let server = Server::start().await;
    let mut connection = Connection::open(server.address()).await;
    let flood = later_streams(50_000).map(|id| [call(id, READ), cancel(id)].concat()).collect::<Vec<_>>().concat();
    // Fails if the server closes the connection before it has read everything.
    let _ = connection.send(&flood).await;
    let end = tokio::time::timeout(Duration::from_secs(30), connection.find(|frame| frame.kind == GOAWAY)).await;
    if let Some(end) = end.expect("the connection stays open") {
        let code = u32::from_be_bytes(end.payload[4..8].try_into().unwrap());
        assert_eq!(code, ENHANCE_YOUR_CALM);
    }
    server.put("a", "1").await;
}

#[tokio::test]
async fn messages_of_health_and_reflection_are_small() {
    let server = Server::start().await;
    let request = HealthCheckRequest { service: "x".repeat(5_000) };
    let response = HealthClient::new(server.channel.clone()).check(request).await;
    assert_eq!(why(response), refused(Code::InvalidArgument, "INVALID_FIELD"));
    // The prefix announces 4 MiB. The server ends the call before any of them arrive.
    let mut connection = Connection::open(server.address()).await;
    let unfinished = raw_http2::frame(DATA, 0, 1, &[0, 0, 0x3f, 0, 0]);
    connection.send(&[call(1, REFLECTION), unfinished].concat()).await.unwrap();
    let end = connection.find(|frame| frame.stream == 1 && (frame.kind == RST_STREAM || frame.flags & END_STREAM > 0));
    assert!(end.await.is_some());
}

#[tokio::test]
async fn calls_of_health_and_reflection_are_bounded_per_connection() {
    let server = Server::start().await;
    let mut health = HealthClient::new(server.channel.clone());
    let mut watches = Vec::new();
    for _ in 0..8 {
        watches.push(health.watch(HealthCheckRequest::default()).await.unwrap());
    }
    let overloaded = refused(Code::ResourceExhausted, "OVERLOADED");
    assert_eq!(why(health.watch(HealthCheckRequest::default()).await), overloaded);
    assert_eq!(why(health.check(HealthCheckRequest::default()).await), overloaded);
    let endpoint = Endpoint::from_shared(format!("http://{}", server.address())).unwrap();
    let mut another = HealthClient::new(endpoint.connect().await.unwrap());
    assert!(another.check(HealthCheckRequest::default()).await.is_ok());
    watches.clear();
    assert!(eventually(async || health.check(HealthCheckRequest::default()).await.is_ok()).await);
}

#[tokio::test]
async fn only_calls_with_lists_of_paths_accept_large_messages() {
    let server = Server::start().await;
    let place = (server.repository.clone(), "main".to_owned(), "x".repeat(300 << 10));
    let (repository, r#ref, path) = place.clone();
    let stat = StatRequest { repository, r#ref, path, ..Default::default() };
    let status = server.files.clone().stat(stat).await.unwrap_err();
    assert!(status.message().contains("307"), "{}", status.message());
    assert_eq!(why::<()>(Err(status)), refused(Code::InvalidArgument, "INVALID_FIELD"));
    let (repository, r#ref, path) = place;
    let batch = BatchStatRequest { repository, r#ref, paths: vec![path], ..Default::default() };
    assert!(server.files.clone().batch_stat(batch).await.is_ok());
}

/// Clients of three connections: one connection has at most 128 streams.
async fn clients(server: &Server) -> Vec<FileServiceClient<Channel>> {
    let mut clients = Vec::new();
    for _ in 0..3 {
        let endpoint = Endpoint::from_shared(format!("http://{}", server.address())).unwrap();
        let endpoint = endpoint.initial_connection_window_size(64 << 20).initial_stream_window_size(64 << 10);
        clients.push(FileServiceClient::new(endpoint.connect().await.unwrap()));
    }
    clients
}

/// Without a bound, each of the calls has 64 open downloads, whose data fills the buffers of their connections.
#[tokio::test]
async fn stalled_batch_reads_reserve_memory_before_they_open_downloads() {
    let server = Server::start().await;
    let paths: Vec<String> = (0..64).map(|n| format!("large/{n}")).collect();
    for path in &paths {
        server.put(path, &"x".repeat(600 << 10)).await;
    }
    let clients = clients(&server).await;
    let mut stalled = Vec::new();
    for n in 0..64 {
        let mut client = clients[n % 3].clone();
        let request = BatchReadRequest {
            repository: server.repository.clone(),
            r#ref: "main".into(),
            paths: paths.clone(),
            ..Default::default()
        };
        stalled.push(client.batch_read(request).await.unwrap().into_inner());
    }
    let budget = &server.ops().batch_memory;
    assert!(eventually(async || budget.reserved_bytes() > 0 && budget.requests_in_flight() == 0).await);
    assert!(budget.reserved_bytes() <= 64 << 20, "{}", budget.reserved_bytes());
    // The reader that continues gets everything, although the other readers hold most of the memory.
    let mut first = stalled.swap_remove(0);
    drop(stalled);
    let mut sizes = Vec::new();
    while let Some(response) = first.message().await.unwrap() {
        sizes.extend(response.items.iter().map(|item| item.data.len()));
    }
    assert!(sizes.len() == 64, "{sizes:?}");
}

#[tokio::test]
async fn abandoned_batch_writes_keep_their_permits_until_their_uploads_end() {
    let server = Server::with_faults().await;
    let slow = server.arm_many(On::upload(), Fault::Delay(Duration::from_secs(8)), 256);
    let clients = clients(&server).await;
    let mut calls = Vec::new();
    for n in 0..256 {
        let mut client = clients[n % 3].clone();
        let item =
            BatchWriteItem { path: format!("abandoned/{n}"), data: Bytes::from_static(b"x"), ..Default::default() };
        let request = BatchWriteRequest {
            repository: server.repository.clone(),
            r#ref: "main".into(),
            items: vec![item],
            ..Default::default()
        };
        calls.push(tokio::spawn(async move { client.batch_write(request).await }));
    }
    assert!(eventually(async || slow.count() == 256).await, "{} uploads", slow.count());
    for call in &calls {
        call.abort();
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let refusal = server.write(vec![server.header("main", "a", "1")]).await;
    assert_eq!(why(refusal), refused(Code::ResourceExhausted, "OVERLOADED"));
    assert!(eventually(async || server.write(vec![server.header("main", "a", "1")]).await.is_ok()).await);
    assert!(eventually(async || server.get("main", "abandoned/0").await.is_ok()).await, "the upload was not completed");
}

/// The head of a branch may have a large commit: its metadata is not needed to tell a missing object from a missing ref.
#[tokio::test]
async fn a_missing_object_does_not_fetch_a_commit() {
    let server = Server::with_faults().await;
    let commit = On::new(Method::GET, "").containing("/commits/");
    let fetched = server.arm_many(commit, Fault::Fail(http::StatusCode::INTERNAL_SERVER_ERROR, "no"), 100);
    assert_eq!(why(server.get("main", "a").await), refused(Code::NotFound, "OBJECT_NOT_FOUND"));
    assert_eq!(why(server.get("nope", "a").await), refused(Code::NotFound, "REF_NOT_FOUND"));
    let nowhere = server.write(vec![server.header("nope", "b", "1")]).await;
    assert_eq!(why(nowhere), refused(Code::NotFound, "REF_NOT_FOUND"));
    assert_eq!(fetched.count(), 0);
}
