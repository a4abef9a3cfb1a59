//! Repeated commit requests: by callers whose responses are lost, and after the death of a worker.

use crate::client::Client;
use crate::lake::Lake;
use crate::process::{Process, Replica};
use crate::proxy::{NetworkFault, Proxy};
use futures_util::future::join_all;
use lakeport_embedded::{Fault, On};
use lakeport_proto::v1::transaction_service_client::TransactionServiceClient;
use lakeport_proto::v1::*;
use std::collections::BTreeSet;
use std::time::Duration;
use tonic::transport::Endpoint;

/// Number of concurrent callers.
const CALLERS: usize = 100;
/// Number of requests per caller.
const TIMES: usize = 10;
/// Byte at which connections are cut: after the server's HTTP/2 settings and before the end of any response.
const IN_THE_RESPONSE: std::ops::Range<u64> = 100..101;

fn commit(id: &str) -> CommitTransactionRequest {
    CommitTransactionRequest { transaction_id: id.into(), ..Default::default() }
}

/// A server with an open transaction `t` that has written the object `a`.
struct Served {
    replica: Replica,
    process: Process,
    client: Client,
    _folder: tempfile::TempDir,
}

async fn served(lake: &Lake, faults: &str) -> Served {
    let folder = tempfile::tempdir().unwrap();
    let replica = Replica::new(lake, folder.path().to_owned(), None);
    let process = replica.start(faults).await;
    let client = Client::new(&[replica.address]);
    client.begun(lake, "t").await;
    client.written("t", "a", "1").await;
    Served { replica, process, client, _folder: folder }
}

/// Sends one commit request over a new connection.
async fn commit_over_new_connection(proxy: &Proxy, id: &str) -> Option<CommitTransactionResponse> {
    let endpoint = Endpoint::from_shared(format!("http://{}", proxy.address)).unwrap();
    let mut client = TransactionServiceClient::new(endpoint.connect().await.ok()?);
    let mut request = tonic::Request::new(commit(id));
    request.set_timeout(Duration::from_secs(20));
    client.commit_transaction(request).await.ok().map(tonic::Response::into_inner)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_with_a_thousand_lost_responses_merges_once() {
    let (lake, faults) = Lake::with_faults().await;
    let Served { replica, client, .. } = &served(&lake, "").await;
    // The responses of lakeFS to the first commit and the first merge are lost too.
    let lost = [On::commit(), On::merge()].map(|on| faults.arm(on, Fault::ApplyThenDrop, 1, 1));
    let proxy = Proxy::start(replica.address, NetworkFault::CutToClient(IN_THE_RESPONSE), crate::seed()).await;
    for _ in 0..TIMES {
        let responses = join_all((0..CALLERS).map(|_| commit_over_new_connection(&proxy, "t"))).await;
        assert!(responses.iter().all(Option::is_none), "a response was not lost");
    }
    assert_eq!(proxy.cuts(), CALLERS * TIMES);
    assert_eq!(lost.map(|lost| lost.count()), [1, 1]);
    let merges: Vec<String> = lake.merges_of("t").await;
    assert_eq!(merges.len(), 1, "{merges:?}");
    let commits = join_all((0..CALLERS).map(|_| client.committed("t"))).await;
    assert_eq!(commits.into_iter().collect::<BTreeSet<_>>(), BTreeSet::from([merges[0].clone()]));
}

#[tokio::test]
async fn a_commit_with_an_active_worker_is_not_started_again() {
    let (lake, faults) = Lake::with_faults().await;
    let Served { client, .. } = &served(&lake, "").await;
    let merges = faults.arm(On::merge(), Fault::Delay(Duration::from_secs(1)), 1, 100);
    let commits = join_all((0..8).map(|_| client.committed("t"))).await;
    assert_eq!(commits.into_iter().collect::<BTreeSet<_>>().len(), 1);
    assert_eq!(merges.count(), 1, "a repeated request merged again while a worker was active");
}

/// The server dies directly after the merge, and other clients commit to the base before the commit is retried.
#[tokio::test]
async fn a_merge_of_a_dead_worker_is_found_below_newer_commits() {
    let lake = Lake::start().await;
    let Served { replica, process, client, .. } = &served(&lake, "after:merge:1:die").await;
    let retried = tokio::spawn({
        let client = client.clone();
        async move { client.committed("t").await }
    });
    process.wait_until_exit().await;
    let merges = lake.merges_of("t").await;
    assert_eq!(merges.len(), 1, "the server died before the merge");
    for n in 0..150 {
        lake.put(&format!("other/{n}"), "x").await;
        lake.commit().await;
    }
    let _process = replica.start("").await;
    assert_eq!(retried.await.unwrap(), merges[0]);
    assert_eq!(lake.merges_of("t").await, merges);
}
