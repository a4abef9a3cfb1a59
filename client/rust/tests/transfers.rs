//! Downloads resume after a lost connection, and failed uploads are never published.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use lakeport_client::v1::{FileInfo, ReadRequest, ReadResponse, WriteRequest, WriteResponse};
use lakeport_client::{Client, Code, Credentials, Download, Endpoint, Place, ReadOptions, WriteOptions};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncReadExt as _, ReadBuf};
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service, http};
use tonic::server::{Grpc, NamedService};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;
use tower::service_fn;

type PreparedResponse = Vec<Result<ReadResponse, Status>>;
type MessageStream = stream::Iter<std::vec::IntoIter<Result<ReadResponse, Status>>>;

/// Server that returns prepared responses to reads, and records the requests.
#[derive(Clone, Default)]
struct ScriptedServer(Arc<Mutex<Script>>);

#[derive(Default)]
struct Script {
    responses: VecDeque<PreparedResponse>,
    reads: Vec<ReadRequest>,
    written: Vec<WriteRequest>,
    authorization: Option<String>,
}

impl NamedService for ScriptedServer {
    const NAME: &'static str = "lakeport.v1.FileService";
}

impl Service<http::Request<Body>> for ScriptedServer {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let (server, other) = (self.clone(), self.clone());
        let read = service_fn(move |request| std::future::ready(server.read(request)));
        let write = service_fn(move |request| other.clone().write(request));
        Box::pin(async move {
            Ok(match request.uri().path() {
                "/lakeport.v1.FileService/Read" => {
                    Grpc::new(ProstCodec::default()).server_streaming(read, request).await
                }
                _ => Grpc::new(ProstCodec::default()).client_streaming(write, request).await,
            })
        })
    }
}

impl ScriptedServer {
    fn read(&self, request: Request<ReadRequest>) -> Result<Response<MessageStream>, Status> {
        let mut script = self.0.lock().unwrap();
        let authorization = request.metadata().get("authorization").map(|value| value.to_str().unwrap().to_owned());
        script.authorization = authorization;
        script.reads.push(request.into_inner());
        let response = script.responses.pop_front().ok_or_else(|| Status::unavailable("no response is prepared"))?;
        Ok(Response::new(stream::iter(response)))
    }

    async fn write(self, request: Request<Streaming<WriteRequest>>) -> Result<Response<WriteResponse>, Status> {
        let messages: Vec<_> = request.into_inner().try_collect().await?;
        let is_finished = messages.iter().any(|message| message.finish_write);
        self.0.lock().unwrap().written = messages;
        match is_finished {
            true => Ok(Response::new(WriteResponse { info: Some(object()) })),
            false => Err(Status::invalid_argument("the upload ended before finish_write")),
        }
    }

    async fn start(responses: impl IntoIterator<Item = PreparedResponse>) -> (Self, Client) {
        let server = Self::default();
        server.0.lock().unwrap().responses.extend(responses);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("grpc://{}", listener.local_addr().unwrap());
        let serving = Server::builder().add_service(server.clone()).serve_with_incoming(TcpIncoming::from(listener));
        tokio::spawn(serving);
        let endpoint = Endpoint::new(url).credentials(Credentials::bearer("token")).connections(2);
        (server, Client::connect(&endpoint).await.unwrap())
    }

    fn reads(&self) -> Vec<(i64, i64, String)> {
        let script = self.0.lock().unwrap();
        script.reads.iter().map(|read| (read.read_offset, read.read_limit, read.if_match.clone())).collect()
    }
}

fn object() -> FileInfo {
    FileInfo { path: "a".into(), size_bytes: 10, etag: "v1".into(), ..FileInfo::default() }
}

fn message(offset: i64, data: &'static [u8]) -> Result<ReadResponse, Status> {
    let info = (offset == 0).then(object);
    Ok(ReadResponse { info, offset, data: Bytes::from_static(data), ..ReadResponse::default() })
}

fn connection_lost() -> Result<ReadResponse, Status> {
    Err(Status::unavailable("error reading a body from connection"))
}

async fn download(client: &Client) -> Download {
    client.read(&Place::reference("lake", "main"), "a", ReadOptions::default()).await.unwrap()
}

async fn bytes(client: &Client) -> Result<Vec<u8>, lakeport_client::Error> {
    let chunks: Vec<Bytes> = download(client).await.into_stream().boxed().try_collect().await?;
    Ok(chunks.concat())
}

