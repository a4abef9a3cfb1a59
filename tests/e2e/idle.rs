//! A server that ends when nobody needs it, and never under somebody who does.

use crate::fixture::Server;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// How long nobody must have called.
const SPAN: Duration = Duration::from_secs(1);
/// Long enough to see that it stays.
const LONG: Duration = Duration::from_secs(3);
/// Far above what it takes until it is not needed any more.
const PATIENCE: Duration = Duration::from_secs(20);

async fn is_needed(server: &Server) -> bool {
    timeout(LONG, server.unneeded(SPAN)).await.is_err()
}

async fn is_let_go(server: &Server) {
    timeout(PATIENCE, server.unneeded(SPAN)).await.expect("it is kept by nothing");
}

#[tokio::test]
async fn an_open_connection_does_not_keep_it_and_each_call_gives_it_time() {
    let server = Server::with_faults().await;
    let began = Instant::now();
    let calling = async {
        // Each too early for it to end before the next.
        while began.elapsed() < LONG {
            server.put("a", "1").await;
            tokio::time::sleep(SPAN / 5).await;
        }
    };
    tokio::join!(is_let_go(&server), calling);
    assert!(began.elapsed() >= LONG, "it went away between two calls");
}

#[tokio::test]
async fn an_answer_that_is_still_read_keeps_it() {
    let server = Server::with_faults().await;
    server.put("large", &"7".repeat(3 << 20)).await;
    let mut download = server.files.clone().read(server.read_request("main", "large")).await.unwrap().into_inner();
    let first = download.message().await.unwrap().unwrap();
    assert!(is_needed(&server).await, "an answer is under way");
    let mut size = first.data.len();
    while let Some(message) = download.message().await.unwrap() {
        size += message.data.len();
    }
    assert_eq!(size, 3 << 20);
    is_let_go(&server).await;
}

#[tokio::test]
async fn an_open_transaction_keeps_it_until_it_ends() {
    let server = Server::with_faults().await;
    server.begin("t").await;
    server.put_in("t", "a", "1").await.unwrap();
    assert!(is_needed(&server).await, "a transaction is open");
    server.publish("t").await.unwrap();
    is_let_go(&server).await;
    server.begin("u").await;
    assert!(is_needed(&server).await, "another one is open");
    server.rollback("u").await.unwrap();
    is_let_go(&server).await;
}
