//! A server with a repository for each test, and helpers for common operations.

use bytes::Bytes;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use lakeport_embedded::{Fault, Faults, Fired, On};
use lakeport_proto::v1::file_service_client::FileServiceClient;
use lakeport_proto::v1::transaction_service_client::TransactionServiceClient;
use lakeport_proto::v1::version_service_client::VersionServiceClient;
use lakeport_proto::v1::*;
use lakeport_server::app::{App, Serving};
use lakeport_server::config::{Auth, Config, Lake as LakeConfig, Secret};
use lakeport_server::listen::Address;
use lakeport_server::timing::Timing;
use lakeport_tests::lakefs;
use lakeport_tests::server::{config, real_lakefs};
use metrics_exporter_prometheus::PrometheusBuilder;
use std::path::PathBuf;
use std::time::Duration;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status, Streaming};
use tonic_types::StatusExt;

/// Returns the only message of a write in a transaction.
fn whole_write(id: &str, path: &str, text: &str) -> WriteRequest {
    WriteRequest {
        transaction_id: id.into(),
        path: path.into(),
        data: Bytes::copy_from_slice(text.as_bytes()),
        finish_write: true,
        ..Default::default()
    }
}

/// Returns a request whose deadline passes on the server before an abandoned request ends.
pub(crate) fn soon<T>(message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.metadata_mut().insert("grpc-timeout", "400m".parse().unwrap());
    request
}

/// Time after which the servers of these tests assume that a lost request can no longer take effect. Long enough for a few
/// calls on a busy machine.
pub(crate) const SETTLE: Duration = Duration::from_millis(1500);

/// HTTP/2 transport that does not enforce deadlines on the client side.
pub(crate) type NoDeadline = hyper_util::client::legacy::Client<HttpConnector, tonic::body::Body>;

pub(crate) fn no_deadline() -> NoDeadline {
    hyper_util::client::legacy::Client::builder(TokioExecutor::new()).http2_only(true).build_http()
}

