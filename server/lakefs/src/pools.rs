//! The open connections to a lakeFS, in one pool for each runtime.
//!
//! A connection is driven by the runtime that opened it. Were it used from another, each piece of a body would wake a task on
//! another core, and that costs more than passing the piece on.

use crate::error::BoxError;
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;
use tokio::runtime::{Handle, Id};

pub(crate) type RequestBody = UnsyncBoxBody<Bytes, BoxError>;
pub(crate) type Connector = HttpsConnector<HttpConnector>;
type Http = legacy::Client<Connector, RequestBody>;

/// Idle connections are kept for so long. lakeFS closes none by itself that is younger.
const IDLE: Duration = Duration::from_secs(15);
/// Idle connections of one pool.
const MAX_IDLE: usize = 256;
/// Room for what one read from a socket brings: fewer, larger pieces cost less.
const READ_BUFFER: usize = 640 << 10;

pub(crate) struct Pools {
    connector: Connector,
    /// Runtimes are few, and live as long as the process.
    pools: RwLock<HashMap<Id, Http>>,
}

impl Pools {
    pub(crate) fn new(connector: Connector) -> Self {
        Self { connector, pools: RwLock::default() }
    }

    /// The pool of the runtime that asks.
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
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(MAX_IDLE)
        .http1_max_buf_size(READ_BUFFER)
        .build(connector)
}
