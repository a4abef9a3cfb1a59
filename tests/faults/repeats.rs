//! Commits that are asked for again and again: by callers whose answers are lost, and by who comes after a worker that died.

use crate::client::Client;
use crate::lake::Lake;
use crate::process::{Process, Replica};
use crate::proxy::{Proxy, Trouble};
use futures_util::future::join_all;
use lakeport_embedded::{Fault, On};
use lakeport_proto::v1::transaction_service_client::TransactionServiceClient;
use lakeport_proto::v1::*;
use std::collections::BTreeSet;
use std::time::Duration;
use tonic::transport::Endpoint;

/// Callers at once, and how often all of them ask.
const CALLERS: usize = 100;
const TIMES: usize = 10;
/// Behind what the server says of its settings, and before the end of any answer.
const IN_THE_ANSWER: std::ops::Range<u64> = 100..101;

fn commit(id: &str) -> CommitTransactionRequest {
    CommitTransactionRequest { transaction_id: id.into(), ..Default::default() }
}

/// A server with a transaction `t` in it, in which `a` is written.
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

/// Asks over a connection of its own.
async fn ask_once(proxy: &Proxy, id: &str) -> Option<CommitTransactionResponse> {
    let endpoint = Endpoint::from_shared(format!("http://{}", proxy.address)).unwrap();
    let mut client = TransactionServiceClient::new(endpoint.connect().await.ok()?);
    let mut request = tonic::Request::new(commit(id));
    request.set_timeout(Duration::from_secs(20));
    client.commit_transaction(request).await.ok().map(tonic::Response::into_inner)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_is_lost_a_thousand_times_is_one_merge() {
    let (lake, faults) = Lake::with_faults().await;
    let Served { replica, client, .. } = &served(&lake, "").await;
    // lakeFS's own answers are lost too.
    let lost = [On::commit(), On::merge()].map(|on| faults.arm(on, Fault::ApplyThenDrop, 1, 1));
    let proxy = Proxy::start(replica.address, Trouble::CutDown(IN_THE_ANSWER), crate::seed()).await;
    for _ in 0..TIMES {
        let answers = join_all((0..CALLERS).map(|_| ask_once(&proxy, "t"))).await;
        assert!(answers.iter().all(Option::is_none), "an answer came through");
    }
    assert_eq!(proxy.cuts(), CALLERS * TIMES);
    assert_eq!(lost.map(|lost| lost.count()), [1, 1]);
    let merges: Vec<String> = lake.merges_of("t").await;
    assert_eq!(merges.len(), 1, "{merges:?}");
    let told = join_all((0..CALLERS).map(|_| client.committed("t"))).await;
    assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), BTreeSet::from([merges[0].clone()]));
}

#[tokio::test]
async fn a_commit_that_somebody_works_on_is_not_begun_again() {
    let (lake, faults) = Lake::with_faults().await;
    let Served { client, .. } = &served(&lake, "").await;
    let merges = faults.arm(On::merge(), Fault::Delay(Duration::from_secs(1)), 1, 100);
    let told = join_all((0..8).map(|_| client.committed("t"))).await;
    assert_eq!(told.into_iter().collect::<BTreeSet<_>>().len(), 1);
    assert_eq!(merges.count(), 1, "who asked again merged again beside the worker that has the row");
}

/// The server dies right behind the merge, and others merge into the base before anybody asks.
#[tokio::test]
async fn a_merge_whose_worker_died_is_found_below_those_of_others() {
    let lake = Lake::start().await;
    let Served { replica, process, client, .. } = &served(&lake, "after:merge:1:die").await;
    let asked = tokio::spawn({
        let client = client.clone();
        async move { client.committed("t").await }
    });
    process.has_died().await;
    let merges = lake.merges_of("t").await;
    assert_eq!(merges.len(), 1, "the fault came too early");
    for n in 0..150 {
        lake.put(&format!("other/{n}"), "x").await;
        lake.commit().await;
    }
    let _process = replica.start("").await;
    assert_eq!(asked.await.unwrap(), merges[0]);
    assert_eq!(lake.merges_of("t").await, merges);
}
