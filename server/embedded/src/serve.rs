//! HTTP/1.1 server for a lake.

use crate::api::{self, RequestBody, Response};
use crate::faults::{Fault, Faults, truncate};
use crate::lake::Lake;
use crate::{Error, Result};
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Timeout for receiving the headers of a request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(60);
/// Maximum time for in-flight requests to finish during shutdown.
const DRAIN: Duration = Duration::from_secs(5);

/// Running server of a lake.
#[derive(Debug)]
pub struct Serving {
    address: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// Error that makes hyper close the connection without a response.
#[derive(Debug, thiserror::Error)]
#[error("closed by fault injection")]
struct Dropped;

/// Serves a lake on a listener. Outside tests, `faults` is `Faults::default()`, which has no faults.
///
/// # Errors
/// Returns an error if the address of the listener cannot be read.
pub fn serve(lake: Arc<Lake>, listener: TcpListener, faults: Faults) -> Result<Serving> {
    let address = listener.local_addr()?;
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    tasks.spawn(accept(lake, listener, faults, stop.clone(), tasks.clone()));
    Ok(Serving { address, stop, tasks })
}

impl Serving {
    /// Returns the address of the listener.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting requests, and returns when the in-flight requests have finished, after at most 5 s.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(DRAIN, self.tasks.wait()).await.is_err() {
            tracing::warn!("requests to the embedded lake did not finish in {} s: stopping anyway", DRAIN.as_secs());
        }
    }
}

async fn accept(lake: Arc<Lake>, listener: TcpListener, faults: Faults, stop: CancellationToken, tasks: TaskTracker) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                tasks.spawn(connection(Arc::clone(&lake), stream, faults.clone(), stop.clone()));
            }
            Err(error) => {
                // For example, no file descriptor is free. One may become free during the pause.
                tracing::warn!(%error, "the embedded lake cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn connection(lake: Arc<Lake>, stream: TcpStream, faults: Faults, stop: CancellationToken) {
    // Without TCP_NODELAY, a small response may wait for an acknowledgement. A connection that rejects the option still works.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| respond(Arc::clone(&lake), faults.clone(), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(1 << 20)
        // Each entry of the user metadata is a header.
        .max_headers(1024)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection to the embedded lake failed");
    }
}

/// Responds to a request, and then receives the bytes of its body that the handler did not read.
async fn respond(
    lake: Arc<Lake>,
    faults: Faults,
    request: Request<Incoming>,
) -> std::result::Result<Response, Dropped> {
    let request = RequestBody::wrap(request);
    let body = request.body().clone();
    let response = handle(lake, faults, request).await?;
    body.discard();
    Ok(response)
}

async fn handle(
    lake: Arc<Lake>,
    faults: Faults,
    request: Request<RequestBody>,
) -> std::result::Result<Response, Dropped> {
    let fail = |status, message| api::refusal(&Error::refused(status, message));
    match faults.fault_for(request.method(), request.uri().path()) {
        None => Ok(api::handle(lake, request).await),
        Some(Fault::Drop) => Err(Dropped),
        Some(Fault::Fail(status, message)) => Ok(fail(status, message)),
        Some(Fault::Delay(delay)) => {
            tokio::time::sleep(delay).await;
            Ok(api::handle(lake, request).await)
        }
        Some(Fault::ApplyThenDelay(delay)) => {
            let response = api::handle(lake, request).await;
            tokio::time::sleep(delay).await;
            Ok(response)
        }
        Some(Fault::CutAfter(limit)) => Ok(truncate(api::handle(lake, request).await, limit)),
        Some(Fault::ApplyThen(status, message)) => {
            api::handle(lake, request).await;
            Ok(fail(status, message))
        }
        Some(Fault::ApplyThenDrop) => {
            api::handle(lake, request).await;
            Err(Dropped)
        }
    }
}
