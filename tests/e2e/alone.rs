//! A server for its user alone, as a process: on a Unix socket, with its data to itself, until nobody needs it.

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

/// Far above what a start or an end takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Data, and a server that has it.
struct Alone {
    folder: tempfile::TempDir,
}

impl Alone {
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

    /// Starts a server, and waits until it listens.
    async fn start(&self, more: &[&str]) -> Child {
        let mut server = self.command(&self.socket(), "data").args(more).spawn().unwrap();
        let began = Instant::now();
        while UnixStream::connect(self.socket()).await.is_err() {
            assert!(server.try_wait().unwrap().is_none(), "the server ended");
            assert!(began.elapsed() < PATIENCE, "the server does not listen");
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
        let answer = self.files().await.read(request).await.unwrap().into_inner();
        crate::fixture::text(&crate::fixture::all(answer).await.unwrap())
    }
}

/// What a server leaves that ends by itself.
async fn ended(server: Child) -> Output {
    timeout(PATIENCE, server.wait_with_output()).await.expect("it does not end").unwrap()
}

/// What a server says that cannot start.
async fn refused(mut command: Command) -> String {
    let output = timeout(PATIENCE, command.output()).await.expect("it does not end").unwrap();
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).unwrap()
}

async fn terminate(server: &Child) {
    let id = server.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
}

#[tokio::test]
async fn a_unix_socket_serves_its_user_and_goes_with_its_server() {
    let alone = Alone::new();
    let server = alone.start(&[]).await;
    let mode = std::fs::symlink_metadata(alone.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // Without credentials: only its user can come here.
    alone.write("hello").await;
    assert_eq!(alone.read().await, "hello");
    terminate(&server).await;
    let output = ended(server).await;
    assert_eq!(output.status.code(), Some(0));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains(&format!("gRPC   unix:{}  ", alone.socket().display())), "{said}");
    assert!(!said.contains("admin"), "{said}");
    assert!(!alone.socket().exists(), "its socket stays");
}

#[tokio::test]
async fn the_socket_of_a_server_that_died_is_taken_over() {
    let alone = Alone::new();
    let mut server = alone.start(&[]).await;
    alone.write("kept").await;
    server.kill().await.unwrap();
    assert!(alone.socket().exists(), "nothing was left to take over");
    let _server = alone.start(&[]).await;
    assert_eq!(alone.read().await, "kept");
}

#[tokio::test]
async fn a_second_server_says_why_it_cannot_start_and_leaves_the_first_alone() {
    let alone = Alone::new();
    let _server = alone.start(&[]).await;
    alone.write("1").await;
    let of_the_same_data = refused(alone.command(&alone.folder.path().join("other"), "data")).await;
    assert!(of_the_same_data.contains("in use by another process"), "{of_the_same_data}");
    assert!(!alone.folder.path().join("other").exists());
    let at_the_same_socket = refused(alone.command(&alone.socket(), "other-data")).await;
    assert!(at_the_same_socket.contains("another server answers"), "{at_the_same_socket}");
    let nowhere = refused(alone.command(&alone.folder.path().join("none/s"), "other-data")).await;
    assert!(nowhere.contains("its folder is not there"), "{nowhere}");
    assert_eq!(alone.read().await, "1");
}

/// Of a lake of its own, the lake's lock keeps the second away; here nothing but the store is shared.
#[tokio::test]
async fn transactions_in_a_file_are_of_one_server() {
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
    // What only looks, as `sweep` does, opens it all the same.
    let Err(error) = app().await.serve().await else { panic!("two servers have one file") };
    assert!(error.to_string().contains("in use by another server"), "{error}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_server-with-faults"));
    let Lake::Remote { url, access_key_id, secret_access_key } = &lake else { unreachable!("it is set above") };
    command.args(["--lakefs-url", url, "--listen", "127.0.0.1:0", "--admin-listen", "off", "--data-dir"]);
    command.arg(folder.path().join("data")).env("LAKEPORT_LAKEFS_ACCESS_KEY_ID", access_key_id);
    command.env("LAKEPORT_LAKEFS_SECRET_ACCESS_KEY", secret_access_key.reveal());
    // Who started it can tell that waiting may help.
    assert_eq!(timeout(PATIENCE, command.output()).await.unwrap().unwrap().status.code(), Some(75));
    first.drain(Duration::from_secs(10)).await;
    app().await.serve().await.unwrap().drain(Duration::from_secs(10)).await;
}

#[tokio::test]
async fn a_server_of_a_free_port_says_where_it_is_and_serves_who_has_its_token() {
    let alone = Alone::new();
    let (address, token) = (alone.folder.path().join("address"), alone.folder.path().join("token"));
    std::fs::write(&token, "0123456789abcdef\n").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_server-with-faults"));
    command.args(["--listen", "127.0.0.1:0", "--admin-listen", "off", "--log", "warn", "--auth", "service"]);
    command.arg("--address-file").arg(&address).arg("--token-file").arg(&token);
    command.arg("--data-dir").arg(alone.folder.path().join("data")).kill_on_drop(true);
    let mut server = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let began = Instant::now();
    while !address.exists() {
        assert!(began.elapsed() < PATIENCE, "it does not say where it is");
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
    // A call that does not end keeps the server for a while, and nobody is sent to it meanwhile.
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
        assert!(asked.elapsed() < Duration::from_secs(5), "its address stays");
        sleep(Duration::from_millis(5)).await;
    }
    assert!(server.try_wait().unwrap().is_none(), "nothing kept it");
    writing.abort();
    assert_eq!(ended(server).await.status.code(), Some(0));
}

#[tokio::test]
async fn it_ends_by_itself_when_nobody_calls() {
    let alone = Alone::new();
    let server = alone.start(&["--exit-when-idle", "4"]).await;
    alone.write("kept").await;
    let _connection = alone.files().await;
    let called = Instant::now();
    let output = ended(server).await;
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(called.elapsed() > Duration::from_secs(3), "it ended too early");
    assert!(!alone.socket().exists(), "its socket stays");
    let _server = alone.start(&[]).await;
    assert_eq!(alone.read().await, "kept");
}
