//! The border between wire types and domain types. Each RPC has one file: it decodes, delegates to `ops`, and encodes.

mod convert;
mod files;
mod frame;
pub mod methods;
mod parts;
mod payload;
mod routes;
mod status;
mod token;
mod transactions;
mod versions;

pub use payload::PayloadService;
pub use routes::{HEALTH_NAMES, Routes};
pub use status::{into_status, item_status};

use crate::auth::Caller;
use crate::error::{BoxError, Error, Kind, Result};
use crate::ops::context::Shared;
use futures_util::{Stream, StreamExt};
use lakeport_proto::v1::file_service_server::FileServiceServer;
use lakeport_proto::v1::transaction_service_server::TransactionServiceServer;
use lakeport_proto::v1::version_service_server::VersionServiceServer;
use std::pin::Pin;
use tonic::Status;

/// Implements the three services of the contract.
#[derive(Clone)]
pub struct Service {
    ops: Shared,
}

/// The messages of a streaming response.
type Messages<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

impl Service {
    /// Serves these operations.
    pub fn new(ops: Shared) -> Self {
        Self { ops }
    }

    /// Returns `FileService`. The payload of `Read` and `Write` passes by reference count.
    pub fn files(&self) -> PayloadService {
        let generated = FileServiceServer::new(self.clone()).max_decoding_message_size(self.ops.limits.message_bytes);
        PayloadService::new(generated, self.ops.clone())
    }

    /// Returns `TransactionService`.
    pub fn transactions(&self) -> TransactionServiceServer<Self> {
        TransactionServiceServer::new(self.clone()).max_decoding_message_size(self.ops.limits.message_bytes)
    }

    /// Returns `VersionService`.
    pub fn versions(&self) -> VersionServiceServer<Self> {
        VersionServiceServer::new(self.clone()).max_decoding_message_size(self.ops.limits.message_bytes)
    }
}

/// Splits a request into its caller and its message.
fn open<T>(request: tonic::Request<T>) -> Result<(Caller, T), Status> {
    let (_, extensions, message) = request.into_parts();
    match extensions.get::<Caller>() {
        Some(caller) => Ok((caller.clone(), message)),
        None => Err(into_status(Error::new(Kind::Internal, "a call was not authenticated"))),
    }
}

fn messages<T: 'static>(stream: impl Stream<Item = Result<T>> + Send + 'static) -> Messages<T> {
    Box::pin(stream.map(|message| message.map_err(into_status)))
}

/// Runs the handler of a unary RPC.
macro_rules! unary {
    ($self:ident, $request:ident, $handler:path) => {{
        let (caller, message) = $crate::grpc::open($request)?;
        let response = $handler(&$self.ops, &caller, message).await;
        response.map(tonic::Response::new).map_err($crate::grpc::into_status)
    }};
}

/// Runs the handler of an RPC with a streaming response.
macro_rules! streaming {
    ($self:ident, $request:ident, $handler:path) => {{
        let (caller, message) = $crate::grpc::open($request)?;
        let stream = $handler(&$self.ops, &caller, message).await.map_err($crate::grpc::into_status)?;
        Ok(tonic::Response::new($crate::grpc::messages(stream)))
    }};
}

use {streaming, unary};
