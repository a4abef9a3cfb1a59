//! Worker threads, each of which serves whole connections.
//!
//! All work of a call (HTTP/2, its handler and its requests to lakeFS) stays on the thread of its connection. When one task
//! wakes another, both are on the same core. For small parts, a wake-up across cores costs more than the work itself. A
//! connection therefore uses at most one core; a client that needs more opens several connections.

use std::future::Future;
use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::runtime::{Builder, Handle, Runtime};

/// Pool of worker threads. Cheap to clone. Dropping the last clone stops the threads.
#[derive(Clone)]
pub struct Workers(Arc<[Worker]>);

struct Worker {
    handle: Handle,
    /// `Some` until the worker is dropped.
    runtime: Option<Runtime>,
    connections: Arc<AtomicUsize>,
}

/// Counts a connection of a worker until dropped.
struct ConnectionCount(Arc<AtomicUsize>);

impl Workers {
    /// Starts `count` threads.
    ///
    /// # Errors
    /// Returns an error if the system cannot start a thread.
    pub fn start(name: &str, count: NonZeroUsize) -> io::Result<Self> {
        let start = |_| {
            let runtime = Builder::new_multi_thread().worker_threads(1).thread_name(name).enable_all().build()?;
            Ok(Worker { handle: runtime.handle().clone(), runtime: Some(runtime), connections: Arc::default() })
        };
        (0..count.get()).map(start).collect::<io::Result<_>>().map(Self)
    }

    /// Serves a connection on the worker that has the fewest connections.
    pub(super) fn serve(&self, connection: impl Future<Output = ()> + Send + 'static) {
        let connections = |at: &usize| self.0[*at].connections.load(Ordering::Relaxed);
        let worker = &self.0[(0..self.0.len()).min_by_key(connections).unwrap_or_default()];
        let count = ConnectionCount::increment(&worker.connections);
        worker.handle.spawn(async move {
            let _count = count;
            connection.await;
        });
    }
}

impl ConnectionCount {
    fn increment(connections: &Arc<AtomicUsize>) -> Self {
        connections.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(connections))
    }
}

impl Drop for ConnectionCount {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // A task may drop the last clone, and a task must not wait for threads.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;
    use tokio::sync::mpsc;

    #[tokio::test]
    async fn each_connection_stays_on_the_worker_with_the_fewest_connections() {
        let workers = Workers::start("calls", NonZeroUsize::new(2).unwrap()).unwrap();
        let (served, mut threads) = mpsc::unbounded_channel();
        for _ in 0..4 {
            let served = served.clone();
            workers.serve(async move {
                let first = thread::current().id();
                let spawned = tokio::spawn(async { thread::current().id() }).await.unwrap();
                assert_eq!(first, spawned, "a task of the connection runs elsewhere");
                served.send(first).unwrap();
                std::future::pending::<()>().await;
            });
        }
        let mut seen = Vec::new();
        for _ in 0..4 {
            seen.push(threads.recv().await.unwrap());
        }
        let first = seen[0];
        assert_eq!(seen.iter().filter(|thread| **thread == first).count(), 2, "{seen:?}");
    }
}
