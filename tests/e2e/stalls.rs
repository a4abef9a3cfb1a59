//! Streams that pause. A stream may pause for as long as no other call needs its permit.

use crate::fixture::{Server, refused, why};
use bytes::Bytes;
use lakeport_proto::v1::file_service_client::FileServiceClient;
use lakeport_proto::v1::*;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

/// Permits of one kind of stream, as `server/src/edge/admission.rs` has them.
const PERMITS: usize = 256;
/// A little longer than a stream may stand still once its permit is needed.
const STALL: Duration = Duration::from_secs(32);

/// What a client receives of a stream before it reads it.
const WINDOW: u32 = 64 << 10;

/// Clients of three connections: one connection has at most 128 streams.
async fn clients(server: &Server) -> Vec<FileServiceClient<Channel>> {
    let mut clients = Vec::new();
    for _ in 0..3 {
        // The connection has room for the window of each stream. Otherwise its stalled streams would block its other streams.
        let endpoint = Endpoint::from_shared(format!("http://{}", server.address())).unwrap();
        let endpoint = endpoint.initial_connection_window_size(64 << 20).initial_stream_window_size(WINDOW);
        let channel = endpoint.connect().await.unwrap();
        clients.push(FileServiceClient::new(channel));
    }
    clients
}

struct Upload {
    messages: mpsc::Sender<WriteRequest>,
    result: tokio::task::JoinHandle<Result<FileInfo, Status>>,
}

impl Upload {
    /// Starts an upload and sends its first half.
    async fn start(mut client: FileServiceClient<Channel>, first: WriteRequest) -> Self {
        let (messages, receiver) = mpsc::channel(4);
        messages.send(WriteRequest { finish_write: false, ..first }).await.unwrap();
        let result = tokio::spawn(async move {
            let response = client.write(ReceiverStream::new(receiver)).await?;
            Ok(response.into_inner().info.unwrap())
        });
        Self { messages, result }
    }

    async fn finish(self) -> Result<FileInfo, Status> {
        let last = WriteRequest { data: Bytes::from_static(b"b"), finish_write: true, ..Default::default() };
        // Fails if the server has ended the upload.
        let _ = self.messages.send(last).await;
        self.result.await.unwrap()
    }
}

#[tokio::test]
async fn a_paused_upload_is_ended_only_for_another_one() {
    let server = Server::start().await;
    let clients = clients(&server).await;
    let mut uploads = Vec::new();
    for n in 0..PERMITS {
        let first = server.header("main", &format!("u/{n}"), "a");
        uploads.push(Upload::start(clients[n % 3].clone(), first).await);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let early = server.write(vec![server.header("main", "early", "x")]).await;
    assert_eq!(why(early), refused(Code::ResourceExhausted, "OVERLOADED"), "a stream of two seconds was ended");
    tokio::time::sleep(STALL).await;
    server.put("late", "x").await;
    let (mut stored, mut stalled) = (0, 0);
    for upload in uploads {
        match upload.finish().await {
            Ok(info) => {
                assert_eq!(info.size_bytes, 2);
                stored += 1;
            }
            Err(error) => {
                assert_eq!(why::<()>(Err(error)), refused(Code::Unavailable, "WRITER_STALLED"));
                stalled += 1;
            }
        }
    }
    assert_eq!((stored, stalled), (PERMITS - 1, 1));
}

#[tokio::test]
async fn a_paused_download_is_ended_only_for_another_one() {
    let server = Server::start().await;
    // More than the window of the client and the send buffer of the server.
    let large = "x".repeat(1 << 20);
    server.put("large", &large).await;
    let clients = clients(&server).await;
    let mut downloads = Vec::new();
    for n in 0..PERMITS {
        let mut client = clients[n % 3].clone();
        let mut messages = client.read(server.read_request("main", "large")).await.unwrap().into_inner();
        let first = messages.message().await.unwrap().unwrap();
        downloads.push((messages, first.data.len()));
    }
    tokio::time::sleep(STALL).await;
    assert_eq!(server.get("main", "large").await.unwrap().len(), large.len());
    let (mut whole, mut stalled) = (0, 0);
    for (mut messages, mut length) in downloads {
        let end = loop {
            match messages.message().await {
                Ok(Some(message)) => length += message.data.len(),
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        match end {
            Ok(()) => {
                assert_eq!(length, large.len());
                whole += 1;
            }
            Err(error) => {
                assert_eq!(why::<()>(Err(error)), refused(Code::Unavailable, "READER_STALLED"));
                stalled += 1;
            }
        }
    }
    assert_eq!((whole, stalled), (PERMITS - 1, 1));
}
