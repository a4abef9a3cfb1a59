//! `Read` and `Write`, whose bytes pass by reference count: the body of lakeFS's response becomes the body of our response, and the body
//! of our request becomes the body of the request to lakeFS. The generated service has all other methods.

use super::files::{read, write};
use super::frame::{Deframer, next_piece};
use super::methods::{READ, WRITE};
use super::{Service, into_status};
use crate::auth::Caller;
use crate::error::{BoxError, Error, Kind, Result};
use crate::memory::MessageMemory;
use crate::ops::context::Shared;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response};
use http_body_util::StreamBody;
use lakeport_proto::v1::ReadRequest;
use lakeport_proto::v1::file_service_server::FileServiceServer;
use prost::Message;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tonic::body::Body;
use tonic::server::NamedService;

/// `FileService`.
#[derive(Clone)]
pub struct PayloadService {
    generated: FileServiceServer<Service>,
    ops: Shared,
}

impl PayloadService {
    pub(super) fn new(generated: FileServiceServer<Service>, ops: Shared) -> Self {
        Self { generated, ops }
    }
}

impl NamedService for PayloadService {
    const NAME: &'static str = <FileServiceServer<Service> as NamedService>::NAME;
}

type Served = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl<B> tower::Service<Request<B>> for PayloadService
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError> + Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Served;

    /// The generated service is always ready.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Served {
        let ops = self.ops.clone();
        match request.uri().path() {
            READ => Box::pin(async move { Ok(response(read_bytes(ops, request.map(Body::new)).await)) }),
            WRITE => Box::pin(async move { Ok(response(write_bytes(ops, request.map(Body::new)).await)) }),
            _ => self.generated.call(request),
        }
    }
}

fn response(body: Result<Body>) -> Response<Body> {
    match body {
        Ok(body) => {
            let mut response = Response::new(body);
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
            response
        }
        Err(error) => into_status(error).into_http(),
    }
}

fn caller(request: &Request<Body>) -> Result<Caller> {
    let caller = request.extensions().get::<Caller>().cloned();
    caller.ok_or_else(|| Error::new(Kind::Internal, "a call was not authenticated"))
}

async fn read_bytes(ops: Shared, request: Request<Body>) -> Result<Body> {
    let caller = caller(&request)?;
    let mut body = request.into_body();
    let mut deframer = Deframer::default();
    let taken = loop {
        if let Some(taken) = deframer.next(ops.limits.message_bytes)? {
            break taken;
        }
        let Some(piece) = next_piece(&mut body).await? else {
            return Err(Error::field("message", "is missing: the request ended before it"));
        };
        deframer.push(piece);
    };
    let undecodable = |error: prost::DecodeError| Error::field("message", error);
    let request = ReadRequest::decode(taken.fields.as_slice()).map_err(undecodable)?;
    let frames = read::read(&ops, &caller, request).await?;
    Ok(Body::new(StreamBody::new(frames)))
}

async fn write_bytes(ops: Shared, request: Request<Body>) -> Result<Body> {
    let caller = caller(&request)?;
    let memory = request.extensions().get::<MessageMemory>().cloned();
    let memory = memory.ok_or_else(|| Error::new(Kind::Internal, "an upload has no memory budget"))?;
    let frames = write::write(&ops, &caller, request.into_body(), memory).await?;
    Ok(Body::new(StreamBody::new(frames)))
}
