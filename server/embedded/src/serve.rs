//! Serves a lake over HTTP/1.1.

use crate::api::{self, Response};
use crate::faults::{Fault, Faults, cut};
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

/// How long a client may take to send the head of a request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(60);
/// How long requests may take to end once the server is asked to.
const DRAIN: Duration = Duration::from_secs(5);

/// A lake that is being served.
#[derive(Debug)]
pub struct Serving {
    address: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("dropped on purpose")]
struct Dropped;

/// Serves a lake on a listener. A server that is not a test passes `Faults::default()`, which has none.
///
/// # Errors
/// When the listener has no address.
pub fn serve(lake: Arc<Lake>, listener: TcpListener, faults: Faults) -> Result<Serving> {
    let address = listener.local_addr()?;
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    tasks.spawn(accept(lake, listener, faults, stop.clone(), tasks.clone()));
    Ok(Serving { address, stop, tasks })
}

impl Serving {
    /// Where it is served.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no new requests, lets those that are under way end, and returns when all have.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(DRAIN, self.tasks.wait()).await.is_err() {
            tracing::warn!("requests to the embedded lake were still under way and are cut");
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
                // Out of file descriptors, say. Others may end meanwhile.
                tracing::warn!(%error, "the embedded lake cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn connection(lake: Arc<Lake>, stream: TcpStream, faults: Faults, stop: CancellationToken) {
    // Small answers must not wait for an acknowledgement; a socket that refuses is as good without.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| answer(Arc::clone(&lake), faults.clone(), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(1 << 20)
        // User metadata is one header each.
        .max_headers(1024)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection to the embedded lake broke off");
    }
}

async fn answer(lake: Arc<Lake>, faults: Faults, request: Request<Incoming>) -> std::result::Result<Response, Dropped> {
    let fail = |status, message| api::refusal(&Error::refused(status, message));
    match faults.meet(request.method(), request.uri().path()) {
        None => Ok(api::answer(lake, request).await),
        Some(Fault::Drop) => Err(Dropped),
        Some(Fault::Fail(status, message)) => Ok(fail(status, message)),
        Some(Fault::Delay(delay)) => {
            tokio::time::sleep(delay).await;
            Ok(api::answer(lake, request).await)
        }
        Some(Fault::ApplyThenDelay(delay)) => {
            let answer = api::answer(lake, request).await;
            tokio::time::sleep(delay).await;
            Ok(answer)
        }
        Some(Fault::CutAfter(limit)) => Ok(cut(api::answer(lake, request).await, limit)),
        Some(Fault::ApplyThen(status, message)) => {
            api::answer(lake, request).await;
            Ok(fail(status, message))
        }
        Some(Fault::ApplyThenDrop) => {
            api::answer(lake, request).await;
            Err(Dropped)
        }
    }
}
