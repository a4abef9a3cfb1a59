//! The composition root: the only place that wires the parts together.

use crate::auth::{Access, Principals, Token};
use crate::config::{Auth, Config, Lake};
use crate::edge::{Activity, Admission, Edge};
use crate::error::BoxError;
use crate::grpc::{HEALTH_NAMES, Routes, Service};
use crate::limits::Limits;
use crate::listen::{Address, AddressFile, Listener, Workers};
use crate::memory::MessageMemory;
use crate::ops::batch_memory::BatchMemory;
use crate::ops::context::{Ops, Shared};
use crate::ops::known_commits::KnownCommits;
use crate::ops::merge_queue::MergeQueues;
use crate::readiness::Readiness;
use crate::timing::{Timing, millis};
use crate::{admin, idle, janitor, listen, quickstart, telemetry};
use lakeport_embedded::{Faults, Serving as ServingLake};
use lakeport_lakefs::{Client, Credentials, Timeouts};
use lakeport_transactions::{Claim, InFlight, SessionStore, Worker};
use metrics_exporter_prometheus::PrometheusHandle;
use rand::RngExt;
use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic_health::server::HealthReporter;

/// Memory for the messages of all calls, in bytes.
const MESSAGE_MEMORY: usize = 256 << 20;

/// Time for the last responses to reach their callers after the drain.
const LAST_RESPONSES: Duration = Duration::from_secs(1);

/// A configured server that does not listen yet.
pub struct App {
    config: Config,
    ops: Ops,
    lake: Option<EmbeddedLake>,
    metrics: PrometheusHandle,
}

/// An embedded lake and its listeners.
struct EmbeddedLake {
    lake: Arc<lakeport_embedded::Lake>,
    /// The listener for this process, and then the one for others, if configured.
    serving: Vec<ServingLake>,
}

/// A running server.
pub struct Serving {
    ops: Shared,
    lake: Option<EmbeddedLake>,
    health: HealthReporter,
    admission: Admission,
    activity: Activity,
    /// Ends the accept loops. Open connections continue.
    stop: CancellationToken,
    connections: TaskTracker,
    /// Tasks of calls run on them longer than the connections.
    _workers: Workers,
    /// Deleted before the address becomes free for others.
    address_file: Option<AddressFile>,
    /// Released after the store is closed.
    _claim: Claim,
    /// Address of gRPC.
    pub address: Address,
    /// Address of probes and metrics, if configured.
    pub admin_address: Option<SocketAddr>,
    /// Address of the REST API of the embedded lake for others, if configured.
    pub embedded_address: Option<SocketAddr>,
}

impl App {
    /// Opens the lake and the store.
    ///
    /// # Errors
    /// One of them cannot be opened.
    pub async fn build(config: Config, metrics: PrometheusHandle) -> Result<Self, BoxError> {
        Self::with_faults(config, metrics, Faults::default()).await
    }

    /// Opens the lake and the store, with faults in the embedded lake. For tests.
    ///
    /// # Errors
    /// Those of [`build`](Self::build).
    pub async fn with_faults(config: Config, metrics: PrometheusHandle, faults: Faults) -> Result<Self, BoxError> {
        private_folder(&config.data_dir)?;
        let (lake, url, credentials) = match &config.lake {
            Lake::Remote { url, access_key_id, secret_access_key } => {
                (None, url.clone(), Credentials::key_pair(access_key_id, secret_access_key.reveal()))
            }
            Lake::Embedded { listen } => {
                let (lake, url) = open_lake(&config.data_dir, *listen, faults).await?;
                let account = lake.lake.account();
                let credentials = Credentials::key_pair(&account.access_key_id, &account.secret_access_key);
                (Some(lake), url, credentials)
            }
        };
        let client =
            Client::trusting(&config.trust, &url, Timeouts { merge: config.merge_timeout, ..Timeouts::default() })?;
        let service = client.acting_as(credentials);
        if let Some(lake) = &lake {
            quickstart::ensure(&config.data_dir, lake.lake.is_new().await?, &service).await?;
        }
        let store = SessionStore::open(&session_url(&config)).await?;
        let process = format!("{:032x}", rand::rng().random::<u128>());
        let in_flight = InFlight::start(store.clone(), process.clone()).await?;
        let is_local = lake.is_some() && config.listen.is_local();
        let access = match &config.auth {
            Auth::Service { token: None } => Access::Service,
            Auth::Service { token: Some(token) } => Access::Token(Token::new(token.reveal())),
            Auth::Passthrough if is_local => Access::PassThroughOrService,
            Auth::Passthrough => Access::PassThrough,
        };
        let timing = Timing::of(config.merge_timeout, config.remember);
        let ops = Ops {
            lakefs: client,
            service,
            store,
            access,
            principals: Principals::default(),
            queues: MergeQueues::default(),
            known_commits: KnownCommits::default(),
            batch_memory: BatchMemory::default(),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            limits: Limits::default(),
            timing,
            in_flight,
            worker: Worker { name: process, lease: millis(timing.lease) },
            is_embedded: lake.is_some(),
        };
        Ok(Self { config, ops, lake, metrics })
    }