#[tokio::test]
async fn download_resumes_the_same_object_after_a_lost_connection() {
    let responses = [vec![message(0, b"0123"), connection_lost()], vec![message(4, b"456")], vec![message(7, b"789")]];
    let (server, client) = ScriptedServer::start(responses).await;
    assert_eq!(bytes(&client).await.unwrap(), b"0123456789");
    let resumed = |offset, limit| (offset, limit, "v1".to_owned());
    assert_eq!(server.reads(), [(0, 0, String::new()), resumed(4, 6), resumed(7, 3)]);
    assert_eq!(server.0.lock().unwrap().authorization.as_deref(), Some("Bearer token"));
}

#[tokio::test]
async fn download_fails_after_three_resumes_without_progress() {
    let (server, client) = ScriptedServer::start([vec![message(0, b"0123"), connection_lost()]]).await;
    assert_eq!(bytes(&client).await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(server.reads().len(), 4, "one read and three resumes");
}

#[tokio::test]
async fn download_of_a_changed_object_fails() {
    let changed = Err(Status::aborted("the object was changed"));
    let (server, client) = ScriptedServer::start([vec![message(0, b"0123"), connection_lost()], vec![changed]]).await;
    assert_eq!(bytes(&client).await.unwrap_err().code(), Code::Aborted);
    assert_eq!(server.reads().len(), 2);
}

#[tokio::test]
async fn skipped_or_corrupt_bytes_are_detected() {
    let (_, client) = ScriptedServer::start([vec![message(0, b"0123"), message(5, b"56789")]]).await;
    assert_eq!(bytes(&client).await.unwrap_err().to_string(), "the server skipped bytes of the object");
    let mut wrong = message(4, b"456789").unwrap();
    wrong.crc32c = Some(1);
    let (_, client) = ScriptedServer::start([vec![message(0, b"0123"), Ok(wrong)]]).await;
    assert_eq!(bytes(&client).await.unwrap_err().code(), Code::DataLoss);
}

#[tokio::test]
async fn last_message_of_an_upload_sets_finish_write() {
    let (server, client) = ScriptedServer::start([]).await;
    let options = WriteOptions { size_bytes: Some(10), create_only: true, ..WriteOptions::default() };
    let place = Place::transaction_in("lake", "tx");
    assert_eq!(client.write(&place, "a", &b"0123456789"[..], options).await.unwrap(), object());
    let written = std::mem::take(&mut server.0.lock().unwrap().written);
    let [message] = written.as_slice() else { panic!("expected one message") };
    assert_eq!((message.repository.as_str(), message.transaction_id.as_str()), ("lake", "tx"));
    assert_eq!((message.if_none_match.as_str(), message.size_bytes), ("*", Some(10)));
    assert!(message.finish_write && message.data == b"0123456789"[..]);
}

#[tokio::test]
async fn upload_with_a_failed_reader_is_not_published() {
    let (server, client) = ScriptedServer::start([]).await;
    let reader = io::Cursor::new(vec![7; 3 << 20]).chain(BrokenReader);
    let written = client.write(&Place::reference("lake", "main"), "a", reader, WriteOptions::default()).await;
    assert!(written.unwrap_err().to_string().contains("the disk is gone"));
    let script = server.0.lock().unwrap();
    assert!(script.written.len() == 3 && script.written.iter().all(|message| !message.finish_write));
}

/// Reader that always fails.
struct BrokenReader;

impl AsyncRead for BrokenReader {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::Error::other("the disk is gone")))
    }
}

/// HTTP/2 libraries close a connection on which too many frames arrive for streams that they have forgotten.
#[tokio::test(flavor = "multi_thread")]
async fn many_abandoned_downloads_leave_the_connection_open() {
    let size = 64 << 20;
    let piece = vec![7; 16 << 10];
    let info = FileInfo { size_bytes: size, ..object() };
    let response: PreparedResponse = (0..size / piece.len() as i64)
        .map(|n| {
            let (info, offset) = ((n == 0).then(|| info.clone()), n * piece.len() as i64);
            Ok(ReadResponse { info, offset, data: Bytes::from(piece.clone()), ..ReadResponse::default() })
        })
        .collect();
    let (server, client) = ScriptedServer::start([]).await;
    let reader = async |_| {
        for _ in 0..250 {
            server.0.lock().unwrap().responses.push_back(response.clone());
            client.read(&Place::reference("lake", "main"), "a", ReadOptions::default()).await.unwrap();
        }
    };
    futures_util::future::join_all((0..8).map(reader)).await;
}
