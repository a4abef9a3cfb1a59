//! A client that asks until it has an answer.

use crate::lake::{BASE, Lake};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use lakeport_proto::v1::file_service_client::FileServiceClient;
use lakeport_proto::v1::transaction_service_client::TransactionServiceClient;
use lakeport_proto::v1::version_service_client::VersionServiceClient;
use lakeport_proto::v1::*;
use prost::Message;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status};
use tonic_types::StatusExt;

/// How long one call may take.
const CALL: Duration = Duration::from_secs(10);
/// How long it is asked again: longer than any fence, and any server is away.
const PATIENCE: Duration = Duration::from_secs(90);
/// Transactions in which nothing is called for so long have ended.
const IDLE: prost_types::Duration = prost_types::Duration { seconds: 20, nanos: 0 };
/// The pause before it asks again.
const PAUSE: Duration = Duration::from_millis(30);

/// Clients of all services, of one of several replicas at a time.
#[derive(Clone)]
pub(crate) struct Client {
    channels: Vec<Channel>,
    /// What it sends to say who it is.
    authorization: Option<MetadataValue<Ascii>>,
}

/// No answer came for so long that the client gave up.
#[derive(Debug)]
pub(crate) struct GaveUp;

/// A refusal: its reason and its message.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) reason: String,
    pub(crate) message: String,
}

pub(crate) type Answer<T> = Result<Result<T, Refused>, GaveUp>;

impl Client {
    pub(crate) fn new(replicas: &[SocketAddr]) -> Self {
        let channel = |address: &SocketAddr| {
            let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
            endpoint.connect_timeout(Duration::from_secs(2)).connect_lazy()
        };
        Self { channels: replicas.iter().map(channel).collect(), authorization: None }
    }

    /// The same, with the key pair of a lake.
    pub(crate) fn known_as(self, lake: &Lake) -> Self {
        let pair = format!("{}:{}", lake.access_key_id, lake.secret_access_key);
        let basic = format!("Basic {}", BASE64_STANDARD.encode(pair));
        Self { authorization: Some(basic.parse().unwrap()), ..self }
    }

