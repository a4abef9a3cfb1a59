//! Calls with a single response end within the timeout.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use lakeport_client::{Client, Code, Endpoint};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

#[tokio::test]
async fn a_call_to_a_server_that_never_responds_ends_within_the_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let timeout = Duration::from_millis(300);
    let client = Client::connect(&Endpoint::new(url).timeout(timeout)).await.unwrap();
    let began = Instant::now();
    let error = client.server_info().await.unwrap_err();
    assert!(began.elapsed() < timeout + Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(error.code(), Code::DeadlineExceeded, "{error}");
}

/// A new streaming method must be in the list, or its calls would end after the timeout.
#[test]
fn only_streaming_methods_have_no_timeout() {
    let proto = ["files", "transactions", "versions"].map(|service| {
        std::fs::read_to_string(format!("{}/../../proto/lakeport/v1/{service}.proto", env!("CARGO_MANIFEST_DIR")))
            .unwrap()
    });
    let source = include_str!("../src/client.rs");
    let list = source.split("const STREAMING").nth(1).unwrap().split("];").next().unwrap();
    for line in proto.iter().flat_map(|text| text.lines()).filter(|line| line.trim_start().starts_with("rpc ")) {
        let name = line.trim_start().trim_start_matches("rpc ").split('(').next().unwrap();
        assert_eq!(list.contains(&format!("\"{name}\"")), line.contains("(stream "), "{name}");
    }
}
