//! A client that retries its requests until it receives a definite response.

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

/// Timeout of one call.
const CALL: Duration = Duration::from_secs(10);
/// Time for which a call is retried. Longer than any fence and any outage of a server in these tests.
const RETRY_TIMEOUT: Duration = Duration::from_secs(90);
/// Idle timeout of transactions.
const IDLE: prost_types::Duration = prost_types::Duration { seconds: 20, nanos: 0 };
/// Pause before a retry.
const PAUSE: Duration = Duration::from_millis(30);

/// Client of all services. It sends each request to a random replica.
#[derive(Clone)]
pub(crate) struct Client {
    channels: Vec<Channel>,
    /// Value of the `authorization` header.
    authorization: Option<MetadataValue<Ascii>>,
    retry_timeout: Duration,
    /// Whether to wait for the delay in RetryInfo before a retry.
    obeys_retry_info: bool,
}

/// The client received no definite response within the retry timeout.
#[derive(Debug)]
pub(crate) struct GaveUp;

/// A definite error, with its reason and message.
#[derive(Debug)]
pub(crate) struct Rejected {
    pub(crate) reason: String,
    pub(crate) message: String,
}

pub(crate) type CallResult<T> = Result<Result<T, Rejected>, GaveUp>;

impl Client {
    pub(crate) fn new(replicas: &[SocketAddr]) -> Self {
        let channel = |address: &SocketAddr| {
            let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
            endpoint.connect_timeout(Duration::from_secs(2)).connect_lazy()
        };
        let channels = replicas.iter().map(channel).collect();
        Self { channels, authorization: None, retry_timeout: RETRY_TIMEOUT, obeys_retry_info: false }
    }

    /// Makes the client retry like the clients of users: for up to `retry_timeout`, and after the delay in RetryInfo. Without this,
    /// it retries at once.
    pub(crate) fn with_retries_of_users(self, retry_timeout: Duration) -> Self {
        Self { retry_timeout, obeys_retry_info: true, ..self }
    }

    /// Adds the access key of a lake as credentials.
    pub(crate) fn with_credentials_of(self, lake: &Lake) -> Self {
        let pair = format!("{}:{}", lake.access_key_id, lake.secret_access_key);
        let basic = format!("Basic {}", BASE64_STANDARD.encode(pair));
        Self { authorization: Some(basic.parse().unwrap()), ..self }
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(CALL);
        if let Some(authorization) = &self.authorization {
            request.metadata_mut().insert("authorization", authorization.clone());
        }
        request
    }

