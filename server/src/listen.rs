//! Accept loop of the server. It limits the number, the windows, the headers and the age of connections, closes connections
//! that send no request, and shuts connections down gracefully.

mod address;
mod address_file;
mod coalesce;
mod listener;
#[cfg(unix)]
mod unix;
mod workers;

pub use address::Address;
pub use address_file::AddressFile;
pub use listener::Listener;
#[cfg(unix)]
pub use unix::UnixSocket;
pub use workers::Workers;

use crate::error::BoxError;
use bytes::Bytes;
use coalesce::{Drain, coalesce};
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use listener::{Accepted, Peer};
use rand::RngExt;
use std::collections::HashMap;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::{Service, service_fn};

/// Maximum number of connections.
const MAX_CONNECTIONS: usize = 4096;
/// Maximum number of connections from one IP address. All connections to the Unix socket count as one address.
const MAX_PER_ADDRESS: usize = 512;
/// Maximum time from the start of a connection to its first request. Also the timeout for the headers of an HTTP/1 request.
const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Age at which the server shuts a connection down gracefully, ±10 %. Clients then reconnect and can find new replicas.
const MAX_AGE: Duration = Duration::from_secs(30 * 60);
/// Maximum number of concurrent streams per connection.
const MAX_STREAMS: u32 = 128;
/// Maximum number of streams of a connection that the client reset before the server accepted them. A client may cancel all
/// its streams at once, and replace them, several times before the server reads. A flood of resets exceeds it at once; the
/// server then closes the connection (CVE-2023-44487).
const MAX_PENDING_RESETS: usize = 4 * MAX_STREAMS as usize;
/// Maximum number of resets by the server on one connection because of frames that it did not expect. Frames for calls that
/// the server has just ended do not count, as long as it reads their rest (`edge::drain`).
const MAX_ERROR_RESETS: usize = 32 * MAX_STREAMS as usize;
/// Flow-control windows of a stream and of a connection, in bytes.
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;
/// Maximum size of a frame, in bytes. Larger frames need fewer system calls for the same number of bytes.
const MAX_FRAME: u32 = 256 << 10;
/// Maximum size of the headers of a request, in bytes. The largest headers in practice are credentials.
const MAX_HEADERS: u32 = 16 << 10;
/// Maximum number of bytes that are buffered before a write to a socket.
const WRITE_BUFFER: usize = 384 << 10;

/// Limits the number of connections, in total and per IP address.
#[derive(Clone, Default)]
struct ConnectionLimiter(Arc<Mutex<HashMap<Option<IpAddr>, usize>>>);

/// Permit of one connection, which is returned when dropped.
struct ConnectionPermit {
    limiter: ConnectionLimiter,
    address: Option<IpAddr>,
}

impl ConnectionLimiter {
    fn acquire(&self, address: Option<IpAddr>) -> Option<ConnectionPermit> {
        let mut connections = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let total: usize = connections.values().sum();
        let from_address = connections.get(&address).copied().unwrap_or_default();
        if total >= MAX_CONNECTIONS || from_address >= MAX_PER_ADDRESS {
            return None;
        }
        connections.insert(address, from_address + 1);
        Some(ConnectionPermit { limiter: self.clone(), address })
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut connections = self.limiter.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(from_address) = connections.get_mut(&self.address) {
            *from_address -= 1;
            if *from_address == 0 {
                connections.remove(&self.address);
            }
        }
    }
}

/// Accepts connections until `stop` is cancelled, and serves each with a new service. Open connections then finish their
/// in-flight calls and close.
pub async fn accept<S, B>(
    listener: Listener,
    service: impl Fn() -> S,
    workers: Workers,
    stop: CancellationToken,
    tasks: TaskTracker,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let limiter = ConnectionLimiter::default();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => match limiter.acquire(peer.ip()) {
                Some(permit) => {
                    let connection = connection(stream, peer, permit, service(), stop.clone());
                    workers.serve(tasks.track_future(connection));
                }
                None => tracing::warn!(%peer, "too many connections: the new connection is closed"),
            },
            Err(error) => {
                // For example, no file descriptor is free. One may become free during the pause.
                tracing::warn!(%error, "cannot accept a connection");
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn connection<S, B>(stream: Accepted, peer: Peer, _permit: ConnectionPermit, service: S, stop: CancellationToken)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let (reader, writer) = match stream.split() {
        Ok(halves) => halves,
        Err(error) => return tracing::warn!(%peer, %error, "cannot serve a connection"),
    };
    let (io, writer) = coalesce(reader, writer, WRITE_BUFFER);
    let has_called = Arc::new(AtomicBool::new(false));
    let called = Arc::clone(&has_called);
    let service = service_fn(move |request| {
        called.store(true, Ordering::Relaxed);
        service.clone().call(request)
    });
    let builder = builder();
    let mut serving = pin!(builder.serve_connection(TokioIo::new(io), TowerToHyperService::new(service)));
    let age = MAX_AGE.mul_f64(rand::rng().random_range(0.9..1.1));
    let result = tokio::select! {
        result = drive(serving.as_mut(), &writer) => Some(result),
        () = first_request_timeout(&has_called) => Some(Err("no request within the timeout".into())),
        () = stop.cancelled() => None,
        () = sleep(age) => None,
    };
    let result = match result {
        Some(result) => result,
        None => {
            // Sends GOAWAY to the client, and waits until its calls have finished.
            serving.as_mut().graceful_shutdown();
            drive(serving.as_mut(), &writer).await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%peer, %error, "a connection failed");
    }
    // Write the bytes that are still buffered. An error does not matter: the client has disconnected.
    let _ = poll_fn(|cx| writer.poll_drain(cx)).await;
}

/// Polls a connection until it ends. After each poll, writes all the bytes that the poll produced at once.
async fn drive<C>(mut connection: Pin<&mut C>, writer: &Drain) -> Result<(), BoxError>
where
    C: Future<Output = Result<(), BoxError>>,
{
    poll_fn(|cx| {
        let result = connection.as_mut().poll(cx);
        match writer.poll_drain(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error.into())),
            _ => result,
        }
    })
    .await
}

/// Returns when the timeout for the first request has passed without a request. Never returns if there was one.
async fn first_request_timeout(has_called: &AtomicBool) {
    sleep(FIRST_REQUEST_TIMEOUT).await;
    if has_called.load(Ordering::Relaxed) {
        std::future::pending::<()>().await;
    }
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(FIRST_REQUEST_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
        .max_local_error_reset_streams(MAX_ERROR_RESETS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(MAX_FRAME)
        .max_header_list_size(MAX_HEADERS)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}
