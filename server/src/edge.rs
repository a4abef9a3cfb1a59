//! The edge: all steps of a call before and after its handler, in one place.
//!
//! `Calls::handle` and `Calls::serve` run the steps. A comment on each gives the reason for its position.

mod activity;
mod admission;
mod authenticate;
mod connection;
mod deadline;
mod drain;
mod finish;
mod message;
mod meters;
mod origin;
mod refusal;
mod status;
mod trace;
mod transfer;

pub use activity::Activity;
pub use admission::Admission;
pub use meters::describe as describe_metrics;

use crate::error::{BoxError, Error};
use crate::grpc::methods::{Class, Method, Streaming};
use crate::grpc::{Routes, into_status};
use crate::memory::{MessageMemory, ReservedMessage};
use crate::ops::context::Shared;
use bytes::Bytes;
use connection::Connection;
use drain::Drained;
use finish::Finish;
use futures_util::FutureExt;
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode, Version};
use http_body::{Frame, SizeHint};
use meters::Meters;
use origin::{Origin, Origins};
use std::convert::Infallible;
use std::fmt::Display;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tonic::body::Body as TonicBody;
use tonic_web::{GrpcWebLayer, GrpcWebService};
use tower::{Layer, Service};
use trace::Trace;
use tracing::Instrument;
use transfer::{Inbound, Outbound, Transfer};

/// Timeout to receive the message of a call for health or reflection.
const INTERNAL_MESSAGE_TIMEOUT: Duration = Duration::from_secs(10);

/// The service of a connection. Clones share everything.
#[derive(Clone)]
pub struct Edge {
    calls: Calls,
    /// gRPC-Web in front of the same calls.
    web: GrpcWebService<Calls>,
    origins: Arc<Origins>,
}

/// gRPC calls of a connection over HTTP/2.
#[derive(Clone)]
struct Calls {
    inner: Arc<Inner>,
    connection: Connection,
}

struct Inner {
    ops: Shared,
    routes: Routes,
    admission: Admission,
    activity: Activity,
    meters: Meters,
    memory: MessageMemory,
}

/// The body of a response.
pub enum Body {
    /// Of a gRPC call.
    Call(Option<Outbound>),
    /// Of a gRPC-Web call.
    Web(TonicBody),
    /// Text for a browser.
    Text(&'static str),
}

/// The body of a request, as a connection or the translation of gRPC-Web provides it.
trait RequestBody: http_body::Body<Data = Bytes, Error: Into<BoxError> + Display + Send> + Send + Unpin + 'static {}

impl<B> RequestBody for B where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError> + Display + Send> + Send + Unpin + 'static
{
}

type Served<B> = Pin<Box<dyn Future<Output = Result<Response<B>, Infallible>> + Send>>;

impl Edge {
    /// Wraps the routes.
    pub fn new(
        ops: Shared,
        routes: Routes,
        admission: Admission,
        activity: Activity,
        origins: Vec<HeaderValue>,
        memory: MessageMemory,
    ) -> Self {
        let connection = Connection::new(&memory);
        let inner = Arc::new(Inner { ops, routes, admission, activity, meters: Meters::new(), memory });
        Self::with(Calls { inner, connection }, Arc::new(Origins(origins)))
    }

    /// Returns the service of a new connection.
    #[must_use]
    pub fn for_connection(&self) -> Self {
        let inner = Arc::clone(&self.calls.inner);
        Self::with(Calls { connection: Connection::new(&inner.memory), inner }, Arc::clone(&self.origins))
    }

    fn with(calls: Calls, origins: Arc<Origins>) -> Self {
        Self { web: GrpcWebLayer::new().layer(calls.clone()), calls, origins }
    }
}

impl<B> Service<Request<B>> for Edge
where
    B: RequestBody,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Served<Body>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let request = request.map(Drained::new);
        // The origin first: a page of another site must not reach any other step.
        let origin = match self.origins.check(request.headers()) {
            Origin::None => None,
            Origin::Allowed(origin) => Some(origin),
            Origin::Refused => {
                let mut refused = Response::new(Body::Text("pages of this origin may not call: see --web-origin\n"));
                *refused.status_mut() = StatusCode::FORBIDDEN;
                return Box::pin(std::future::ready(Ok(refused)));
            }
        };
        let Some(origin) = origin else { return self.route(request) };
        if origin::is_preflight(request.method(), request.headers()) {
            let (status, headers) = origin::preflight(request.headers(), origin);
            let mut response = Response::new(Body::Text(""));
            (*response.status_mut(), *response.headers_mut()) = (status, headers);
            return Box::pin(std::future::ready(Ok(response)));
        }
        let served = self.route(request);
        Box::pin(async move {
            let mut response = served.await?;
            origin::allow(response.headers_mut(), origin);
            Ok(response)
        })
    }
}

