//! What becomes of transactions whose clients are gone, and what the metrics say of it.

use crate::client::Client;
use crate::lake::Lake;
use crate::process::Replica;
use crate::until;
use lakeport_proto::v1::CommitTransactionRequest;

fn commit(id: &str) -> CommitTransactionRequest {
    CommitTransactionRequest { transaction_id: id.into(), ..Default::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_is_gone_leaves_nothing_behind() {
    let (lake, faults) = Lake::with_faults().await;
    let folder = tempfile::tempdir().unwrap();
    let replica = Replica::new(&lake, folder.path().to_owned(), None);
    let _process = replica.start("").await;
    let client = Client::new(&[replica.address]);
    client.begun(&lake, "gone").await;
    client.written("gone", "a", "1").await;
    let open = "lakeport_transactions{state=\"open\"}";
    until("it is counted", async || replica.metric(open).await == Some(1.0)).await;
    // Its deletion fails at first.
    let refused = faults.arm(
        lakeport_embedded::On::new(http::Method::DELETE, "").containing("/branches/"),
        lakeport_embedded::Fault::Fail(http::StatusCode::INTERNAL_SERVER_ERROR, "no"),
        1,
        2,
    );
    until("its branch is gone", async || lake.branches().await.is_empty()).await;
    assert_eq!(refused.count(), 2);
    let told = client.commit(&commit("gone")).await.unwrap().unwrap_err();
    assert_eq!(told.reason, "TRANSACTION_EXPIRED");
    assert!(lake.merges_of("gone").await.is_empty());
    until("the metrics say so", async || {
        let did = async |what: &str| replica.metric(&format!("lakeport_janitor_total{{did=\"{what}\"}}")).await;
        did("expired").await == Some(1.0)
            && did("cleaned").await == Some(1.0)
            && replica.metric("lakeport_transactions{state=\"unclean\"}").await == Some(0.0)
    })
    .await;
}

/// With the callers' own rights, nobody merges for them: the janitor says what was merged, and leaves the rest to their owners.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_rights_of_callers_the_janitor_merges_for_nobody() {
    let lake = Lake::start().await;
    let folder = tempfile::tempdir().unwrap();
    let replica = Replica::new(&lake, folder.path().to_owned(), None).passing_through();
    let process = replica.start("before:merge:1:die").await;
    let client = Client::new(&[replica.address]).known_as(&lake);
    client.begun(&lake, "left").await;
    client.written("left", "a", "1").await;
    let _ = client.commit_once(&commit("left")).await;
    process.has_died().await;
    let _process = replica.start("").await;
    let left = "lakeport_janitor_total{did=\"committing\"}";
    until("the janitor looks twice", async || replica.metric(left).await >= Some(2.0)).await;
    assert!(lake.merges_of("left").await.is_empty(), "it merged for somebody");
    let merge = client.committed("left").await;
    assert_eq!(lake.merges_of("left").await, [merge]);
}