    /// Calls random replicas until one returns a definite response.
    async fn retry<T, F>(&self, call: impl Fn(Channel) -> F) -> CallResult<T>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let began = Instant::now();
        while began.elapsed() < self.retry_timeout {
            let channel = &self.channels[rand::random_range(0..self.channels.len())];
            let status = match tokio::time::timeout(CALL * 2, call(channel.clone())).await {
                Ok(Ok(response)) => return Ok(Ok(response.into_inner())),
                Ok(Err(status)) => status,
                Err(_) => continue,
            };
            let reason = status.get_error_details().error_info().map(|info| info.reason.clone());
            match (status.code(), reason) {
                (Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::ResourceExhausted, _)
                | (Code::Unknown | Code::Internal, None) => tokio::time::sleep(self.pause(&status)).await,
                (Code::FailedPrecondition, Some(reason)) if reason == "TRANSACTION_COMMITTING" => {
                    tokio::time::sleep(self.pause(&status)).await;
                }
                (code, reason) => {
                    let reason = reason.unwrap_or_else(|| panic!("{code:?} without a reason: {}", status.message()));
                    return Ok(Err(Rejected { reason, message: status.message().to_owned() }));
                }
            }
        }
        Err(GaveUp)
    }

    /// Returns the pause before the retry of a call.
    fn pause(&self, status: &Status) -> Duration {
        let details = status.get_error_details();
        let advised = details.retry_info().filter(|_| self.obeys_retry_info).and_then(|info| info.retry_delay);
        advised.unwrap_or(PAUSE)
    }

    pub(crate) async fn begin(&self, request: &BeginTransactionRequest) -> CallResult<BeginTransactionResponse> {
        self.retry(|channel| {
            let request = self.request(request.clone());
            async move { TransactionServiceClient::new(channel).begin_transaction(request).await }
        })
        .await
    }

    pub(crate) async fn write(&self, id: &str, path: &str, text: &str) -> CallResult<WriteResponse> {
        let request = WriteRequest {
            transaction_id: id.into(),
            path: path.into(),
            data: Bytes::copy_from_slice(text.as_bytes()),
            finish_write: true,
            ..Default::default()
        };
        self.retry(|channel| {
            let request = self.request(tokio_stream::once(request.clone()));
            async move { FileServiceClient::new(channel).write(request).await }
        })
        .await
    }

    /// Copies an object within a transaction.
    pub(crate) async fn copy(&self, id: &str, source: &str, path: &str) -> CallResult<()> {
        let request = CopyRequest {
            transaction_id: id.into(),
            source_path: source.into(),
            path: path.into(),
            ..Default::default()
        };
        self.retry(|channel| {
            let request = self.request(request.clone());
            async move {
                let mut response = FileServiceClient::new(channel).copy(request).await?.into_inner();
                while let Some(message) = response.message().await? {
                    all_done(&message.failures)?;
                }
                Ok(Response::new(()))
            }
        })
        .await
    }

    /// Deletes an object in a transaction, if it exists.
    pub(crate) async fn delete(&self, id: &str, path: &str) -> CallResult<()> {
        let request =
            DeleteRequest { transaction_id: id.into(), path: path.into(), allow_missing: true, ..Default::default() };
        self.retry(|channel| {
            let request = self.request(request.clone());
            async move {
                let mut response = FileServiceClient::new(channel).delete(request).await?.into_inner();
                while let Some(message) = response.message().await? {
                    all_done(&message.failures)?;
                }
                Ok(Response::new(()))
            }
        })
        .await
    }

    /// Reads an object in a transaction as text.
    pub(crate) async fn read(&self, id: &str, path: &str) -> CallResult<String> {
        let request = ReadRequest { transaction_id: id.into(), path: path.into(), ..Default::default() };
        self.retry(|channel| {
            let request = self.request(request.clone());
            async move {
                let mut response = FileServiceClient::new(channel).read(request).await?.into_inner();
                let mut text = Vec::new();
                while let Some(message) = response.message().await? {
                    text.extend_from_slice(&message.data);
                }
                Ok(Response::new(String::from_utf8(text).unwrap()))
            }
        })
        .await
    }

    /// Reads once, without retries. Returns the received bytes and the final status.
    pub(crate) async fn read_once(&self, request: ReadRequest) -> (Vec<u8>, Result<(), Status>) {
        let mut bytes = Vec::new();
        let reading = async {
            let mut response =
                FileServiceClient::new(self.channels[0].clone()).read(self.request(request)).await?.into_inner();
            while let Some(message) = response.message().await? {
                bytes.extend_from_slice(&message.data);
            }
            Ok(())
        };
        let end = reading.await;
        (bytes, end)
    }

    /// Creates a commit inside a transaction. Does not retry, because a retry may find nothing to commit.
    pub(crate) async fn commit_inside(&self, id: &str) {
        let request = CreateCommitRequest { transaction_id: id.into(), message: "inside".into(), ..Default::default() };
        let channel = self.channels[0].clone();
        // The outcome does not matter: only the commit of the transaction publishes the writes.
        let _ = VersionServiceClient::new(channel).create_commit(self.request(request)).await;
    }

    pub(crate) async fn commit(&self, request: &CommitTransactionRequest) -> CallResult<CommitTransactionResponse> {
        self.retry(|channel| {
            let request = self.request(request.clone());
            async move { TransactionServiceClient::new(channel).commit_transaction(request).await }
        })
        .await
    }

    pub(crate) async fn rollback(&self, id: &str) -> CallResult<RollbackTransactionResponse> {
        let request = RollbackTransactionRequest { transaction_id: id.into() };
        self.retry(|channel| {
            let request = self.request(request.clone());
            async move { TransactionServiceClient::new(channel).rollback_transaction(request).await }
        })
        .await
    }

    /// Commits once at the first replica, without retries.
    pub(crate) async fn commit_once(
        &self,
        request: &CommitTransactionRequest,
    ) -> Result<CommitTransactionResponse, Status> {
        let mut client = TransactionServiceClient::new(self.channels[0].clone());
        let mut request = self.request(request.clone());
        // There is no retry, so the timeout allows for a busy machine.
        request.set_timeout(RETRY_TIMEOUT);
        client.commit_transaction(request).await.map(Response::into_inner)
    }

    /// Begins a transaction. Panics on failure.
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

    /// Writes an object. Panics on failure.
    pub(crate) async fn written(&self, id: &str, path: &str, text: &str) {
        self.write(id, path, text).await.unwrap().unwrap();
    }

    /// Commits a transaction and returns the commit ID. Panics on failure.
    pub(crate) async fn committed(&self, id: &str) -> String {
        let request = CommitTransactionRequest { transaction_id: id.into(), ..Default::default() };
        let done = self.commit(&request).await.unwrap().unwrap().transaction.unwrap();
        assert!(done.merged, "{id} published nothing");
        done.commit_id
    }

    /// Rolls a transaction back. Panics on failure.
    pub(crate) async fn rolled_back(&self, id: &str) {
        self.rollback(id).await.unwrap().unwrap();
    }

    /// Returns a transaction. Panics on failure.
    pub(crate) async fn transaction(&self, id: &str) -> Transaction {
        let request = GetTransactionRequest { transaction_id: id.into() };
        let mut client = TransactionServiceClient::new(self.channels[0].clone());
        client.get_transaction(request).await.unwrap().into_inner().transaction.unwrap()
    }

    /// Returns the branch of an open transaction.
    pub(crate) async fn live_branch(&self, id: &str) -> String {
        self.transaction(id).await.branch
    }

    /// Starts a write whose last message is sent by [`Writing::finish`].
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
        let response = tokio::spawn(async move { client.write(ReceiverStream::new(sent)).await.map(drop) });
        Writing { messages, response }
    }
}

/// Returns the first failed item as the status of the whole call.
fn all_done(failures: &[PathStatus]) -> Result<(), Status> {
    match failures.iter().find_map(|failure| failure.status.as_ref()) {
        None => Ok(()),
        Some(status) => Err(Status::with_details(status.code.into(), &status.message, status.encode_to_vec().into())),
    }
}

/// A write in flight.
pub(crate) struct Writing {
    messages: mpsc::Sender<WriteRequest>,
    response: JoinHandle<Result<(), Status>>,
}

impl Writing {
    /// Sends the last message. Returns the reason if the write fails.
    pub(crate) async fn finish(self) -> Result<(), String> {
        self.messages.send(WriteRequest { finish_write: true, ..Default::default() }).await.unwrap();
        drop(self.messages);
        let response = self.response.await.unwrap();
        response.map_err(|status| {
            status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default()
        })
    }
}