    /// Returns the context of calls, for users without a listener.
    pub fn ops(&self) -> &Ops {
        &self.ops
    }

    /// Closes the store and the lake without serving.
    pub async fn close(self) {
        close(&self.ops, self.lake).await;
    }

    /// Replaces the timeouts and intervals. For tests.
    #[must_use]
    pub fn timed(mut self, timing: Timing) -> Self {
        self.ops.timing = timing;
        self.ops.worker.lease = millis(timing.lease);
        self
    }

    /// Listens, and starts the janitor.
    ///
    /// # Errors
    /// Another server uses the store, or an address cannot be listened on.
    pub async fn serve(self) -> Result<Serving, BoxError> {
        let claim = self.ops.store.claim(&self.ops.worker.name).await?;
        let listener = Listener::bind(&self.config.listen).await.map_err(cannot_listen(&self.config.listen))?;
        let address = listener.address()?;
        let admin_listener = match self.config.admin_listen {
            Some(address) => Some(bind(address).await?),
            None => None,
        };
        let admin_address = admin_listener.as_ref().map(TcpListener::local_addr).transpose()?;
        let (stop, connections) = (CancellationToken::new(), TaskTracker::new());
        let ops = Arc::new(self.ops);
        ops.tasks.spawn(ops.stopping.clone().run_until_cancelled_owned(telemetry::upkeep(self.metrics.clone())));
        let (admission, activity) = (Admission::new(ops.access), Activity::default());
        let (routes, health) = Routes::new(&Service::new(ops.clone())).await?;
        let origins = self.config.web_origins;
        let memory = MessageMemory::new(MESSAGE_MEMORY);
        let edge = Edge::new(ops.clone(), routes, admission.clone(), activity.clone(), origins, memory);
        ops.tasks.spawn(admission.clone().sweep(ops.stopping.clone()));
        let tasks = &connections;
        let workers = Workers::start("calls", std::thread::available_parallelism()?)?;
        let edges = move || edge.for_connection();
        tasks.spawn(listen::accept(listener, edges, workers.clone(), stop.clone(), tasks.clone()));
        if let Some(listener) = admin_listener {
            let readiness = Readiness::new(ops.clone(), self.lake.as_ref().map(|lake| Arc::clone(&lake.lake)));
            let (listener, admin) = (Listener::Tcp(listener), admin::routes(readiness, self.metrics));
            let admins = move || admin.clone();
            tasks.spawn(listen::accept(listener, admins, workers.clone(), stop.clone(), tasks.clone()));
        }
        // Before the first round of the janitor, so that a downtime extends the transactions first.
        ops.store.heartbeat().await?;
        ops.tasks.spawn(janitor::beats(ops.clone(), ops.stopping.clone()));
        ops.tasks.spawn(janitor::run(ops.clone(), ops.stopping.clone()));
        if !ops.is_embedded {
            ops.tasks.spawn(check_lakefs(ops.clone()));
        }
        if let Some(lake) = &self.lake {
            let (lake, stopping) = (Arc::clone(&lake.lake), ops.stopping.clone());
            ops.tasks.spawn(async move { stopping.run_until_cancelled(lake.gc_regularly()).await });
        }
        let address_file = self.config.address_file.as_deref().map(|path| announce(path, &address)).transpose()?;
        let embedded_address = self.lake.as_ref().and_then(|lake| lake.serving.get(1)).map(ServingLake::address);
        Ok(Serving {
            ops,
            lake: self.lake,
            health,
            admission,
            activity,
            stop,
            connections,
            _workers: workers,
            address_file,
            _claim: claim,
            address,
            admin_address,
            embedded_address,
        })
    }
}