/// A running server with a repository.
pub(crate) struct Server {
    pub(crate) repository: String,
    pub(crate) files: FileServiceClient<Channel>,
    pub(crate) transactions: TransactionServiceClient<Channel>,
    pub(crate) versions: VersionServiceClient<Channel>,
    pub(crate) channel: Channel,
    serving: Option<Serving>,
    faults: Faults,
    dir: tempfile::TempDir,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let (lake, auth) = real_lakefs().unwrap_or((LakeConfig::Embedded { listen: None }, Auth::Passthrough));
        Self::start_with(lake, auth).await
    }

    /// Starts a server with an embedded lake in which faults can be armed.
    pub(crate) async fn with_faults() -> Self {
        Self::start_with(LakeConfig::Embedded { listen: None }, Auth::Passthrough).await
    }

    /// Starts a server with faults that assumes only after `settle` that a lost request can no longer take effect.
    pub(crate) async fn with_settle_time(settle: Duration) -> Self {
        let lake = LakeConfig::Embedded { listen: None };
        let mut server = Self::timed(lake, Auth::Passthrough, settle).await;
        server.repository = server.another_repository().await;
        server
    }

    async fn start_with(lake: LakeConfig, auth: Auth) -> Self {
        let mut server = Self::without_repository(lake, auth).await;
        server.repository = server.another_repository().await;
        server
    }

    pub(crate) async fn without_repository(lake: LakeConfig, auth: Auth) -> Self {
        Self::timed(lake, auth, SETTLE).await
    }

    /// Starts a server with an embedded lake and the session store in a PostgreSQL database.
    pub(crate) async fn on_postgres(url: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = Config { session_store: Some(Secret::new(url.to_owned())), ..config(dir.path().to_owned()) };
        let mut server = Self::configured(config, dir, SETTLE).await;
        server.repository = server.another_repository().await;
        server
    }

    async fn timed(lake: LakeConfig, auth: Auth, settle: Duration) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let web_origins = vec!["https://app.example.com".parse().unwrap()];
        let config = Config { lake, auth, web_origins, ..config(dir.path().to_owned()) };
        Self::configured(config, dir, settle).await
    }

    async fn configured(config: Config, dir: tempfile::TempDir, settle: Duration) -> Self {
        let faults = Faults::default();
        let metrics = PrometheusBuilder::new().build_recorder().handle();
        let app = App::with_faults(config, metrics, faults.clone()).await.unwrap();
        let app = app.timed(Timing { settle, ..Timing::default() });
        let serving = app.serve().await.unwrap();
        let endpoint = Endpoint::from_shared(format!("http://{}", serving.address)).unwrap();
        let channel = endpoint.connect().await.unwrap();
        Self {
            repository: String::new(),
            files: FileServiceClient::new(channel.clone()),
            transactions: TransactionServiceClient::new(channel.clone()),
            versions: VersionServiceClient::new(channel.clone()),
            channel,
            serving: Some(serving),
            faults,
            dir,
        }
    }

    /// Creates a repository and returns its name.
    pub(crate) async fn another_repository(&self) -> String {
        self.repository_with(CreateRepositoryRequest::default()).await
    }

    /// Creates a repository with the settings of the request and returns its name.
    pub(crate) async fn repository_with(&self, request: CreateRepositoryRequest) -> String {
        let name = format!("e2e-{:016x}", rand::random::<u64>());
        let namespace = lakefs::named().map(|named| named.storage_namespace);
        let storage_namespace = namespace.map(|n| format!("{n}/{name}")).unwrap_or_default();
        let request = CreateRepositoryRequest { repository: name.clone(), storage_namespace, ..request };
        self.versions.clone().create_repository(request).await.unwrap();
        name
    }

    /// Returns a client with a new connection.
    pub(crate) async fn another_connection(&self) -> FileServiceClient<Channel> {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address())).unwrap();
        FileServiceClient::new(endpoint.connect().await.unwrap())
    }

    pub(crate) fn address(&self) -> std::net::SocketAddr {
        let Address::Tcp(address) = self.serving.as_ref().unwrap().address else { panic!("no address") };
        address
    }

    pub(crate) fn admin_address(&self) -> std::net::SocketAddr {
        self.serving.as_ref().unwrap().admin_address.unwrap()
    }

    /// Returns the file in which the embedded lake stores the bytes of an object of `main`.
    pub(crate) async fn blob_file(&self, path: &str) -> PathBuf {
        let (repository, path) = (self.repository.as_str().try_into().unwrap(), path.try_into().unwrap());
        let stats = self.ops().service.stat(&repository, &"main".try_into().unwrap(), &path).await.unwrap();
        let id = stats.physical_address.rsplit('/').next().unwrap().to_owned();
        self.lake_dir().join("blobs").join(&id[..2]).join(id)
    }

    /// Returns the directory of the embedded lake.
    pub(crate) fn lake_dir(&self) -> PathBuf {
        self.dir.path().join("lake")
    }

    pub(crate) fn ops(&self) -> &lakeport_server::ops::context::Shared {
        self.serving.as_ref().unwrap().ops()
    }

    /// Returns a client that leaves deadlines to the server. tonic's own channel would end the call itself.
    pub(crate) fn files_without_deadline(&self) -> FileServiceClient<NoDeadline> {
        FileServiceClient::with_origin(no_deadline(), self.origin())
    }

    /// Like [`files_without_deadline`](Self::files_without_deadline), for transactions.
    pub(crate) fn transactions_without_deadline(&self) -> TransactionServiceClient<NoDeadline> {
        TransactionServiceClient::with_origin(no_deadline(), self.origin())
    }

    pub(crate) fn origin(&self) -> http::Uri {
        format!("http://{}", self.address()).parse().unwrap()
    }

    /// Waits until the server has had no calls for `span` and no transaction is open.
    pub(crate) async fn wait_until_idle(&self, span: Duration) {
        self.serving.as_ref().unwrap().idle(span).await;
    }

    /// Shuts down the server as SIGTERM does, with a limit of 10 s.
    pub(crate) async fn stop(&mut self) {
        self.stop_within(Duration::from_secs(10)).await;
    }

    /// Shuts down the server as SIGTERM does, with the given limit.
    pub(crate) async fn stop_within(&mut self, limit: Duration) {
        self.serving.take().unwrap().drain(limit).await;
    }

    /// Arms a fault of the lake for the nth matching request from now on.
    pub(crate) fn arm(&self, on: On, fault: Fault, nth: usize) -> Fired {
        self.faults.arm(on, fault, nth, 1)
    }

    /// Arms a fault of the lake for the next `times` matching requests.
    pub(crate) fn arm_many(&self, on: On, fault: Fault, times: usize) -> Fired {
        self.faults.arm(on, fault, 1, times)
    }

    /// Arms a fault for `times` requests, starting with the `nth` one from now.
    pub(crate) fn arm_from(&self, on: On, fault: Fault, nth: usize, times: usize) -> Fired {
        self.faults.arm(on, fault, nth, times)
    }

    pub(crate) async fn put(&self, path: &str, text: &str) -> FileInfo {
        self.put_at("main", path, text).await
    }

    pub(crate) async fn put_at(&self, branch: &str, path: &str, text: &str) -> FileInfo {
        self.write(vec![self.header(branch, path, text)]).await.unwrap()
    }

    /// Returns a message that writes a whole small object.
    pub(crate) fn header(&self, branch: &str, path: &str, text: &str) -> WriteRequest {
        WriteRequest {
            repository: self.repository.clone(),
            r#ref: branch.into(),
            path: path.into(),
            data: Bytes::copy_from_slice(text.as_bytes()),
            finish_write: true,
            ..Default::default()
        }
    }

    /// Writes many objects. The content of each object is its path, a space, and the ref and transaction ID of the request.
    pub(crate) async fn put_many(&self, repository: &str, at: &str, transaction_id: &str, paths: &[String]) {
        let item = |path: &String| BatchWriteItem {
            path: path.clone(),
            data: Bytes::from(format!("{path} {at}{transaction_id}")),
            ..Default::default()
        };
        let request = BatchWriteRequest {
            repository: repository.into(),
            r#ref: at.into(),
            transaction_id: transaction_id.into(),
            items: paths.iter().map(item).collect(),
        };
        let results = self.files.clone().batch_write(request).await.unwrap().into_inner().results;
        assert!(results.iter().all(|result| result.status.as_ref().is_some_and(|status| status.code == 0)));
    }

    pub(crate) async fn write(&self, messages: Vec<WriteRequest>) -> Result<FileInfo, Status> {
        let response = self.files.clone().write(tokio_stream::iter(messages)).await?;
        Ok(response.into_inner().info.unwrap())
    }

    pub(crate) fn read_request(&self, at: &str, path: &str) -> ReadRequest {
        ReadRequest { repository: self.repository.clone(), r#ref: at.into(), path: path.into(), ..Default::default() }
    }

    pub(crate) async fn read(&self, request: ReadRequest) -> Result<Vec<ReadResponse>, Status> {
        all(self.files.clone().read(request).await?.into_inner()).await
    }

    /// Reads an object as text.
    pub(crate) async fn get(&self, at: &str, path: &str) -> Result<String, Status> {
        let messages = self.read(self.read_request(at, path)).await?;
        Ok(text(&messages))
    }

    pub(crate) async fn commit(&self, message: &str) -> Commit {
        self.commit_at("main", message).await
    }

    pub(crate) async fn commit_at(&self, branch: &str, message: &str) -> Commit {
        let request = CreateCommitRequest {
            repository: self.repository.clone(),
            r#ref: branch.into(),
            message: message.into(),
            ..Default::default()
        };
        self.versions.clone().create_commit(request).await.unwrap().into_inner().commit.unwrap()
    }

    pub(crate) async fn branch(&self, name: &str, source: &str) -> Branch {
        let request = CreateBranchRequest {
            repository: self.repository.clone(),
            r#ref: source.into(),
            branch: name.into(),
            ..Default::default()
        };
        self.versions.clone().create_branch(request).await.unwrap().into_inner().branch.unwrap()
    }

    pub(crate) async fn head(&self, branch: &str) -> String {
        let request = GetBranchRequest { repository: self.repository.clone(), branch: branch.into() };
        self.versions.clone().get_branch(request).await.unwrap().into_inner().branch.unwrap().commit_id
    }

    pub(crate) async fn log(&self, at: &str) -> Vec<Commit> {
        let request = LogRequest { repository: self.repository.clone(), r#ref: at.into(), ..Default::default() };
        let pages = all(self.versions.clone().log(request).await.unwrap().into_inner()).await.unwrap();
        pages.into_iter().flat_map(|page| page.commits).collect()
    }

    /// Returns the number of commits on `main` that are marked as merges of a transaction.
    pub(crate) async fn merges_of(&self, id: &str) -> usize {
        let marked = |commit: &&Commit| {
            let mark = commit.metadata.get("lakeport.transaction_id");
            mark.is_some_and(|mark| mark.starts_with(&format!("{id}/")))
                && !commit.metadata.contains_key("lakeport.epoch")
        };
        self.log("main").await.iter().filter(marked).count()
    }

    pub(crate) async fn begin(&self, id: &str) -> Transaction {
        self.try_begin(self.begin_request(id)).await.unwrap()
    }

    pub(crate) fn begin_request(&self, id: &str) -> BeginTransactionRequest {
        BeginTransactionRequest {
            repository: self.repository.clone(),
            base_branch: "main".into(),
            transaction_id: id.into(),
            ..Default::default()
        }
    }

    pub(crate) async fn try_begin(&self, request: BeginTransactionRequest) -> Result<Transaction, Status> {
        let response = self.transactions.clone().begin_transaction(request).await?;
        Ok(response.into_inner().transaction.unwrap())
    }

    pub(crate) async fn put_in(&self, id: &str, path: &str, text: &str) -> Result<FileInfo, Status> {
        self.write(vec![whole_write(id, path, text)]).await
    }

    /// Writes like [`put_in`](Self::put_in), with a deadline too short to wait for an abandoned request.
    pub(crate) async fn put_now(&self, id: &str, path: &str, text: &str) -> Result<FileInfo, Status> {
        let request = soon(tokio_stream::iter([whole_write(id, path, text)]));
        Ok(self.files_without_deadline().write(request).await?.into_inner().info.unwrap())
    }

    /// Commits with a deadline too short to wait for an abandoned request.
    pub(crate) async fn publish_now(&self, id: &str) -> Result<Transaction, Status> {
        let request = soon(CommitTransactionRequest { transaction_id: id.into(), ..Default::default() });
        let response = self.transactions_without_deadline().commit_transaction(request).await?;
        Ok(response.into_inner().transaction.unwrap())
    }

    pub(crate) async fn get_in(&self, id: &str, path: &str) -> Result<String, Status> {
        let request = ReadRequest { transaction_id: id.into(), path: path.into(), ..Default::default() };
        Ok(text(&self.read(request).await?))
    }

    pub(crate) async fn publish(&self, id: &str) -> Result<Transaction, Status> {
        self.publish_with(CommitTransactionRequest { transaction_id: id.into(), ..Default::default() }).await
    }

    pub(crate) async fn publish_with(&self, request: CommitTransactionRequest) -> Result<Transaction, Status> {
        let response = self.transactions.clone().commit_transaction(request).await?;
        Ok(response.into_inner().transaction.unwrap())
    }

    pub(crate) async fn rollback(&self, id: &str) -> Result<Transaction, Status> {
        let request = RollbackTransactionRequest { transaction_id: id.into() };
        Ok(self.transactions.clone().rollback_transaction(request).await?.into_inner().transaction.unwrap())
    }

    pub(crate) async fn transaction(&self, id: &str) -> Result<Transaction, Status> {
        let request = GetTransactionRequest { transaction_id: id.into() };
        Ok(self.transactions.clone().get_transaction(request).await?.into_inner().transaction.unwrap())
    }

    /// Returns whether all transaction branches are deleted within seconds. The response that ends a transaction does not
    /// wait for the deletion.
    pub(crate) async fn is_clean(&self) -> bool {
        eventually(async || self.transaction_branches().await.is_empty()).await
    }

    /// Returns the transaction branches that exist.
    pub(crate) async fn transaction_branches(&self) -> Vec<String> {
        let repository = lakeport_types::RepositoryId::try_from(self.repository.as_str()).unwrap();
        let prefix = lakeport_types::TRANSACTION_BRANCH_PREFIX;
        let page = self.ops().service.branches(&repository, prefix, "", 1000, true).await.unwrap();
        page.results.into_iter().map(|branch| branch.id).collect()
    }
}

/// Returns whether a condition becomes true within about 10 s.
pub(crate) async fn eventually(mut condition: impl AsyncFnMut() -> bool) -> bool {
    for _ in 0..100 {
        if condition().await {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    false
}

/// Collects all messages of a response stream.
pub(crate) async fn all<T>(mut stream: Streaming<T>) -> Result<Vec<T>, Status> {
    let mut messages = Vec::new();
    while let Some(message) = stream.message().await? {
        messages.push(message);
    }
    Ok(messages)
}

pub(crate) fn text(messages: &[ReadResponse]) -> String {
    messages.iter().map(|message| String::from_utf8_lossy(&message.data).into_owned()).collect()
}

/// Returns the code and the reason of an error.
pub(crate) fn why<T: std::fmt::Debug>(response: Result<T, Status>) -> (Code, String) {
    let status = response.expect_err("the call must fail");
    let reason = status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default();
    (status.code(), reason)
}

pub(crate) fn refused(code: Code, reason: &str) -> (Code, String) {
    (code, reason.to_owned())
}
