//! Replays 1,470 exchanges recorded with a real lakeFS against the embedded lake.
//!
//! `recorded/README.md` describes the recordings. Each exchange must either match or be listed in `left_out.rs` with a
//! reason. A listed exchange that matches fails the test too, so that the list stays up to date.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test reports failures by panicking")]

mod client;
mod left_out;
mod pattern;
mod recorded;
mod replay;

use lakeport_embedded::{Faults, Lake, serve};
use replay::Target;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::net::TcpListener;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_embedded_lake_responds_as_lakefs_does() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Arc::new(Lake::open(dir.path()).await.unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let serving = serve(Arc::clone(&lake), listener, Faults::default()).unwrap();
    let account = lake.account();
    let target = Target {
        address: serving.address(),
        user: account.user.clone(),
        access_key_id: account.access_key_id.clone(),
        secret_access_key: account.secret_access_key.clone(),
    };

    let (mut exchanges, mut unexpected, mut left_out) = (0, Vec::new(), BTreeSet::new());
    for scenario in recorded::scenarios() {
        exchanges += scenario.exchanges.len();
        for mismatch in replay::scenario(&target, &scenario).await {
            match left_out::reason(&mismatch.scenario, mismatch.step) {
                Some(_) => assert!(left_out.insert((mismatch.scenario, mismatch.step))),
                None => unexpected.push(mismatch),
            }
        }
    }
    serving.stop().await;

    assert_eq!(exchanges, 1_470, "the number of recorded exchanges is wrong");
    let matched = exchanges - left_out.len() - unexpected.len();
    println!("{matched} of {exchanges} recorded exchanges match, {} are left out on purpose", left_out.len());
    for mismatch in &unexpected {
        println!("{mismatch}\n");
    }
    assert!(unexpected.is_empty(), "{} exchanges differ", unexpected.len());
    let listed: BTreeSet<_> = left_out::all().collect();
    assert_eq!(listed, left_out, "left_out.rs lists exchanges that match");
    assert!(matched * 100 >= exchanges * 97);
}
