//! A panic becomes a status, and the connection goes on.

use super::ending::trailers;
use super::refused;
use crate::error::{Error, Kind};
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use futures_util::FutureExt;
use http_body::{Body as _, Frame, SizeHint};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

pub(super) async fn caught(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) if response.body().is_end_stream() => response,
        Ok(response) => response.map(|body| Body::new(Guarded { body, path })),
        Err(_) => refused(bug(&path)),
    }
}

fn bug(path: &str) -> Error {
    tracing::error!(rpc.method = %path, "a call panicked");
    Error::new(Kind::Internal, "lakeport has a bug, and logged it; the call may have had its effect")
}

/// A body that is made while it is sent.
struct Guarded {
    body: Body,
    path: String,
}

impl http_body::Body for Guarded {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(&mut this.body).poll_frame(cx)));
        polled.unwrap_or_else(|_| {
            this.body = Body::empty();
            Poll::Ready(Some(Ok(Frame::trailers(trailers(bug(&this.path))))))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::middleware::from_fn;
    use axum::routing::get;
    use futures_util::{StreamExt, stream};
    use http_body_util::BodyExt;
    use std::convert::Infallible;
    use tower::ServiceExt;

    async fn head() -> Response {
        panic!("a bug")
    }

    async fn body() -> Body {
        Body::from_stream(stream::iter([1, 0]).map(|divisor| Ok::<_, Infallible>(Bytes::from(vec![1 / divisor]))))
    }

    async fn asked(path: &str) -> Response {
        let routes = Router::new().route("/head", get(head)).route("/body", get(body)).layer(from_fn(caught));
        routes.oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn a_panic_before_the_answer_is_a_status() {
        let answer = asked("/head").await;
        assert_eq!(answer.headers()["grpc-status"], "13");
    }

    #[tokio::test]
    async fn a_panic_within_the_answer_is_its_end() {
        let answer = asked("/body").await.into_body().collect().await.unwrap();
        assert_eq!(answer.trailers().unwrap()["grpc-status"], "13");
        assert_eq!(answer.to_bytes(), Bytes::from_static(&[1]));
    }
}
