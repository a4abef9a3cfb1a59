//! Cleanup of transactions whose clients are gone, and its metrics.

use crate::client::Client;
use crate::lake::Lake;
use crate::process::Replica;
use crate::until;
use lakeport_proto::v1::CommitTransactionRequest;

fn commit(id: &str) -> CommitTransactionRequest {
    CommitTransactionRequest { transaction_id: id.into(), ..Default::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_of_a_dead_client_expires_and_is_cleaned_up() {
    let (lake, faults) = Lake::with_faults().await;
    let folder = tempfile::tempdir().unwrap();
    let replica = Replica::new(&lake, folder.path().to_owned(), None);
    let _process = replica.start("").await;
    let client = Client::new(&[replica.address]);
    client.begun(&lake, "gone").await;
    client.written("gone", "a", "1").await;
    let open = "lakeport_transactions{state=\"open\"}";
    until("the metrics count the transaction", async || replica.metric(open).await == Some(1.0)).await;
    // The first two attempts to delete the branch fail, each with four requests.
    let rejected = faults.arm(
        lakeport_embedded::On::new(http::Method::DELETE, "").containing("/branches/"),
        lakeport_embedded::Fault::Fail(http::StatusCode::INTERNAL_SERVER_ERROR, "no"),
        1,
        8,
    );
    until("its branch is deleted", async || lake.branches().await.is_empty()).await;
    assert_eq!(rejected.count(), 8);
    let error = client.commit(&commit("gone")).await.unwrap().unwrap_err();
    assert_eq!(error.reason, "TRANSACTION_EXPIRED");
    assert!(lake.merges_of("gone").await.is_empty());
    until("the metrics count the cleanup", async || {
        let did = async |what: &str| replica.metric(&format!("lakeport_janitor_total{{did=\"{what}\"}}")).await;
        did("expired").await == Some(1.0)
            && did("cleaned").await == Some(1.0)
            && replica.metric("lakeport_transactions{state=\"unclean\"}").await == Some(0.0)
    })
    .await;
}

/// With `--auth passthrough`, the janitor has no permission to merge for callers. It completes commits that were merged and
/// leaves all other commits to their owners.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_passthrough_the_janitor_never_merges() {
    let lake = Lake::start().await;
    let folder = tempfile::tempdir().unwrap();
    let replica = Replica::new(&lake, folder.path().to_owned(), None).with_passthrough();
    let process = replica.start("before:merge:1:die").await;
    let client = Client::new(&[replica.address]).with_credentials_of(&lake);
    client.begun(&lake, "left").await;
    client.written("left", "a", "1").await;
    let _ = client.commit_once(&commit("left")).await;
    process.wait_until_exit().await;
    let _process = replica.start("").await;
    let left = "lakeport_janitor_total{did=\"committing\"}";
    until("the janitor has examined the commit twice", async || replica.metric(left).await >= Some(2.0)).await;
    assert!(lake.merges_of("left").await.is_empty(), "the janitor merged the commit");
    let merge = client.committed("left").await;
    assert_eq!(lake.merges_of("left").await, [merge]);
}