impl Edge {
    /// Serves gRPC over HTTP/2, translates gRPC-Web, and refuses any other request.
    fn route<B>(&mut self, request: Request<B>) -> Served<Body>
    where
        B: RequestBody,
    {
        let content_type = request.headers().get(http::header::CONTENT_TYPE);
        let is_web = content_type.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc-web"));
        if request.version() == Version::HTTP_2 && !is_web {
            let calls = self.calls.clone();
            return Box::pin(async move { Ok(calls.handle(request).await.map(Body::Call)) });
        }
        let served = self.web.call(request);
        Box::pin(async move { Ok(served.await?.map(Body::Web)) })
    }
}

impl Service<Request<TonicBody>> for Calls {
    type Response = Response<TonicBody>;
    type Error = Infallible;
    type Future = Served<TonicBody>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<TonicBody>) -> Self::Future {
        let calls = self.clone();
        Box::pin(async move {
            let response = calls.handle(request).await;
            Ok(response.map(|body| body.map_or_else(TonicBody::empty, TonicBody::new)))
        })
    }
}

impl Calls {
    /// Runs a call. The body of the response is `None` if its headers carry the status.
    async fn handle(self, request: Request<impl RequestBody>) -> Response<Option<Outbound>> {
        let method = Method::of(request.uri().path());
        // The trace first: everything below logs under its ID.
        let trace = Trace::of(request.headers());
        let span = trace.span(method.name());
        let mut finish = Finish {
            // Every call except health and reflection restarts the idle time of the server, even if the call is refused.
            activity: (!method.is_internal()).then(|| self.inner.activity.begin()),
            // Metrics count refusals as well as results.
            meter: self.inner.meters.begin(method),
            ..Finish::default()
        };
        // A panic in a handler becomes a status, and the connection continues.
        let serving = AssertUnwindSafe(self.serve(method, &trace, request, &mut finish)).catch_unwind();
        let served = serving.instrument(span).await.unwrap_or_else(|_| Err(status::panicked()));
        let mut response = served.unwrap_or_else(|error| {
            let response = into_status(error).into_http::<()>();
            response.map(|()| None)
        });
        if response.body().is_none() {
            finish.complete(status::of_headers(response.headers()));
        }
        trace.report(response.headers_mut());
        response
    }

    /// Runs the checks that can refuse a call, and then its handler.
    async fn serve<B>(
        &self,
        method: &'static Method,
        trace: &Trace,
        request: Request<B>,
        finish: &mut Finish,
    ) -> Result<Response<Option<Outbound>>, Error>
    where
        B: RequestBody,
    {
        // Before authentication: all work for a call costs its caller's time.
        let deadline = deadline::of(request.headers(), method.class)?;
        let transfer = Transfer::new(deadline);
        let waiting = Arc::clone(transfer.waiting());
        let response = {
            // Pinned: if the deadline passes, the call must still exist to tell what it waits for.
            let mut running = pin!(waiting.scope(self.run(method, trace, request, finish, &transfer)));
            match deadline {
                None => running.await?,
                Some(deadline) => {
                    let response = tokio::time::timeout_at(deadline.into(), running.as_mut()).await;
                    response.unwrap_or_else(|_| Err(deadline::passed(waiting.side())))?
                }
            }
        };
        // A refusal of tonic has no reason yet.
        let refusal = tonic::Status::from_header_map(response.headers());
        if let Some(status) = refusal {
            return match refusal::of(method.path, &status) {
                Some(error) => Err(error),
                None => Ok(response.map(|_| None)),
            };
        }
        let finish = std::mem::take(finish);
        Ok(response.map(|body| Some(transfer.respond(body, finish, deadline))))
    }

