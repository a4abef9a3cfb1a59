//! The server's own accept loop: connections with bounded windows, headers, age and silence, which end in order.

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
use axum::Router;
use coalesce::{Drain, coalesce};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use listener::{Accepted, Peer};
use rand::RngExt;
use std::collections::HashMap;
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
use tower::{Service as _, service_fn};

/// Connections in all.
const MAX_CONNECTIONS: usize = 4096;
/// Connections from one address, as which a Unix socket counts.
const MAX_PER_ADDRESS: usize = 512;
/// From a connection to its first request.
const FIRST_REQUEST: Duration = Duration::from_secs(10);
/// Then a connection is asked to go, so that clients find new replicas.
const MAX_AGE: Duration = Duration::from_secs(30 * 60);
/// Streams of one connection.
const MAX_STREAMS: u32 = 128;
/// What a client may send ahead on one stream, and on one connection.
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;
/// Larger frames cost less: fewer system calls for the same bytes.
const MAX_FRAME: u32 = 256 << 10;
/// Headers of one request. Credentials are the largest that anybody sends.
const MAX_HEADERS: u32 = 16 << 10;
/// What is gathered before it is written to a socket.
const WRITE_BUFFER: usize = 384 << 10;

/// Who is connected.
#[derive(Clone, Default)]
struct Guests(Arc<Mutex<HashMap<Option<IpAddr>, usize>>>);

/// One connection's place among them.
struct Guest {
    guests: Guests,
    address: Option<IpAddr>,
}

impl Guests {
    fn admit(&self, address: Option<IpAddr>) -> Option<Guest> {
        let mut guests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = guests.values().sum();
        let here = guests.get(&address).copied().unwrap_or_default();
        if all >= MAX_CONNECTIONS || here >= MAX_PER_ADDRESS {
            return None;
        }
        guests.insert(address, here + 1);
        Some(Guest { guests: self.clone(), address })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut guests = self.guests.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(here) = guests.get_mut(&self.address) {
            *here -= 1;
            if *here == 0 {
                guests.remove(&self.address);
            }
        }
    }
}

/// Accepts connections until told to stop; those that are open then finish their calls.
pub async fn accept(listener: Listener, router: Router, workers: Workers, stop: CancellationToken, tasks: TaskTracker) {
    let guests = Guests::default();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => match guests.admit(peer.ip()) {
                Some(guest) => {
                    let connection = connection(stream, peer, guest, router.clone(), stop.clone());
                    workers.serve(tasks.track_future(connection));
                }
                None => tracing::warn!(%peer, "too many connections: one is closed"),
            },
            Err(error) => {
                // Out of file descriptors, say. Others may end meanwhile.
                tracing::warn!(%error, "cannot accept a connection");
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn connection(stream: Accepted, peer: Peer, _guest: Guest, router: Router, stop: CancellationToken) {
    let (reader, writer) = match stream.split() {
        Ok(halves) => halves,
        Err(error) => return tracing::warn!(%peer, %error, "a connection cannot be served"),
    };
    let (io, writer) = coalesce(reader, writer, WRITE_BUFFER);
    let has_called = Arc::new(AtomicBool::new(false));
    let called = Arc::clone(&has_called);
    let service = service_fn(move |request| {
        called.store(true, Ordering::Relaxed);
        router.clone().call(request)
    });
    let builder = builder();
    let mut serving = pin!(builder.serve_connection(TokioIo::new(io), TowerToHyperService::new(service)));
    let age = MAX_AGE.mul_f64(rand::rng().random_range(0.9..1.1));
    let ended = tokio::select! {
        ended = drive(serving.as_mut(), &writer) => Some(ended),
        () = silent(&has_called) => Some(Err("it never called".into())),
        () = stop.cancelled() => None,
        () = sleep(age) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            // Asks the client to go (GOAWAY), and lets its calls end.
            serving.as_mut().graceful_shutdown();
            drive(serving.as_mut(), &writer).await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection ended");
    }
    // What is still gathered goes out; a client that is gone does not matter any more.
    let _ = poll_fn(|cx| writer.poll_drain(cx)).await;
}

/// Drives a connection to its end, with one large write for all that each turn produces.
async fn drive<C>(mut connection: Pin<&mut C>, writer: &Drain) -> Result<(), BoxError>
where
    C: Future<Output = Result<(), BoxError>>,
{
    poll_fn(|cx| {
        let ended = connection.as_mut().poll(cx);
        match writer.poll_drain(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error.into())),
            _ => ended,
        }
    })
    .await
}

/// Returns when a connection has not called in time, and never once it has.
async fn silent(has_called: &AtomicBool) {
    sleep(FIRST_REQUEST).await;
    if has_called.load(Ordering::Relaxed) {
        std::future::pending::<()>().await;
    }
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(FIRST_REQUEST);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(MAX_FRAME)
        .max_header_list_size(MAX_HEADERS)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}
