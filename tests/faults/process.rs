//! The server as a process that can be killed and restarted at the same address.

use crate::lake::Lake;
use crate::until;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioExecutor;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

/// Default factor by which the server's waiting times are shortened.
const HASTE: u32 = 40;
/// Timeout of a start, far longer than a start takes.
const START: Duration = Duration::from_secs(30);

/// Configuration of a replica.
#[derive(Clone)]
pub(crate) struct Replica {
    pub(crate) address: SocketAddr,
    admin_address: SocketAddr,
    auth: &'static str,
    data_dir: PathBuf,
    lake: [String; 3],
    session_store: Option<String>,
    haste: u32,
}

/// A running server.
pub(crate) struct Process {
    child: tokio::sync::Mutex<Child>,
    /// Lines of standard error: reached fault points and warnings.
    log: Arc<Mutex<Vec<String>>>,
    reading: JoinHandle<()>,
}

impl Replica {
    /// Creates a replica that stores its transactions in `session_store`, or in a file in its data directory.
    pub(crate) fn new(lake: &Lake, data_dir: PathBuf, session_store: Option<String>) -> Self {
        let listeners = [(); 2].map(|()| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
        let [address, admin_address] = listeners.map(|listener| listener.local_addr().unwrap());
        let lake = [lake.url.clone(), lake.access_key_id.clone(), lake.secret_access_key.clone()];
        Self { address, admin_address, auth: "service", data_dir, lake, session_store, haste: HASTE }
    }

    /// Makes the replica use the lake at another URL, for example that of a proxy.
    pub(crate) fn with_lake_at(mut self, url: &str) -> Self {
        url.clone_into(&mut self.lake[0]);
        self
    }

    /// Sets the factor by which waiting times are shortened.
    pub(crate) fn with_haste(self, haste: u32) -> Self {
        Self { haste, ..self }
    }

    /// Makes the replica use the credentials of its callers (`--auth passthrough`).
    pub(crate) fn with_passthrough(self) -> Self {
        Self { auth: "passthrough", ..self }
    }

    /// Returns the current value of a metric.
    pub(crate) async fn metric(&self, name: &str) -> Option<f64> {
        let client = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
        let response = client.get(format!("http://{}/metrics", self.admin_address).parse().unwrap()).await.unwrap();
        let text = response.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8(text.to_vec()).unwrap();
        text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
    }

    /// Runs `sweep` and returns its standard output.
    pub(crate) async fn sweep(&self, arguments: &[&str]) -> String {
        let swept = self.command().arg("sweep").args(arguments).output().await.unwrap();
        assert!(swept.status.success(), "{}", String::from_utf8_lossy(&swept.stderr));
        String::from_utf8(swept.stdout).unwrap()
    }

    /// Returns the server command with the settings for the lake and the store.
    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_server-with-faults"));
        let [url, key, secret] = &self.lake;
        command
            .env("LAKEPORT_LAKEFS_URL", url)
            .env("LAKEPORT_LAKEFS_ACCESS_KEY_ID", key)
            .env("LAKEPORT_LAKEFS_SECRET_ACCESS_KEY", secret)
            .env("LAKEPORT_DATA_DIR", &self.data_dir)
            .env("LAKEPORT_HASTE", self.haste.to_string());
        if let Some(url) = &self.session_store {
            command.env("LAKEPORT_SESSION_STORE", url);
        }
        command
    }

    /// Starts the server with armed fault points. Returns when the server listens or has died at a fault point.
    pub(crate) async fn start(&self, faults: &str) -> Process {
        let mut command = self.command();
        command
            .args(["--auth", self.auth, "--log", "warn", "--log-format", "json"])
            .args(["--listen", &self.address.to_string(), "--admin-listen", &self.admin_address.to_string()])
            .env("LAKEPORT_FAULTS", faults);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let lines_seen = Arc::clone(&log);
        let reading = tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                lines_seen.lock().unwrap().push(line);
            }
        });
        let process = Process { child: child.into(), log, reading };
        let began = tokio::time::Instant::now();
        while TcpStream::connect(self.address).await.is_err()
            && process.child.lock().await.try_wait().unwrap().is_none()
        {
            assert!(
                began.elapsed() < START,
                "the server does not listen after {START:?}: {:?}",
                process.log.lock().unwrap()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        process
    }
}

impl Process {
    /// Lets the server run for `limit`, kills it if it has not exited at a fault point by then, and returns its log lines.
    pub(crate) async fn run_for(self, limit: Duration) -> Vec<String> {
        if tokio::time::timeout(limit, self.wait_until_exit()).await.is_err() {
            self.kill().await;
        }
        self.reading.await.unwrap();
        Arc::into_inner(self.log).unwrap().into_inner().unwrap()
    }

    /// Kills the process with SIGKILL.
    pub(crate) async fn kill(&self) {
        self.child.lock().await.kill().await.unwrap();
    }

    /// Waits until the process exits at a fault point.
    pub(crate) async fn wait_until_exit(&self) {
        self.child.lock().await.wait().await.unwrap();
    }

    /// Waits until the server is paused at a fault point.
    pub(crate) async fn wait_until_paused(&self) {
        let is_paused = |line: &String| line.ends_with(": blocked");
        until("the server is paused", async || self.log.lock().unwrap().iter().any(is_paused)).await;
    }
}
