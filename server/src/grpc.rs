//! The border: wire types come in, are parsed once, and go out. One file for each RPC.

mod convert;
mod files;
mod frame;
mod parts;
mod payload;
mod status;
mod token;
mod transactions;
mod versions;

pub use payload::PayloadService;
pub use status::{into_status, item_status};

use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::ops::context::Shared;
use futures_util::{Stream, StreamExt};
use lakeport_proto::v1::file_service_server::FileServiceServer;
use lakeport_proto::v1::transaction_service_server::TransactionServiceServer;
use lakeport_proto::v1::version_service_server::VersionServiceServer;
use std::pin::Pin;
use tonic::Status;

/// The three services over one set of operations.
#[derive(Clone)]
pub struct Service {
    ops: Shared,
}

/// The messages of a streaming answer.
type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

impl Service {
    /// Over these operations.
    pub fn new(ops: Shared) -> Self {
        Self { ops }
    }

    /// `FileService`, with `Read` and `Write` by reference count.
    pub fn files(&self) -> PayloadService {
        let generated = FileServiceServer::new(self.clone()).max_decoding_message_size(self.ops.limits.message_bytes);
        PayloadService::new(generated, self.ops.clone())
    }

    /// `TransactionService`.
    pub fn transactions(&self) -> TransactionServiceServer<Self> {
        TransactionServiceServer::new(self.clone()).max_decoding_message_size(self.ops.limits.message_bytes)
    }

    /// `VersionService`.
    pub fn versions(&self) -> VersionServiceServer<Self> {
        VersionServiceServer::new(self.clone()).max_decoding_message_size(self.ops.limits.message_bytes)
    }
}

/// Takes a request apart: who calls, and what.
fn open<T>(request: tonic::Request<T>) -> Result<(Caller, T), Status> {
    let (_, extensions, message) = request.into_parts();
    match extensions.get::<Caller>() {
        Some(caller) => Ok((caller.clone(), message)),
        None => Err(into_status(Error::new(Kind::Internal, "a call came past the authentication layer"))),
    }
}

fn answers<T: 'static>(stream: impl Stream<Item = Result<T>> + Send + 'static) -> Answers<T> {
    Box::pin(stream.map(|answer| answer.map_err(into_status)))
}

/// A unary RPC: its handler decodes, delegates, encodes.
macro_rules! unary {
    ($self:ident, $request:ident, $handler:path) => {{
        let (caller, message) = $crate::grpc::open($request)?;
        let answer = $handler(&$self.ops, &caller, message).await;
        answer.map(tonic::Response::new).map_err($crate::grpc::into_status)
    }};
}

/// An RPC with a streaming answer.
macro_rules! streaming {
    ($self:ident, $request:ident, $handler:path) => {{
        let (caller, message) = $crate::grpc::open($request)?;
        let stream = $handler(&$self.ops, &caller, message).await.map_err($crate::grpc::into_status)?;
        Ok(tonic::Response::new($crate::grpc::answers(stream)))
    }};
}

use {streaming, unary};
