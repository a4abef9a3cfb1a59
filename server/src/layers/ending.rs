//! A body that says how it ended, and that ends when its time is up.

use crate::error::{Error, Kind};
use crate::grpc::into_status;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::time::Sleep;
use tonic::{Code, Status};

/// What to do when a body has ended, with the status of the call.
type OnEnd = Box<dyn FnOnce(Code) + Send>;

/// The body of an answer.
struct Ending {
    body: Body,
    deadline: Option<Pin<Box<Sleep>>>,
    on_end: Option<OnEnd>,
    is_over: bool,
}

impl Ending {
    fn end(&mut self, code: Code) {
        self.is_over = true;
        if let Some(on_end) = self.on_end.take() {
            on_end(code);
        }
    }
}

/// Calls `on_end` when the answer has ended, or is dropped before its end.
pub(super) fn told(response: Response, on_end: impl FnOnce(Code) + Send + 'static) -> Response {
    if is_whole(&response) {
        on_end(code_of(response.headers()));
        return response;
    }
    let on_end: Option<OnEnd> = Some(Box::new(on_end));
    response.map(|body| Body::new(Ending { body, deadline: None, on_end, is_over: false }))
}

/// Ends with DEADLINE_EXCEEDED when the time is up.
pub(super) fn by(response: Response, deadline: Sleep) -> Response {
    if is_whole(&response) {
        return response;
    }
    let deadline = Some(Box::pin(deadline));
    response.map(|body| Body::new(Ending { body, deadline, on_end: None, is_over: false }))
}

/// An answer that is nothing but a status, in its headers, must have no body at all.
fn is_whole(response: &Response) -> bool {
    response.headers().contains_key("grpc-status")
}

/// The status that trailers carry.
fn code_of(trailers: &HeaderMap) -> Code {
    Status::from_header_map(trailers).map_or(Code::Unknown, |status| status.code())
}

/// The end of an answer that fails.
pub(super) fn trailers(error: Error) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    // Fails only for metadata that is no header, and none of ours is.
    let _ = into_status(error).add_header(&mut trailers);
    trailers
}

/// A call whose time is up.
pub(super) fn too_late() -> Error {
    Error::new(Kind::DeadlineExceeded, "the deadline of the call passed before it was done")
}

impl http_body::Body for Ending {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        if this.is_over {
            return Poll::Ready(None);
        }
        if let Some(deadline) = &mut this.deadline
            && deadline.as_mut().poll(cx).is_ready()
        {
            this.end(Code::DeadlineExceeded);
            this.body = Body::empty();
            return Poll::Ready(Some(Ok(Frame::trailers(trailers(too_late())))));
        }
        let frame = std::task::ready!(Pin::new(&mut this.body).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_ref() {
                    let code = code_of(trailers);
                    this.end(code);
                }
            }
            Some(Err(_)) => this.end(Code::Unknown),
            None => this.end(Code::Ok),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.is_over || (self.deadline.is_none() && self.on_end.is_none() && self.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        // The caller went away.
        self.end(Code::Cancelled);
    }
}
