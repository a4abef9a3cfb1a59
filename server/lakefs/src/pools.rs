//! Pools of connections to lakeFS, one for each Tokio runtime.
//!
//! The runtime that opened a connection drives it. If a task of another runtime used the connection, each part of a body would
//! wake a task on another core. The wake-up costs more than the transfer of the part.

use crate::error::BoxError;
use crate::stream;
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;
use tokio::runtime::{Handle, Id};

pub(crate) type RequestBody = UnsyncBoxBody<Bytes, BoxError>;
pub(crate) type Connector = HttpsConnector<stream::Connector>;
type Http = legacy::Client<Connector, RequestBody>;

/// Time after which an idle connection is closed. It is shorter than the idle timeout of lakeFS, so that lakeFS does not
/// close a connection that the pool is about to use.
const IDLE_TIMEOUT: Duration = Duration::from_secs(15);
/// Maximum number of idle connections per pool.
const MAX_IDLE: usize = 256;
/// Maximum size of one read from a socket, in bytes. Fewer, larger reads cost less.
const READ_BUFFER: usize = 640 << 10;

pub(crate) struct Pools {
    connector: Connector,
    /// Entries are never removed: a process has few runtimes, and they live as long as the process.
    pools: RwLock<HashMap<Id, Http>>,
}

impl Pools {
    pub(crate) fn new(connector: Connector) -> Self {
        Self { connector, pools: RwLock::default() }
    }

    /// Returns the pool of the current runtime.
    pub(crate) fn here(&self) -> Http {
        let runtime = Handle::current().id();
        if let Some(http) = self.pools.read().unwrap_or_else(PoisonError::into_inner).get(&runtime) {
            return http.clone();
        }
        let mut pools = self.pools.write().unwrap_or_else(PoisonError::into_inner);
        pools.entry(runtime).or_insert_with(|| pool(self.connector.clone())).clone()
    }
}

fn pool(connector: Connector) -> Http {
    legacy::Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_max_idle_per_host(MAX_IDLE)
        .http1_max_buf_size(READ_BUFFER)
        .build(connector)
}
