//! Connections to a server.

use crate::retry::{Budget, Repeat, call};
use crate::v1::file_service_client::FileServiceClient;
use crate::v1::transaction_service_client::TransactionServiceClient;
use crate::v1::version_service_client::VersionServiceClient;
use crate::v1::{GetServerInfoRequest, GetServerInfoResponse};
use crate::{Endpoint, Error, Result};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, GrpcMethod, Request, Status};

/// Maximum size of a received message. The server sends at most 4 MiB by default; twice that also accepts a server with a
/// higher configured limit.
const MAX_MESSAGE_BYTES: usize = 8 << 20;

/// A connection that adds the headers of each call.
pub(crate) type Transport = InterceptedService<Channel, CallHeaders>;

/// Connections to a server. Cheap to clone. A lost connection is re-established automatically.
#[derive(Clone)]
pub struct Client {
    channels: Arc<[Channel]>,
    headers: CallHeaders,
    next_bulk: Arc<AtomicUsize>,
    budget: Arc<Budget>,
}

/// Methods with a stream of messages. The timeout does not limit the whole call, but the time without progress.
const STREAMING: &[&str] = &[
    "Read",
    "Write",
    "List",
    "Delete",
    "Copy",
    "Move",
    "Compose",
    "BatchStat",
    "BatchRead",
    "ListTransactionChanges",
    "WatchTransaction",
    "Log",
    "Diff",
];

/// Adds the `authorization` header to every call, and the timeout to calls with a single response.
#[derive(Clone)]
pub(crate) struct CallHeaders {
    authorization: Option<MetadataValue<Ascii>>,
    timeout: Duration,
}

impl Interceptor for CallHeaders {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.authorization {
            request.metadata_mut().insert("authorization", value.clone());
        }
        let method = request.extensions().get::<GrpcMethod<'static>>();
        if method.is_some_and(|method| !STREAMING.contains(&method.method())) {
            request.set_timeout(self.timeout);
        }
        Ok(request)
    }
}

impl CallHeaders {
    fn new(endpoint: &Endpoint) -> Result<Self> {
        let timeout = endpoint.call_timeout();
        let Some(authorization) = endpoint.authorization() else { return Ok(Self { authorization: None, timeout }) };
        let mut value: MetadataValue<Ascii> = authorization.parse().map_err(|_| {
            Error::new(Code::InvalidArgument, "the credentials contain characters that are not allowed in a header")
        })?;
        value.set_sensitive(true);
        Ok(Self { authorization: Some(value), timeout })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("connections", &self.channels.len()).finish_non_exhaustive()
    }
}

impl Client {
    /// Connects to a server.
    ///
    /// # Errors
    /// `InvalidArgument` if the URL or the credentials are invalid; `Unavailable` if the connection fails.
    pub async fn connect(endpoint: &Endpoint) -> Result<Self> {
        let headers = CallHeaders::new(endpoint)?;
        Ok(Self::with_channels(endpoint.connected_channels().await?, headers))
    }

    /// Creates a client that connects with its first call. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// `InvalidArgument` if the URL or the credentials are invalid.
    pub fn lazy(endpoint: &Endpoint) -> Result<Self> {
        Ok(Self::with_channels(endpoint.channels()?, CallHeaders::new(endpoint)?))
    }

    fn with_channels(channels: Vec<Channel>, headers: CallHeaders) -> Self {
        Self { channels: channels.into(), headers, next_bulk: Arc::default(), budget: Arc::default() }
    }

    /// Returns the versions, limits and features of the server and of its lakeFS.
    ///
    /// # Errors
    /// Only errors that any call can return, such as `Unavailable` or `Unauthenticated`.
    pub async fn server_info(&self) -> Result<GetServerInfoResponse> {
        self.unary(Repeat::Idempotent, call!(self, files.get_server_info(GetServerInfoRequest {}))).await
    }

    pub(crate) fn files(&self) -> FileServiceClient<Transport> {
        FileServiceClient::new(self.transport(0)).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }

    /// Returns a client for reads and writes of objects. Each call uses the next connection, round robin.
    pub(crate) fn bulk(&self) -> FileServiceClient<Transport> {
        let index = self.next_bulk.fetch_add(1, Ordering::Relaxed) % self.channels.len().max(1);
        FileServiceClient::new(self.transport(index)).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }

    pub(crate) fn transactions(&self) -> TransactionServiceClient<Transport> {
        TransactionServiceClient::new(self.transport(0)).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }

    pub(crate) fn versions(&self) -> VersionServiceClient<Transport> {
        VersionServiceClient::new(self.transport(0)).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }

    pub(crate) fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    /// Returns the timeout of a call with a single response. For a stream, the time without progress by the server.
    pub(crate) fn timeout(&self) -> Duration {
        self.headers.timeout
    }

    /// `index` must be less than the number of channels, which is at least 1.
    fn transport(&self, index: usize) -> Transport {
        InterceptedService::new(self.channels[index].clone(), self.headers.clone())
    }
}
