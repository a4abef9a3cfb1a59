//! The server as a process, which dies and starts again at the same address.

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

/// So many times shorter is what a server waits for, if nothing else is said.
const HASTE: u32 = 40;
/// Far above what a start takes.
const START: Duration = Duration::from_secs(30);

/// How a replica is started.
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
    /// What it said of itself: faults that happened, warnings.
    said: Arc<Mutex<Vec<String>>>,
    listening: JoinHandle<()>,
}

impl Replica {
    /// One that keeps its transactions in a file of its own, or in a database that it shares.
    pub(crate) fn new(lake: &Lake, data_dir: PathBuf, session_store: Option<String>) -> Self {
        let listeners = [(); 2].map(|()| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
        let [address, admin_address] = listeners.map(|listener| listener.local_addr().unwrap());
        let lake = [lake.url.clone(), lake.access_key_id.clone(), lake.secret_access_key.clone()];
        Self { address, admin_address, auth: "service", data_dir, lake, session_store, haste: HASTE }
    }

    /// The same, which reaches the lake by way of a proxy.
    pub(crate) fn of_lake_at(mut self, url: &str) -> Self {
        url.clone_into(&mut self.lake[0]);
        self
    }

    /// The same, with another haste.
    pub(crate) fn hastened(self, haste: u32) -> Self {
        Self { haste, ..self }
    }

    /// The same, with the right of each caller.
    pub(crate) fn passing_through(self) -> Self {
        Self { auth: "passthrough", ..self }
    }

    /// What a metric says now.
    pub(crate) async fn metric(&self, name: &str) -> Option<f64> {
        let client = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
        let answer = client.get(format!("http://{}/metrics", self.admin_address).parse().unwrap()).await.unwrap();
        let text = answer.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8(text.to_vec()).unwrap();
        text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
    }

    /// What `sweep` says.
    pub(crate) async fn sweep(&self, arguments: &[&str]) -> String {
        let swept = self.command().arg("sweep").args(arguments).output().await.unwrap();
        assert!(swept.status.success(), "{}", String::from_utf8_lossy(&swept.stderr));
        String::from_utf8(swept.stdout).unwrap()
    }

    /// The program, with what says which lake and which store.
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

    /// Starts it, with faults armed, and waits until it listens or has died of one.
    pub(crate) async fn start(&self, faults: &str) -> Process {
        let mut command = self.command();
        command
            .args(["--auth", self.auth, "--log", "warn", "--log-format", "json"])
            .args(["--listen", &self.address.to_string(), "--admin-listen", &self.admin_address.to_string()])
            .env("LAKEPORT_FAULTS", faults);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let hears = Arc::clone(&said);
        let listening = tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                hears.lock().unwrap().push(line);
            }
        });
        let process = Process { child: child.into(), said, listening };
        let began = tokio::time::Instant::now();
        while TcpStream::connect(self.address).await.is_err()
            && process.child.lock().await.try_wait().unwrap().is_none()
        {
            assert!(began.elapsed() < START, "the server does not listen: {:?}", process.said.lock().unwrap());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        process
    }
}

impl Process {
    /// Lets it live for a while, kills it if it has not died of a fault by then, and says what it said.
    pub(crate) async fn die_within(self, span: Duration) -> Vec<String> {
        if tokio::time::timeout(span, self.has_died()).await.is_err() {
            self.kill().await;
        }
        self.listening.await.unwrap();
        Arc::into_inner(self.said).unwrap().into_inner().unwrap()
    }

    /// Ends it as the system would.
    pub(crate) async fn kill(&self) {
        self.child.lock().await.kill().await.unwrap();
    }

    /// Waits until it has died of a fault.
    pub(crate) async fn has_died(&self) {
        self.child.lock().await.wait().await.unwrap();
    }

    /// Waits until it stands still at a point.
    pub(crate) async fn stands_still(&self) {
        let stands = |line: &String| line.ends_with(": stands still");
        until("a server stands still", async || self.said.lock().unwrap().iter().any(stands)).await;
    }
}
