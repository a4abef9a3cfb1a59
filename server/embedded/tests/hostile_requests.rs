//! Hostile requests to the REST API. Random requests never make a handler panic: each gets a response. A panic closes the
//! connection without one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test reports a failure by panicking")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lakeport_embedded::{Faults, Lake, Serving, serve};
use proptest::prelude::*;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// A lake with a repository.
struct Server {
    address: SocketAddr,
    authorization: String,
    _runtime: Runtime,
    _serving: Serving,
    _dir: tempfile::TempDir,
}

static SERVER: LazyLock<Server> = LazyLock::new(|| {
    let (runtime, dir) = (Runtime::new().unwrap(), tempfile::tempdir().unwrap());
    let (serving, authorization) = runtime.block_on(async {
        let lake = Arc::new(Lake::open(dir.path()).await.unwrap());
        let account = lake.account();
        let pair = STANDARD.encode(format!("{}:{}", account.access_key_id, account.secret_access_key));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        (serve(lake, listener, Faults::default()).unwrap(), format!("Basic {pair}"))
    });
    let server = Server { address: serving.address(), authorization, _runtime: runtime, _serving: serving, _dir: dir };
    let repository = br#"{"name":"lake","storage_namespace":"local://lake"}"#;
    let created = server.send("POST", "/repositories", &[("content-type", "application/json")], repository);
    assert!(created.starts_with("HTTP/1.1 201"), "{created}");
    let put = server.send("POST", "/repositories/lake/branches/main/objects?path=a", &[], b"12345");
    assert!(put.starts_with("HTTP/1.1 201"), "{put}");
    server
});

impl Server {
    /// Returns the response as text; empty if there is none.
    fn send(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> String {
        let headers = [&[("authorization", self.authorization.as_str())], headers].concat();
        self.send_anonymous(method, target, &headers, body)
    }

    fn send_anonymous(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head = format!(
            "{method} /api/v1{target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n",
            body.len()
        );
        // The server may respond before it has read the whole body.
        let _ = stream.write_all(&[head.as_bytes(), body].concat());
        let mut response = Vec::new();
        let _ = stream.read_to_end(&mut response);
        String::from_utf8_lossy(&response).into_owned()
    }
}

fn target() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        Just("main".to_owned()),
        "main[~^@$][0-9]{0,30}([~^@$][0-9]{0,3}){0,40}",
        "[!-\"$-.0->@-~]{1,12}",
        "%[0-9a-g%]{0,4}",
    ];
    let path = prop::sample::select(vec![
        "refs/{}/objects",
        "refs/{}/objects/ls",
        "refs/{}/objects/stat",
        "refs/{}/commits",
        "refs/{}/diff/{}",
        "refs/{}/merge/{}",
        "commits/{}",
        "branches",
        "branches/{}",
        "branches/{}/commits",
        "branches/{}/objects",
        "branches/{}/objects/delete",
        "branches/{}/objects/copy",
        "branches/{}/objects/stat/user_metadata",
        "branches/{}/revert",
        "branches/{}/cherry-pick",
        "tags",
        "tags/{}",
        "{}",
    ]);
    let parameter = prop::sample::select(vec![
        "path",
        "prefix",
        "after",
        "delimiter",
        "amount",
        "presign",
        "dest_path",
        "since",
        "ref",
        "force",
        "type",
    ]);
    let value = prop_oneof![Just("a".to_owned()), "[!-\"$-%'-~]{0,20}", "(%[0-9a-f]{2}){0,8}", "-?[0-9]{1,30}"];
    let query = prop::collection::vec((parameter, value), 0..4)
        .prop_map(|all| all.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&"));
    (path, name.clone(), name, query).prop_map(|(path, first, second, query)| {
        format!("/repositories/lake/{}?{query}", path.replacen("{}", &first, 1).replacen("{}", &second, 1))
    })
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let json =
        prop::sample::select(vec!["message", "metadata", "paths", "src_path", "src_ref", "name", "source", "set"]);
    let value = prop::sample::select(vec![
        "null",
        "1e999",
        "\"a\"",
        "[\"a\",\"\"]",
        "{\"k\":\"v\"}",
        "[[]]",
        "-0",
        "\"\\ud800\"",
    ]);
    let object = prop::collection::vec((json, value), 0..4).prop_map(|fields| {
        let fields: Vec<String> = fields.into_iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", fields.join(",")).into_bytes()
    });
    let deep = (0_usize..50_000).prop_map(|depth| format!("{{\"metadata\":{}", "[".repeat(depth)).into_bytes());
    let form = "--x\r\ncontent-disposition: form-data; name=\"?[a-z]{0,8}\"?\r\n\r\n.{0,30}\r\n(--x--)?";
    prop_oneof![4 => object, 1 => deep, 1 => form.prop_map(String::into_bytes), 1 => any::<Vec<u8>>()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_random_request_gets_a_response(
        method in prop::sample::select(vec!["GET", "GET", "HEAD", "POST", "PUT", "DELETE"]),
        target in target(),
        range in prop::option::of("bytes=[0-9]{0,22}-[0-9-]{0,22}(,[0-9-]{0,4}){0,3}|[ -~]{0,20}"),
        content_type in prop::sample::select(vec!["application/json", "multipart/form-data; boundary=x", "multipart/form-data", ";", "a/"]),
        body in body(),
    ) {
        let mut headers = vec![("content-type", content_type)];
        headers.extend(range.as_deref().map(|range| ("range", range)));
        let response = SERVER.send(method, &target, &headers, &body);
        prop_assert!(response.starts_with("HTTP/1.1 "), "{} {}: {:?}", method, target, response);
    }
}

#[test]
fn the_lake_works_after_random_requests() {
    assert!(SERVER.send("GET", "/repositories/lake/refs/main/objects?path=a", &[], b"").ends_with("12345"));
}

#[test]
fn a_large_body_without_credentials_is_not_buffered() {
    let body = vec![b' '; 100_000];
    let json = [("content-type", "application/json")];
    let target = "/repositories/lake/branches";
    let response = SERVER.send_anonymous("POST", target, &json, &body);
    assert!(response.starts_with("HTTP/1.1 413"), "{response}");
    let response = SERVER.send_anonymous("POST", target, &json, br#"{"name":"b","source":"main"}"#);
    assert!(response.starts_with("HTTP/1.1 401"), "{response}");
    let response = SERVER.send("POST", target, &json, &body);
    assert!(response.starts_with("HTTP/1.1 400"), "{response}");
}
