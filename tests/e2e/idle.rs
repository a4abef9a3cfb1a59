//! Idle detection: a server is idle if it has no calls and no open transactions for some time.

use crate::fixture::Server;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// Idle timeout.
const IDLE: Duration = Duration::from_secs(1);
/// Duration for which a busy server is observed.
const OBSERVATION: Duration = Duration::from_secs(3);
/// Timeout, far longer than a server takes to become idle.
const TIMEOUT: Duration = Duration::from_secs(20);

async fn stays_busy(server: &Server) -> bool {
    timeout(OBSERVATION, server.wait_until_idle(IDLE)).await.is_err()
}

async fn becomes_idle(server: &Server) {
    timeout(TIMEOUT, server.wait_until_idle(IDLE)).await.expect("the server does not become idle");
}

#[tokio::test]
async fn calls_reset_the_idle_timeout_and_open_connections_do_not() {
    let server = Server::with_faults().await;
    let began = Instant::now();
    let calling = async {
        // The calls are closer together than the idle timeout.
        while began.elapsed() < OBSERVATION {
            server.put("a", "1").await;
            tokio::time::sleep(IDLE / 5).await;
        }
    };
    tokio::join!(becomes_idle(&server), calling);
    assert!(began.elapsed() >= OBSERVATION, "the server became idle between two calls");
}

#[tokio::test]
async fn an_in_flight_response_prevents_idle_exit() {
    let server = Server::with_faults().await;
    server.put("large", &"7".repeat(3 << 20)).await;
    let mut download = server.files.clone().read(server.read_request("main", "large")).await.unwrap().into_inner();
    let first = download.message().await.unwrap().unwrap();
    assert!(stays_busy(&server).await, "the server became idle during a response");
    let mut size = first.data.len();
    while let Some(message) = download.message().await.unwrap() {
        size += message.data.len();
    }
    assert_eq!(size, 3 << 20);
    becomes_idle(&server).await;
}

#[tokio::test]
async fn an_open_transaction_prevents_idle_exit() {
    let server = Server::with_faults().await;
    server.begin("t").await;
    server.put_in("t", "a", "1").await.unwrap();
    assert!(stays_busy(&server).await, "the server became idle with an open transaction");
    server.publish("t").await.unwrap();
    becomes_idle(&server).await;
    server.begin("u").await;
    assert!(stays_busy(&server).await, "the server became idle with an open transaction");
    server.rollback("u").await.unwrap();
    becomes_idle(&server).await;
}