    fn timed<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(CALL);
        if let Some(authorization) = &self.authorization {
            request.metadata_mut().insert("authorization", authorization.clone());
        }
        request
    }

    /// Asks one replica after the other, until one answers.
    async fn ask<T, F>(&self, call: impl Fn(Channel) -> F) -> Answer<T>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let channel = &self.channels[rand::random_range(0..self.channels.len())];
            let status = match tokio::time::timeout(CALL * 2, call(channel.clone())).await {
                Ok(Ok(answer)) => return Ok(Ok(answer.into_inner())),
                Ok(Err(status)) => status,
                Err(_) => continue,
            };
            let reason = status.get_error_details().error_info().map(|info| info.reason.clone());
            match (status.code(), reason) {
                (Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::ResourceExhausted, _)
                | (Code::Unknown | Code::Internal, None) => tokio::time::sleep(PAUSE).await,
                (Code::FailedPrecondition, Some(reason)) if reason == "TRANSACTION_COMMITTING" => {
                    tokio::time::sleep(PAUSE).await;
                }
                (code, reason) => {
                    let reason = reason.unwrap_or_else(|| panic!("{code:?} without a reason: {}", status.message()));
                    return Ok(Err(Refused { reason, message: status.message().to_owned() }));
                }
            }
        }
        Err(GaveUp)
    }

    pub(crate) async fn begin(&self, request: &BeginTransactionRequest) -> Answer<BeginTransactionResponse> {
        self.ask(|channel| {
            let request = self.timed(request.clone());
            async move { TransactionServiceClient::new(channel).begin_transaction(request).await }
        })
        .await
    }

    pub(crate) async fn write(&self, id: &str, path: &str, text: &str) -> Answer<WriteResponse> {
        let request = WriteRequest {
            transaction_id: id.into(),
            path: path.into(),
            data: Bytes::copy_from_slice(text.as_bytes()),
            finish_write: true,
            ..Default::default()
        };
        self.ask(|channel| {
            let request = self.timed(tokio_stream::once(request.clone()));
            async move { FileServiceClient::new(channel).write(request).await }
        })
        .await
    }

    /// Copies an object within a transaction.
    pub(crate) async fn copy(&self, id: &str, source: &str, path: &str) -> Answer<()> {
        let request = CopyRequest {
            transaction_id: id.into(),
            source_path: source.into(),
            path: path.into(),
            ..Default::default()
        };
        self.ask(|channel| {
            let request = self.timed(request.clone());
            async move {
                let mut answer = FileServiceClient::new(channel).copy(request).await?.into_inner();
                while let Some(message) = answer.message().await? {
                    all_done(&message.failures)?;
                }
                Ok(Response::new(()))
            }
        })
        .await
    }

    /// Deletes an object in a transaction, if it is there.
    pub(crate) async fn delete(&self, id: &str, path: &str) -> Answer<()> {
        let request =
            DeleteRequest { transaction_id: id.into(), path: path.into(), allow_missing: true, ..Default::default() };
        self.ask(|channel| {
            let request = self.timed(request.clone());
            async move {
                let mut answer = FileServiceClient::new(channel).delete(request).await?.into_inner();
                while let Some(message) = answer.message().await? {
                    all_done(&message.failures)?;
                }
                Ok(Response::new(()))
            }
        })
        .await
    }

    /// The text of an object in a transaction.
    pub(crate) async fn read(&self, id: &str, path: &str) -> Answer<String> {
        let request = ReadRequest { transaction_id: id.into(), path: path.into(), ..Default::default() };
        self.ask(|channel| {
            let request = self.timed(request.clone());
            async move {
                let mut answer = FileServiceClient::new(channel).read(request).await?.into_inner();
                let mut text = Vec::new();
                while let Some(message) = answer.message().await? {
                    text.extend_from_slice(&message.data);
                }
                Ok(Response::new(String::from_utf8(text).unwrap()))
            }
        })
        .await
    }

    /// Reads, once: what came, and how it ended.
    pub(crate) async fn read_once(&self, request: ReadRequest) -> (Vec<u8>, Result<(), Status>) {
        let mut bytes = Vec::new();
        let reading = async {
            let mut answer =
                FileServiceClient::new(self.channels[0].clone()).read(self.timed(request)).await?.into_inner();
            while let Some(message) = answer.message().await? {
                bytes.extend_from_slice(&message.data);
            }
            Ok(())
        };
        let end = reading.await;
        (bytes, end)
    }

    /// Commits inside a transaction. Once: a repetition may find nothing to commit.
    pub(crate) async fn commit_inside(&self, id: &str) {
        let request = CreateCommitRequest { transaction_id: id.into(), message: "inside".into(), ..Default::default() };
        let channel = self.channels[0].clone();
        // Whatever becomes of it: what was written is published by the transaction or not at all.
        let _ = VersionServiceClient::new(channel).create_commit(self.timed(request)).await;
    }

    pub(crate) async fn commit(&self, request: &CommitTransactionRequest) -> Answer<CommitTransactionResponse> {
        self.ask(|channel| {
            let request = self.timed(request.clone());
            async move { TransactionServiceClient::new(channel).commit_transaction(request).await }
        })
        .await
    }

    pub(crate) async fn rollback(&self, id: &str) -> Answer<RollbackTransactionResponse> {
        let request = RollbackTransactionRequest { transaction_id: id.into() };
        self.ask(|channel| {
            let request = self.timed(request.clone());
            async move { TransactionServiceClient::new(channel).rollback_transaction(request).await }
        })
        .await
    }

    /// Asks one replica, once.
    pub(crate) async fn commit_once(
        &self,
        request: &CommitTransactionRequest,
    ) -> Result<CommitTransactionResponse, Status> {
        let mut client = TransactionServiceClient::new(self.channels[0].clone());
        let mut request = self.timed(request.clone());
        // It is not asked again: a busy machine gets the time that it takes.
        request.set_timeout(PATIENCE);
        client.commit_transaction(request).await.map(Response::into_inner)
    }

    /// Begins a transaction.
    pub(crate) async fn begun(&self, lake: &Lake, id: &str) {
        let request = BeginTransactionRequest {
            repository: lake.repository.to_string(),
            base_branch: BASE.into(),
            transaction_id: id.into(),
            idle_timeout: Some(IDLE),
            ..Default::default()
        };
        self.begin(&request).await.unwrap().unwrap();
    }

    /// Writes an object.
    pub(crate) async fn written(&self, id: &str, path: &str, text: &str) {
        self.write(id, path, text).await.unwrap().unwrap();
    }

    /// Commits, and says as what.
    pub(crate) async fn committed(&self, id: &str) -> String {
        let request = CommitTransactionRequest { transaction_id: id.into(), ..Default::default() };
        let done = self.commit(&request).await.unwrap().unwrap().transaction.unwrap();
        assert!(done.merged, "{id} published nothing");
        done.commit_id
    }

    /// Rolls back.
    pub(crate) async fn rolled_back(&self, id: &str) {
        self.rollback(id).await.unwrap().unwrap();
    }

    /// The branch that a transaction works on.
    pub(crate) async fn live_branch(&self, id: &str) -> String {
        let request = GetTransactionRequest { transaction_id: id.into() };
        let mut client = TransactionServiceClient::new(self.channels[0].clone());
        client.get_transaction(request).await.unwrap().into_inner().transaction.unwrap().branch
    }

    /// Begins to write an object, and goes on when it is told to.
    pub(crate) async fn begin_write(&self, id: &str, path: &str, text: &str) -> Writing {
        let (messages, sent) = mpsc::channel(2);
        let begin = WriteRequest {
            transaction_id: id.into(),
            path: path.into(),
            data: Bytes::copy_from_slice(text.as_bytes()),
            ..Default::default()
        };
        messages.send(begin).await.unwrap();
        let mut client = FileServiceClient::new(self.channels[0].clone());
        let answer = tokio::spawn(async move { client.write(ReceiverStream::new(sent)).await.map(drop) });
        Writing { messages, answer }
    }
}

/// The first failure of many, as if it were that of the call.
fn all_done(failures: &[PathStatus]) -> Result<(), Status> {
    match failures.iter().find_map(|failure| failure.status.as_ref()) {
        None => Ok(()),
        Some(status) => Err(Status::with_details(status.code.into(), &status.message, status.encode_to_vec().into())),
    }
}

/// A write under way.
pub(crate) struct Writing {
    messages: mpsc::Sender<WriteRequest>,
    answer: JoinHandle<Result<(), Status>>,
}

impl Writing {
    /// Sends the end of it, and says why it was refused.
    pub(crate) async fn finish(self) -> Result<(), String> {
        self.messages.send(WriteRequest { finish_write: true, ..Default::default() }).await.unwrap();
        drop(self.messages);
        let answer = self.answer.await.unwrap();
        answer.map_err(|status| {
            status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default()
        })
    }
}
