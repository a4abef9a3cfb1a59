//! Commits that another request or the janitor has to complete.

use crate::fixture::{Server, why};
use http::StatusCode;
use lakeport_embedded::{Fault, On};
use lakeport_proto::v1::TransactionState;
use tonic::Code;

/// The worker gives up while lakeFS is unavailable. The next request completes the same commit.
#[tokio::test]
async fn an_unfinished_commit_is_completed_by_the_next_request() {
    let server = Server::with_faults().await;
    server.begin("t").await;
    server.put_in("t", "a", "1").await.unwrap();
    let away = Fault::Fail(StatusCode::SERVICE_UNAVAILABLE, "away");
    server.arm_many(On::commit().containing("lakeport-tx-"), away, 5);
    assert_eq!(why(server.publish("t").await).1, "COMMIT_IN_DOUBT");
    assert_eq!(server.transaction("t").await.unwrap().state(), TransactionState::Committing);
    assert_eq!(why(server.put_in("t", "b", "2").await).1, "TRANSACTION_COMMITTING");
    let done = server.publish("t").await.unwrap();
    assert_eq!((done.state(), done.epoch, server.merges_of("t").await), (TransactionState::Committed, 1, 1));
    assert!(server.is_clean().await);
}

/// The janitor's step is called directly for a commit whose worker gave up.
#[tokio::test]
async fn the_janitor_completes_a_merged_commit_and_a_denied_merge_reopens_the_transaction() {
    let server = Server::with_faults().await;
    server.begin("t").await;
    server.put_in("t", "a", "1").await.unwrap();
    // lakeFS applies the merge, but its response is lost and the log cannot be read.
    server.arm(On::merge(), Fault::ApplyThenDrop, 1);
    server.arm_many(On::new(http::Method::GET, "/commits"), Fault::Fail(StatusCode::SERVICE_UNAVAILABLE, "away"), 3);
    assert_eq!(why(server.publish("t").await), (Code::Unavailable, "COMMIT_IN_DOUBT".into()));
    let owner = server.transaction("t").await.unwrap().owner;
    let row = server.ops().store.get(&owner, &"t".try_into().unwrap()).await.unwrap().unwrap();
    lakeport_server::ops::transactions::commit_transaction::resolve_abandoned(server.ops(), &row, false).await.unwrap();
    let now = server.transaction("t").await.unwrap();
    assert_eq!((now.state(), now.merged), (TransactionState::Committed, true));
    assert_eq!(server.merges_of("t").await, 1);

    server.begin("u").await;
    server.put_in("u", "b", "1").await.unwrap();
    server.arm_many(On::merge(), Fault::Fail(StatusCode::UNAUTHORIZED, "error authenticating request"), 1);
    let refused = server.publish("u").await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "{refused:?}");
    assert_eq!(server.transaction("u").await.unwrap().state(), TransactionState::Open);
}

/// The lifetime is over and the owner does not retry. After the fence, the commit is either merged or expired, never both.
#[tokio::test]
async fn an_in_doubt_commit_past_its_lifetime_is_committed_or_expired() {
    let server = Server::with_faults().await;
    for (fault, ends) in [(Fault::ApplyThenDrop, TransactionState::Committed), (Fault::Drop, TransactionState::Expired)]
    {
        let id = ends.as_str_name().to_lowercase();
        server.begin(&id).await;
        server.put_in(&id, &id, "1").await.unwrap();
        server.arm_many(On::merge(), fault, 1);
        let log = On::new(http::Method::GET, "/commits");
        server.arm_many(log, Fault::Fail(StatusCode::SERVICE_UNAVAILABLE, "away"), 3);
        assert_eq!(why(server.publish(&id).await).1, "COMMIT_IN_DOUBT");
        let owner = server.transaction(&id).await.unwrap().owner;
        let row = server.ops().store.get(&owner, &id.as_str().try_into().unwrap()).await.unwrap().unwrap();
        let over = row.as_of(row.expire_time);
        lakeport_server::ops::transactions::commit_transaction::resolve_abandoned(server.ops(), &over, false)
            .await
            .unwrap();

        let merged = ends == TransactionState::Committed;
        assert_eq!(server.transaction(&id).await.unwrap().state(), ends);
        assert_eq!(server.merges_of(&id).await, usize::from(merged));
        assert_eq!(server.publish(&id).await.is_ok(), merged);
        assert!(server.is_clean().await);
    }
}

/// After a lost merge request, the server reports a conflict only once the lost request can no longer take effect.
#[tokio::test]
async fn a_conflict_after_a_lost_merge_request_reopens_the_transaction() {
    let server = Server::with_faults().await;
    server.begin("t").await;
    server.put_in("t", "a", "mine").await.unwrap();
    server.put("a", "theirs").await;
    server.commit("theirs").await;
    server.arm(On::merge(), Fault::Drop, 1);
    assert_eq!(why(server.publish("t").await).1, "MERGE_CONFLICT");
    assert_eq!(server.get_in("t", "a").await.unwrap(), "mine");
    assert_eq!(server.transaction_branches().await.len(), 1);
    assert!(server.rollback("t").await.is_ok());
    assert!(server.is_clean().await);
}
