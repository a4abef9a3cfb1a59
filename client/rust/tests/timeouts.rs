//! Calls end within the timeout if the server does not respond.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use lakeport_client::v1::{ComposeRequest, DiffRequest, LogRequest};
use lakeport_client::{Client, Code, Endpoint, ListOptions, Place, ReadOptions, Result, Subtree, WriteOptions};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

const TIMEOUT: Duration = Duration::from_millis(300);

/// Connects to a server that accepts connections, and never sends a byte.
async fn mute() -> (TcpListener, Client) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let client = Client::connect(&Endpoint::new(url).timeout(TIMEOUT)).await.unwrap();
    (listener, client)
}

/// Every streaming method, and one with a single response.
fn calls(client: &Client) -> Vec<(&'static str, BoxFuture<'_, Result<()>>)> {
    let place = Place::reference("lake", "main");
    let (read, list, delete, paths) = (place.clone(), place.clone(), place.clone(), place.clone());
    let (copy, rename, write, large) = (place.clone(), place.clone(), place.clone(), place);
    let object = || Subtree::object("a");
    vec![
        ("GetServerInfo", async { client.server_info().await.map(drop) }.boxed()),
        ("Read", async move { client.read(&read, "a", ReadOptions::default()).await.map(drop) }.boxed()),
        ("List", async move { client.list(&list, ListOptions::default()).await.map(drop) }.boxed()),
        ("Delete", async move { client.delete(&delete, object(), false).await.map(drop) }.boxed()),
        ("Delete, paths", async move { client.delete_paths(&paths, vec!["a".into()], true).await.map(drop) }.boxed()),
        ("Copy", async move { client.copy(None, object(), &copy, "b").await.map(drop) }.boxed()),
        ("Move", async move { client.rename(&rename, object(), "b").await.map(drop) }.boxed()),
        ("Compose", async { client.compose(ComposeRequest::default()).await.map(drop) }.boxed()),
        ("Log", async { client.log(LogRequest::default()).await.map(drop) }.boxed()),
        ("Diff", async { client.diff(DiffRequest::default()).await.map(drop) }.boxed()),
        ("ListTransactionChanges", async { client.transaction_changes("t", "").await.map(drop) }.boxed()),
        ("WatchTransaction", async { client.watch("t").await.map(drop) }.boxed()),
        ("Write", async move { client.write(&write, "a", &b"x"[..], WriteOptions::default()).await.map(drop) }.boxed()),
        (
            "Write, more bytes than a window",
            async move { client.write(&large, "a", tokio::io::repeat(7), WriteOptions::default()).await.map(drop) }
                .boxed(),
        ),
    ]
}

#[tokio::test]
async fn calls_to_a_server_that_never_responds_end_within_the_timeout() {
    let (_listener, client) = mute().await;
    for (name, call) in calls(&client) {
        let began = Instant::now();
        let error = call.await.unwrap_err();
        assert!(began.elapsed() < TIMEOUT + Duration::from_secs(1), "{name}: {:?}", began.elapsed());
        assert_eq!(error.code(), Code::DeadlineExceeded, "{name}: {error}");
        assert!(error.message().starts_with("the lakeport server "), "{name}: {error}");
    }
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
