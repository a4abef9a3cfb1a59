//! A server process for a single user: Unix socket, exclusive data directory, address file, token, and idle exit.

use bytes::Bytes;
use lakeport_embedded::Faults;
use lakeport_proto::v1::file_service_client::FileServiceClient;
use lakeport_proto::v1::{ReadRequest, WriteRequest};
use lakeport_server::app::App;
use lakeport_server::config::{Config, Lake, Secret};
use metrics_exporter_prometheus::PrometheusBuilder;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};
use tonic::transport::{Channel, Endpoint};

/// Timeout, far longer than a start or a shutdown takes.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A temporary directory for the data and the socket of a server.
struct SingleUser {
    folder: tempfile::TempDir,
}

impl SingleUser {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    fn command(&self, socket: &Path, data: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_server-with-faults"));
        let listen = format!("unix:{}", socket.display());
        command.args(["--listen", &listen, "--admin-listen", "off", "--log", "warn", "--data-dir"]);
        command.arg(self.folder.path().join(data));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    /// Starts a server and waits until it accepts connections.
    async fn start(&self, more: &[&str]) -> Child {
        let mut server = self.command(&self.socket(), "data").args(more).spawn().unwrap();
        let began = Instant::now();
        while UnixStream::connect(self.socket()).await.is_err() {
            assert!(server.try_wait().unwrap().is_none(), "the server exited");
            assert!(began.elapsed() < TIMEOUT, "the server does not listen");
            sleep(Duration::from_millis(20)).await;
        }
        server
    }

    async fn files(&self) -> FileServiceClient<Channel> {
        let endpoint = format!("unix:{}", self.socket().display());
        FileServiceClient::new(Endpoint::from_shared(endpoint).unwrap().connect().await.unwrap())
    }

    async fn write(&self, text: &str) {
        let request = WriteRequest {
            repository: "quickstart".into(),
            r#ref: "main".into(),
            path: "a".into(),
            data: Bytes::copy_from_slice(text.as_bytes()),
            finish_write: true,
            ..Default::default()
        };
        self.files().await.write(tokio_stream::iter([request])).await.unwrap();
    }

    async fn read(&self) -> String {
        let request = ReadRequest {
            repository: "quickstart".into(),
            r#ref: "main".into(),
            path: "a".into(),
            ..Default::default()
        };
        let response = self.files().await.read(request).await.unwrap().into_inner();
        crate::fixture::text(&crate::fixture::all(response).await.unwrap())
    }
}

/// Waits until a server exits and returns its output.
async fn ended(server: Child) -> Output {
    timeout(TIMEOUT, server.wait_with_output()).await.expect("the server does not exit").unwrap()
}

/// Runs a server that must fail to start and returns its standard error.
async fn refused(mut command: Command) -> String {
    let output = timeout(TIMEOUT, command.output()).await.expect("the server does not exit").unwrap();
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).unwrap()
}

async fn terminate(server: &Child) {
    let id = server.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
}

#[tokio::test]
async fn a_unix_socket_is_private_and_removed_on_exit() {
    let instance = SingleUser::new();
    let server = instance.start(&[]).await;
    let mode = std::fs::symlink_metadata(instance.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // The socket needs no credentials, because only its owner can connect.
    instance.write("hello").await;
    assert_eq!(instance.read().await, "hello");
    terminate(&server).await;
    let output = ended(server).await;
    assert_eq!(output.status.code(), Some(0));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains(&format!("gRPC   unix:{}  ", instance.socket().display())), "{printed}");
    assert!(!printed.contains("admin"), "{printed}");
    assert!(!instance.socket().exists(), "the socket still exists");
}

#[tokio::test]
async fn a_stale_unix_socket_is_replaced() {
    let instance = SingleUser::new();
    let mut server = instance.start(&[]).await;
    instance.write("kept").await;
    server.kill().await.unwrap();
    assert!(instance.socket().exists(), "the killed server left no socket");
    let _server = instance.start(&[]).await;
    assert_eq!(instance.read().await, "kept");
}

#[tokio::test]
async fn a_second_server_fails_to_start_and_does_not_disturb_the_first() {
    let instance = SingleUser::new();
    let _server = instance.start(&[]).await;
    instance.write("1").await;
    let of_the_same_data = refused(instance.command(&instance.folder.path().join("other"), "data")).await;
    assert!(of_the_same_data.contains("in use by another process"), "{of_the_same_data}");
    assert!(!instance.folder.path().join("other").exists());
    let at_the_same_socket = refused(instance.command(&instance.socket(), "other-data")).await;
    assert!(at_the_same_socket.contains("another server listens"), "{at_the_same_socket}");
    let nowhere = refused(instance.command(&instance.folder.path().join("none/s"), "other-data")).await;
    assert!(nowhere.contains("the directory of the socket does not exist"), "{nowhere}");
    assert_eq!(instance.read().await, "1");
}

