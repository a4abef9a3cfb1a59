//! Responses that the embedded lake sends before it has read the body of the request. The client must get each of them, so the
//! connection stays open and usable until the client has sent the rest of the body.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test reports a failure by panicking")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lakeport_embedded::{Fault, Faults, Lake, On, Serving, serve};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// More than the buffers of a connection hold.
const LARGE: usize = 24 << 20;
const UPLOAD: &str = "/api/v1/repositories/lake/branches/main/objects?path=a";

/// A lake with the object `a`.
struct Server {
    address: SocketAddr,
    authorization: String,
    faults: Faults,
    _runtime: Runtime,
    _serving: Serving,
    _dir: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        let (runtime, dir, faults) = (Runtime::new().unwrap(), tempfile::tempdir().unwrap(), Faults::default());
        let (serving, authorization) = runtime.block_on(async {
            let lake = Arc::new(Lake::open(dir.path()).await.unwrap());
            let account = lake.account();
            let pair = STANDARD.encode(format!("{}:{}", account.access_key_id, account.secret_access_key));
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            (serve(lake, listener, faults.clone()).unwrap(), format!("authorization: Basic {pair}\r\n"))
        });
        let address = serving.address();
        let server = Self { address, authorization, faults, _runtime: runtime, _serving: serving, _dir: dir };
        let repository = br#"{"name":"lake","storage_namespace":"local://lake"}"#;
        let json = "content-type: application/json\r\n";
        assert_eq!(server.connect().send("POST", "/api/v1/repositories", json, repository), 201);
        assert_eq!(server.connect().send("POST", UPLOAD, "", b"12345"), 201);
        server
    }

    fn connect(&self) -> Connection<'_> {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
        Connection { server: self, stream: BufReader::new(stream) }
    }

    /// Sends a request with a large body, and the next request on the same connection. Returns the status of the first.
    fn send_large(&self, method: &str, target: &str, headers: &str, body: &[u8]) -> u16 {
        let mut connection = self.connect();
        let status = connection.send(method, target, headers, body);
        assert_eq!(connection.send("GET", "/api/v1/healthcheck", "", b""), 204, "{method} {target} {headers}");
        status
    }
}

struct Connection<'a> {
    server: &'a Server,
    stream: BufReader<TcpStream>,
}

impl Connection<'_> {
    /// Sends a request with all of its body, then reads the response. Returns the status.
    fn send(&mut self, method: &str, target: &str, headers: &str, body: &[u8]) -> u16 {
        let is_anonymous = headers.contains("x-anonymous");
        let authorization = if is_anonymous { "" } else { &self.server.authorization };
        let length = body.len();
        let head = format!(
            "{method} {target} HTTP/1.1\r\nhost: x\r\n{authorization}{headers}content-length: {length}\r\n\r\n"
        );
        let stream = self.stream.get_mut();
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap_or_else(|error| panic!("{method} {target} {headers}: {error}"));
        self.response(method)
    }

    fn response(&mut self, method: &str) -> u16 {
        let (mut status, mut length) = (0, 0);
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).unwrap();
            let line = line.trim_end().to_ascii_lowercase();
            if let Some(text) = line.strip_prefix("http/1.1 ") {
                status = text[..3].parse().unwrap();
            } else if let Some(text) = line.strip_prefix("content-length: ") {
                length = text.parse().unwrap();
            } else if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; if method == "HEAD" { 0 } else { length }];
        self.stream.read_exact(&mut body).unwrap();
        status
    }
}

#[test]
fn a_response_before_the_end_of_the_body_leaves_the_connection_usable() {
    let server = Server::start();
    let body = vec![b'x'; LARGE];
    let upload = "/api/v1/repositories/lake/branches/main/objects";
    let form = b"--b\r\ncontent-disposition: form-data; name=\"content\"\r\n\r\nabc\r\n--b\r\n\r\n";
    let form = [form.as_slice(), &body].concat();
    for (method, target, headers, body, expected) in [
        ("POST", "/api/v1/repositories/none/branches/main/objects?path=a", "", &body, 404),
        ("POST", "/api/v1/repositories/lake/branches/none/objects?path=a", "", &body, 404),
        ("POST", UPLOAD, "if-none-match: *\r\n", &body, 412),
        ("POST", UPLOAD, "if-match: x\r\n", &body, 501),
        ("POST", UPLOAD, "content-type: ;\r\n", &body, 500),
        ("POST", UPLOAD, "content-type: multipart/form-data\r\n", &body, 500),
        ("POST", UPLOAD, "content-type: multipart/form-data; boundary=b\r\n", &form, 201),
        ("POST", UPLOAD, "x-anonymous: 1\r\n", &body, 401),
        ("POST", upload, "", &body, 400),
        ("POST", "/api/v1/nothing", "", &body, 404),
        ("POST", "/elsewhere", "", &body, 200),
        ("POST", "/api/v1/repositories", "content-type: application/json\r\nx-anonymous: 1\r\n", &body, 413),
        ("GET", "/api/v1/repositories/lake", "", &body, 200),
        ("GET", "/api/v1/repositories/lake/refs/main/objects?path=a", "", &body, 200),
        ("HEAD", "/api/v1/repositories/lake/refs/main/objects?path=none", "", &body, 404),
        ("DELETE", "/api/v1/repositories/lake/branches/none", "", &body, 404),
    ] {
        assert_eq!(server.send_large(method, target, headers, body), expected, "{method} {target} {headers}");
    }
    let unavailable = Fault::Fail(http::StatusCode::SERVICE_UNAVAILABLE, "try again later");
    let fired = server.faults.arm(On::upload(), unavailable, 1, 1);
    assert_eq!(server.send_large("POST", UPLOAD, "", &body), 503);
    assert_eq!(fired.count(), 1);
}

#[test]
fn the_rest_of_a_body_is_received_for_a_limited_size() {
    let server = Server::start();
    let mut connection = server.connect();
    let head = format!("POST /api/v1/nothing HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", 1_u64 << 40);
    connection.stream.get_mut().write_all(head.as_bytes()).unwrap();
    assert_eq!(connection.response("POST"), 404);
    let piece = vec![0; 1 << 20];
    let accepted = (0..1000).take_while(|_| connection.stream.get_mut().write_all(&piece).is_ok()).count();
    assert!((64..200).contains(&accepted), "{accepted} MiB");
}

#[test]
fn the_rest_of_a_body_is_received_for_a_limited_time() {
    let server = Server::start();
    let mut connection = server.connect();
    let start = Instant::now();
    connection
        .stream
        .get_mut()
        .write_all(b"POST /api/v1/nothing HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n1")
        .unwrap();
    assert_eq!(connection.response("POST"), 404);
    assert!(start.elapsed() < Duration::from_secs(4), "the response waits for the body");
    assert_eq!(connection.stream.read(&mut [0]).unwrap_or_default(), 0);
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
}

#[test]
fn a_client_that_waits_for_100_continue_gets_only_the_response() {
    let server = Server::start();
    let mut connection = server.connect();
    let head = "POST /api/v1/nothing HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n";
    connection.stream.get_mut().write_all(head.as_bytes()).unwrap();
    assert_eq!(connection.response("POST"), 404);
    assert_eq!(connection.stream.read(&mut [0]).unwrap_or_default(), 0, "the connection is closed at once");
}
