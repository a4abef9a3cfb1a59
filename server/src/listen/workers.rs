//! Threads that each serve whole connections. All that a call does (HTTP/2, its handler, its requests to lakeFS) stays on the
//! thread of its connection: to wake one task from another is then no matter of two cores, which for small pieces costs more than
//! the work itself. One connection has no more than one core; clients that want more open several.

use std::future::Future;
use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::runtime::{Builder, Handle, Runtime};

/// The threads. Cheap to clone; they end with the last clone.
#[derive(Clone)]
pub struct Workers(Arc<[Worker]>);

struct Worker {
    handle: Handle,
    /// There until dropped.
    runtime: Option<Runtime>,
    connections: Arc<AtomicUsize>,
}

/// One connection's place on a worker.
struct Place(Arc<AtomicUsize>);

impl Workers {
    /// Starts so many threads.
    ///
    /// # Errors
    /// When the system gives none.
    pub fn start(name: &str, count: NonZeroUsize) -> io::Result<Self> {
        let start = |_| {
            let runtime = Builder::new_multi_thread().worker_threads(1).thread_name(name).enable_all().build()?;
            Ok(Worker { handle: runtime.handle().clone(), runtime: Some(runtime), connections: Arc::default() })
        };
        (0..count.get()).map(start).collect::<io::Result<_>>().map(Self)
    }

    /// Serves a connection where the fewest are.
    pub(super) fn serve(&self, connection: impl Future<Output = ()> + Send + 'static) {
        let connections = |at: &usize| self.0[*at].connections.load(Ordering::Relaxed);
        let worker = &self.0[(0..self.0.len()).min_by_key(connections).unwrap_or_default()];
        let place = Place::take(&worker.connections);
        worker.handle.spawn(async move {
            let _place = place;
            connection.await;
        });
    }
}

impl Place {
    fn take(connections: &Arc<AtomicUsize>) -> Self {
        connections.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(connections))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Whoever drops the last clone may be a task, which must not wait for threads.
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
    async fn connections_go_where_the_fewest_are_and_stay_there() {
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
