//! Connections to a server.

use crate::v1::file_service_client::FileServiceClient;
use crate::v1::transaction_service_client::TransactionServiceClient;
use crate::v1::version_service_client::VersionServiceClient;
use crate::v1::{GetServerInfoRequest, GetServerInfoResponse};
use crate::{Endpoint, Error, Result};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

/// Maximum size of a received message. The server sends at most 4 MiB by default; twice that also accepts a server with a
/// higher configured limit.
const MAX_MESSAGE_BYTES: usize = 8 << 20;

/// A connection that sends credentials.
pub(crate) type Transport = InterceptedService<Channel, Authorize>;

/// Connections to a server. Cheap to clone. A lost connection is re-established automatically.
#[derive(Clone)]
pub struct Client {
    channels: Arc<[Channel]>,
    authorize: Authorize,
    next_bulk: Arc<AtomicUsize>,
}

/// Adds the `authorization` header to every call.
#[derive(Clone)]
pub(crate) struct Authorize(Option<MetadataValue<Ascii>>);

impl Interceptor for Authorize {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

impl Authorize {
    fn new(authorization: Option<&str>) -> Result<Self> {
        let Some(authorization) = authorization else { return Ok(Self(None)) };
        let mut value: MetadataValue<Ascii> = authorization.parse().map_err(|_| {
            Error::new(Code::InvalidArgument, "the credentials contain characters that are not allowed in a header")
        })?;
        value.set_sensitive(true);
        Ok(Self(Some(value)))
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
        let authorize = Authorize::new(endpoint.authorization())?;
        let channels = endpoint.channels().await?.into();
        Ok(Self { channels, authorize, next_bulk: Arc::default() })
    }

    /// Returns the versions, limits and features of the server and of its lakeFS.
    ///
    /// # Errors
    /// Only errors that any call can return, such as `Unavailable` or `Unauthenticated`.
    pub async fn server_info(&self) -> Result<GetServerInfoResponse> {
        Ok(self.files().get_server_info(GetServerInfoRequest {}).await?.into_inner())
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

    /// `index` must be less than the number of channels, which is at least 1.
    fn transport(&self, index: usize) -> Transport {
        InterceptedService::new(self.channels[index].clone(), self.authorize.clone())
    }
}