/// Uses an external lake, because the lock of an embedded lake would already stop the second server.
#[tokio::test]
async fn a_session_store_file_is_used_by_one_server_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let lake = Arc::new(lakeport_embedded::Lake::open(&folder.path().join("lake")).await.unwrap());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let serving_lake = lakeport_embedded::serve(Arc::clone(&lake), listener, Faults::default()).unwrap();
    let lake = Lake::Remote {
        url: format!("http://{}", serving_lake.address()),
        access_key_id: lake.account().access_key_id.clone(),
        secret_access_key: Secret::new(&lake.account().secret_access_key),
    };
    let app = async || {
        let config = Config { lake: lake.clone(), ..lakeport_tests::server::config(folder.path().join("data")) };
        App::build(config, PrometheusBuilder::new().build_recorder().handle()).await.unwrap()
    };
    let first = app().await.serve().await.unwrap();
    // Building the app opens the store without claiming it, as `sweep` does. Only serving claims it.
    let Err(error) = app().await.serve().await else { panic!("two servers use the same session store file") };
    assert!(error.to_string().contains("in use by another server"), "{error}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_server-with-faults"));
    let Lake::Remote { url, access_key_id, secret_access_key } = &lake else { unreachable!("the lake is remote") };
    command.args(["--lakefs-url", url, "--listen", "127.0.0.1:0", "--admin-listen", "off", "--data-dir"]);
    command.arg(folder.path().join("data")).env("LAKEPORT_LAKEFS_ACCESS_KEY_ID", access_key_id);
    command.env("LAKEPORT_LAKEFS_SECRET_ACCESS_KEY", secret_access_key.reveal());
    // The exit code tells the parent process that a later start may succeed.
    assert_eq!(timeout(TIMEOUT, command.output()).await.unwrap().unwrap().status.code(), Some(75));
    first.drain(Duration::from_secs(10)).await;
    app().await.serve().await.unwrap().drain(Duration::from_secs(10)).await;
}

#[tokio::test]
async fn a_server_writes_its_address_file_and_requires_its_token() {
    let instance = SingleUser::new();
    let (address, token) = (instance.folder.path().join("address"), instance.folder.path().join("token"));
    std::fs::write(&token, "0123456789abcdef\n").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_server-with-faults"));
    command.args(["--listen", "127.0.0.1:0", "--admin-listen", "off", "--log", "warn", "--auth", "service"]);
    command.arg("--address-file").arg(&address).arg("--token-file").arg(&token);
    command.arg("--data-dir").arg(instance.folder.path().join("data")).kill_on_drop(true);
    let mut server = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let began = Instant::now();
    while !address.exists() {
        assert!(began.elapsed() < TIMEOUT, "the server does not write its address file");
        sleep(Duration::from_millis(20)).await;
    }
    let endpoint = format!("http://{}", std::fs::read_to_string(&address).unwrap().trim());
    let channel = Endpoint::from_shared(endpoint).unwrap().connect().await.unwrap();
    let read = async |authorization: Option<&'static str>| {
        let (repository, r#ref, path) = ("quickstart".into(), "main".into(), "README.md".into());
        let mut request = tonic::Request::new(ReadRequest { repository, r#ref, path, ..Default::default() });
        if let Some(value) = authorization {
            request.metadata_mut().insert("authorization", value.parse().unwrap());
        }
        FileServiceClient::new(channel.clone()).read(request).await.map_err(|refused| refused.code())
    };
    assert!(read(Some("Bearer 0123456789abcdef")).await.is_ok());
    for other in [None, Some("Bearer 0123456789abcdee"), Some("Basic YTpi")] {
        assert_eq!(read(other).await.unwrap_err(), tonic::Code::Unauthenticated, "{other:?}");
    }
    // An unfinished call delays the shutdown. The address file must be deleted before that, so that no new client connects.
    let mut files = FileServiceClient::new(channel.clone());
    let first =
        WriteRequest { repository: "quickstart".into(), r#ref: "main".into(), path: "a".into(), ..Default::default() };
    let endless = tokio_stream::StreamExt::chain(tokio_stream::once(first), tokio_stream::pending());
    let mut request = tonic::Request::new(endless);
    request.metadata_mut().insert("authorization", "Bearer 0123456789abcdef".parse().unwrap());
    let writing = tokio::spawn(async move { files.write(request).await });
    sleep(Duration::from_millis(300)).await;
    terminate(&server).await;
    let asked = Instant::now();
    while address.exists() {
        assert!(asked.elapsed() < Duration::from_secs(5), "the address file still exists");
        sleep(Duration::from_millis(5)).await;
    }
    assert!(server.try_wait().unwrap().is_none(), "the server exited before the call ended");
    writing.abort();
    assert_eq!(ended(server).await.status.code(), Some(0));
}

#[tokio::test]
async fn an_idle_server_exits_and_keeps_its_data() {
    let instance = SingleUser::new();
    let server = instance.start(&["--exit-when-idle", "4"]).await;
    instance.write("kept").await;
    let _connection = instance.files().await;
    let called = Instant::now();
    let output = ended(server).await;
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(called.elapsed() > Duration::from_secs(3), "the server exited too early");
    assert!(!instance.socket().exists(), "the socket still exists");
    let _server = instance.start(&[]).await;
    assert_eq!(instance.read().await, "kept");
}