    async fn run<B>(
        &self,
        method: &'static Method,
        trace: &Trace,
        request: Request<B>,
        finish: &mut Finish,
        transfer: &Arc<Transfer>,
    ) -> Result<Response<TonicBody>, Error>
    where
        B: RequestBody,
    {
        let (mut parts, body) = request.into_parts();
        let body = Inbound { body, transfer: Arc::clone(transfer) };
        let handled = async {
            // The message of a stream of responses is held until its handler has decoded and used it.
            let (body, _message) = match method.is_internal() {
                true => (self.open_internal(method, body, finish).await?, None),
                false => self.open(method, trace, &mut parts, body, finish).await?,
            };
            Ok(self.inner.routes.call(method, Request::from_parts(parts, body)).await)
        };
        tokio::select! {
            biased;
            response = handled => response,
            // The client stalled, and another call needs the permit; or the server shuts down.
            error = transfer.until_ended() => Err(error),
        }
    }

    /// Admits a call of the contract, and receives its message unless it is an upload. Returns the body for the handler.
    async fn open<B>(
        &self,
        method: &'static Method,
        trace: &Trace,
        parts: &mut Parts,
        body: Inbound<B>,
        finish: &mut Finish,
    ) -> Result<(TonicBody, Option<ReservedMessage>), Error>
    where
        B: RequestBody,
    {
        let Inner { ops, admission, .. } = &*self.inner;
        // Before admission: a share of the permits belongs to a principal.
        let mut caller = authenticate::caller(ops, &parts.headers).await?;
        caller.lakefs = caller.lakefs.sending(trace.onward(&parts.headers));
        caller.deadline = body.transfer.deadline();
        let mut permit = admission.admit(&caller.principal, method.class).await?;
        permit.watch(&body.transfer);
        let permit = Arc::new(permit);
        // The permit is held to the end of the response, and to the end of work that continues without the call.
        finish.permit = Some(permit.clone());
        caller = caller.holding(permit);
        let memory = &self.connection.memory;
        let (body, message) = match method.streaming {
            Streaming::Client => {
                parts.extensions.insert(memory.clone());
                (TonicBody::new(body), None)
            }
            Streaming::None | Streaming::Server => {
                // After admission: the permits bound the number of messages that are being received.
                let limit = method.message_bytes(ops.limits.message_bytes);
                let (body, message) = message::receive(body, limit, memory).await?;
                (body, Some(message))
            }
        };
        let message = match message {
            Some(message) if method.class == Class::Write => {
                caller = caller.holding(message);
                None
            }
            message => message,
        };
        parts.extensions.insert(caller);
        Ok((body, message))
    }

    /// Admits a call of health or reflection, which needs no credentials.
    async fn open_internal<B>(
        &self,
        method: &'static Method,
        body: Inbound<B>,
        finish: &mut Finish,
    ) -> Result<TonicBody, Error>
    where
        B: RequestBody,
    {
        let of_connection = self.connection.internal_call()?;
        let transfer = Arc::clone(&body.transfer);
        let body = match method.streaming {
            Streaming::Client => TonicBody::new(body),
            Streaming::None | Streaming::Server => {
                // Before admission: slow clients must not take the permits from probes.
                let limit = method.message_bytes(self.inner.ops.limits.message_bytes);
                let received = message::receive(body, limit, &self.connection.memory);
                let received = tokio::time::timeout(INTERNAL_MESSAGE_TIMEOUT, received).await;
                received.unwrap_or_else(|_| Err(Error::field("message", "did not arrive in time: send it again")))?.0
            }
        };
        let mut permit = self.inner.admission.admit(&Arc::from(""), method.class).await?;
        permit.watch(&transfer);
        finish.permit = Some(Arc::new((permit, of_connection)));
        Ok(body)
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut *self {
            Self::Call(None) => Poll::Ready(None),
            Self::Call(Some(body)) => Pin::new(body).poll_frame(cx).map_err(Into::into),
            Self::Web(body) => Pin::new(body).poll_frame(cx).map_err(Into::into),
            Self::Text(text) => match std::mem::take(text) {
                "" => Poll::Ready(None),
                text => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(text.as_bytes()))))),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Call(body) => body.as_ref().is_none_or(http_body::Body::is_end_stream),
            Self::Web(body) => body.is_end_stream(),
            Self::Text(text) => text.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Call(None) => SizeHint::with_exact(0),
            Self::Call(Some(body)) => body.size_hint(),
            Self::Web(body) => body.size_hint(),
            Self::Text(text) => SizeHint::with_exact(text.len() as u64),
        }
    }
}
