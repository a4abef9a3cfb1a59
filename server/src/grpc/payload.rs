//! `Read` and `Write`, whose bytes pass by reference count: lakeFS's body is the body of the answer, and the body of the request
//! is lakeFS's. All other methods go to the generated service.

use super::files::{read, write};
use super::frame::{Deframer, next_piece};
use super::{Service, into_status};
use crate::auth::Caller;
use crate::error::{Error, Kind, Result};
use crate::ops::context::Shared;
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

type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl tower::Service<Request<Body>> for PayloadService {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    /// The generated service is always ready.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Answer {
        let ops = self.ops.clone();
        match request.uri().path() {
            "/lakeport.v1.FileService/Read" => Box::pin(async move { Ok(answered(read_bytes(ops, request).await)) }),
            "/lakeport.v1.FileService/Write" => Box::pin(async move { Ok(answered(write_bytes(ops, request).await)) }),
            _ => self.generated.call(request),
        }
    }
}

fn answered(answer: Result<Body>) -> Response<Body> {
    match answer {
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
    caller.ok_or_else(|| Error::new(Kind::Internal, "a call came past the authentication layer"))
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
    let frames = write::write(&ops, &caller, request.into_body()).await?;
    Ok(Body::new(StreamBody::new(frames)))
}
