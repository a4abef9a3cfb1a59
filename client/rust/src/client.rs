//! The connections to a server.

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

/// Messages of the server have 4 MiB at most; twice that leaves room for one that is configured to send more.
const MAX_MESSAGE_BYTES: usize = 8 << 20;

/// A connection that sends credentials.
pub(crate) type Transport = InterceptedService<Channel, Authorize>;

/// The connections to a server. Cheap to clone; they are made again by themselves when they are lost.
#[derive(Clone)]
pub struct Client {
    channels: Arc<[Channel]>,
    authorize: Authorize,
    next_bulk: Arc<AtomicUsize>,
}

/// Adds `authorization` to every call.
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
        let mut value: MetadataValue<Ascii> = authorization
            .parse()
            .map_err(|_| Error::new(Code::InvalidArgument, "the credentials cannot be sent as a header"))?;
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
    /// `InvalidArgument` for a URL or credentials that cannot be used; `Unavailable` when there is no connection.
    pub async fn connect(endpoint: &Endpoint) -> Result<Self> {
        let authorize = Authorize::new(endpoint.authorization())?;
        let channels = endpoint.channels().await?.into();
        Ok(Self { channels, authorize, next_bulk: Arc::default() })
    }

    /// Versions, limits and abilities of the server and of the lakeFS behind it.
    ///
    /// # Errors
    /// Those that any call has.
    pub async fn server_info(&self) -> Result<GetServerInfoResponse> {
        Ok(self.files().get_server_info(GetServerInfoRequest {}).await?.into_inner())
    }

    pub(crate) fn files(&self) -> FileServiceClient<Transport> {
        FileServiceClient::new(self.transport(0)).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }

    /// For reads and writes of objects: the next connection.
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

    /// There is always a first one, and `index` is one of them.
    fn transport(&self, index: usize) -> Transport {
        InterceptedService::new(self.channels[index].clone(), self.authorize.clone())
    }
}
