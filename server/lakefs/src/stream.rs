//! Connections on which a response arrives even if the request could not be sent completely.
//!
//! A server that rejects an upload early may close the connection before it has received the whole body. A write then fails,
//! although the response has arrived. hyper reports the error of the write without reading the response, and has no option to
//! change that.

use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use std::io::{ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tower::ServiceExt as _;
use tower::util::MapResponse;

type Tcp = TokioIo<TcpStream>;
/// Connector whose connections deliver a response before the error of a write.
pub(crate) type Connector = MapResponse<HttpConnector, fn(Tcp) -> TokioIo<ReadFirst<TcpStream>>>;

/// Wraps the connections of a connector.
pub(crate) fn read_first(connector: HttpConnector) -> Connector {
    connector.map_response(|stream| TokioIo::new(ReadFirst::new(stream.into_inner())))
}

/// Stream that returns the error of a write to a closed connection only after everything that arrived has been read. Until then,
/// writes are pending.
pub(crate) struct ReadFirst<T> {
    stream: T,
    failed: Option<ErrorKind>,
    is_read: bool,
    writer: Option<Waker>,
}

impl<T> ReadFirst<T> {
    fn new(stream: T) -> Self {
        Self { stream, failed: None, is_read: false, writer: None }
    }
}

impl<T: AsyncWrite + Unpin> ReadFirst<T> {
    fn write(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut T>, &mut Context<'_>) -> Poll<Result<usize>>,
    ) -> Poll<Result<usize>> {
        if self.failed.is_none() {
            match write(Pin::new(&mut self.stream), cx) {
                Poll::Ready(Err(error)) if is_closed(error.kind()) => self.failed = Some(error.kind()),
                result => return result,
            }
        }
        match self.failed {
            Some(kind) if self.is_read => Poll::Ready(Err(kind.into())),
            _ => {
                self.writer = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// Returns whether a write failed because the other side has closed the connection. A read then never waits for more data.
fn is_closed(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted)
}

impl<T: AsyncRead + Unpin> AsyncRead for ReadFirst<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let is_end = buffer.remaining() > 0 && buffer.filled().len() == before;
        if matches!(result, Poll::Ready(Err(_))) || (result.is_ready() && is_end) {
            self.is_read = true;
            if let Some(writer) = self.writer.take() {
                writer.wake();
            }
        }
        result
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for ReadFirst<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        self.write(cx, |stream, cx| stream.poll_write(cx, bytes))
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, all: &[IoSlice<'_>]) -> Poll<Result<usize>> {
        self.write(cx, |stream, cx| stream.poll_write_vectored(cx, all))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl<T: Connection> Connection for ReadFirst<T> {
    fn connected(&self) -> Connected {
        self.stream.connected()
    }
}

#[cfg(test)]
mod tests {
    use crate::{BoxError, Bytes, Client, Credentials, Error, Kind, NewObject, Retry, Timeouts};
    use futures_util::{StreamExt, stream};
    use http_body_util::{BodyExt, StreamBody};
    use hyper::body::Frame;
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;
    use std::time::Duration;

    /// Uploads to a server that sends `response` and closes the connection after the first bytes of the body. This blocks the
    /// thread of the client until then, so that the client finds out when it writes.
    async fn upload_to_a_server_that_closes_early(response: &'static str) -> Error {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut received = Vec::new();
            while !received.ends_with(b"read, ") {
                let mut byte = [0; 1];
                stream.read_exact(&mut byte).unwrap();
                received.extend(byte);
            }
            thread::sleep(Duration::from_millis(50));
            stream.write_all(response.as_bytes()).unwrap();
            // Because of the unread bytes, the system resets the connection.
        });
        let rest = stream::once(async {
            tokio::task::yield_now().await;
            server.join().unwrap();
        });
        let rest = rest.flat_map(|()| stream::iter(vec![Bytes::from(vec![0; 1 << 20]); 16]));
        let pieces = stream::iter([Bytes::from_static(b"read, unread")]).chain(rest);
        let body = StreamBody::new(pieces.map(|piece| Ok::<_, BoxError>(Frame::data(piece)))).boxed_unsync();
        let lakefs = Client::new(&url, Timeouts::default()).unwrap().acting_as(Credentials::key_pair("id", "secret"));
        let (repository, branch) = ("lake".try_into().unwrap(), "main".try_into().unwrap());
        let path = "a".try_into().unwrap();
        let object = NewObject::default();
        let upload = lakefs.upload(&repository, &branch, &path, &object, body);
        tokio::time::timeout(Duration::from_secs(20), upload).await.unwrap().unwrap_err()
    }

    #[tokio::test]
    async fn a_response_that_arrived_before_the_connection_closed_is_returned() {
        let message = "{\"message\":\"branch not found\"}";
        for connection in ["keep-alive", "close"] {
            let response = format!(
                "HTTP/1.1 404 Not Found\r\nconnection: {connection}\r\ncontent-length: {}\r\n\r\n{message}",
                message.len()
            );
            let error = upload_to_a_server_that_closes_early(response.leak()).await;
            assert_eq!((error.kind(), error.retry()), (Kind::BranchNotFound, Retry::Never), "{error:?}");
        }
    }

    #[tokio::test]
    async fn without_a_complete_response_the_outcome_is_unknown() {
        for response in ["", "HTTP/1.1 40", "HTTP/1.1 201 Created\r\ncontent-length: 9\r\n\r\n{"] {
            let error = upload_to_a_server_that_closes_early(response).await;
            assert_eq!((error.kind(), error.retry()), (Kind::Unavailable, Retry::Lost), "{response}: {error:?}");
        }
    }
}