impl Serving {
    /// Returns the context of calls, for tests that inspect it.
    pub fn ops(&self) -> &Shared {
        &self.ops
    }

    /// Waits until no call has run for `span` and no transaction is open. Connections without calls do not count.
    pub async fn idle(&self, span: Duration) {
        idle::idle(&self.ops, &self.activity, span).await;
    }

    /// Stops: readiness ends, clients get GOAWAY, calls and commits finish, the janitor stops, and the store and the lake close.
    pub async fn drain(mut self, limit: Duration) {
        drop(self.address_file.take());
        self.ops.stopping.cancel();
        for service in HEALTH_NAMES {
            self.health.set_service_status(service, tonic_health::ServingStatus::NotServing).await;
        }
        self.stop.cancel();
        self.connections.close();
        self.ops.tasks.close();
        let finished = async {
            self.connections.wait().await;
            self.ops.tasks.wait().await;
        };
        if tokio::time::timeout(limit, finished).await.is_err() {
            tracing::warn!(
                "the drain timed out: the remaining calls are cancelled, and their commits continue after the next start"
            );
            self.admission.end_all();
            let _ = tokio::time::timeout(LAST_RESPONSES, self.connections.wait()).await;
        }
        close(&self.ops, self.lake).await;
    }
}

async fn close(ops: &Ops, lake: Option<EmbeddedLake>) {
    ops.in_flight.close().await;
    ops.store.close().await;
    if let Some(lake) = lake {
        for serving in lake.serving {
            serving.stop().await;
        }
        lake.lake.close().await;
    }
}

/// Logs at startup if lakeFS is unavailable or rejects the service account: all calls would fail then.
async fn check_lakefs(ops: Shared) {
    if let Err(error) = ops.service.user().await {
        tracing::warn!(%error, "lakeFS is unavailable or rejects the service account: calls fail until this is fixed");
    }
}

/// Creates the data folder. Only its owner can read it, since it contains the secret of the embedded lake.
fn private_folder(dir: &Path) -> Result<(), BoxError> {
    let mut folder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
    folder.recursive(true).create(dir).map_err(|error| format!("--data-dir {}: {error}", dir.display()).into())
}

/// Returns whether a server cannot start because another one uses its store.
pub fn is_in_use(error: &BoxError) -> bool {
    matches!(error.downcast_ref(), Some(lakeport_transactions::Error::InUse(_)))
}

fn announce(path: &Path, address: &Address) -> Result<AddressFile, BoxError> {
    AddressFile::write(path, address).map_err(|error| format!("--address-file {}: {error}", path.display()).into())
}

async fn bind(address: SocketAddr) -> Result<TcpListener, BoxError> {
    TcpListener::bind(address).await.map_err(cannot_listen(&address))
}

fn cannot_listen(address: &impl Display) -> impl FnOnce(io::Error) -> BoxError {
    move |error| {
        format!("cannot listen on {address}: {error} (choose another one with --listen, --admin-listen or --embedded-listen)")
            .into()
    }
}

/// Opens the lake in the data folder and serves it: to this process on a free port, and to others on `listen`.
async fn open_lake(
    data_dir: &Path,
    listen: Option<SocketAddr>,
    faults: Faults,
) -> Result<(EmbeddedLake, String), BoxError> {
    let lake = Arc::new(lakeport_embedded::Lake::open(&data_dir.join("lake")).await?);
    let own = lakeport_embedded::serve(Arc::clone(&lake), bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?, faults)?;
    let url = format!("http://{}", own.address());
    let mut serving = vec![own];
    if let Some(address) = listen {
        serving.push(lakeport_embedded::serve(Arc::clone(&lake), bind(address).await?, Faults::default())?);
    }
    Ok((EmbeddedLake { lake, serving }, url))
}

fn session_url(config: &Config) -> String {
    match &config.session_store {
        // A missing file is created, unless the URL has its own options.
        Some(url) if url.reveal().starts_with("sqlite:") && !url.reveal().contains('?') => {
            format!("{}?mode=rwc", url.reveal())
        }
        Some(url) => url.reveal().to_owned(),
        None => {
            let file = config.data_dir.join("sessions.db").display().to_string();
            format!("sqlite:{}?mode=rwc", file.replace('%', "%25").replace('?', "%3f"))
        }
    }
}
