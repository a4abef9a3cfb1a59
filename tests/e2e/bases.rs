//! Changes to the base branch of an open transaction, and commits that wait for the base branch.

use crate::fixture::{Server, eventually, refused, why};
use futures_util::future::join_all;
use lakeport_embedded::{Fault, On};
use lakeport_lakefs::NewMerge;
use lakeport_proto::v1::*;
use lakeport_types::{BranchName, Ref, RepositoryId};
use std::time::Duration;
use tonic::Code;

async fn begin_and_write(server: &Server, branch: &str) {
    let request = BeginTransactionRequest { base_branch: branch.into(), ..server.begin_request("t") };
    server.try_begin(request).await.unwrap();
    server.put_in("t", "a", "1").await.unwrap();
}

#[tokio::test]
async fn a_commit_succeeds_after_its_deleted_base_is_recreated() {
    let server = Server::start().await;
    server.put("seed", "1").await;
    server.commit("seed").await;
    server.branch("base", "main").await;
    begin_and_write(&server, "base").await;
    let gone =
        DeleteBranchRequest { repository: server.repository.clone(), branch: "base".into(), ..Default::default() };
    server.versions.clone().delete_branch(gone).await.unwrap();
    assert_eq!(why(server.publish("t").await), refused(Code::NotFound, "REF_NOT_FOUND"));
    let now = server.transaction("t").await.unwrap();
    assert_eq!((now.state(), now.failure.is_some()), (TransactionState::Open, true));
    server.branch("base", "main").await;
    assert!(server.publish("t").await.unwrap().merged);
    assert_eq!(server.get("base", "a").await.unwrap(), "1");
    assert!(server.is_clean().await);
}

#[tokio::test]
async fn a_transaction_commits_to_a_base_that_was_hard_reset() {
    let server = Server::start().await;
    let before = server.head("main").await;
    server.put("taken back", "1").await;
    server.commit("taken back").await;
    begin_and_write(&server, "main").await;
    let repository = RepositoryId::try_from(server.repository.as_str()).unwrap();
    let (main, before) = (BranchName::try_from("main").unwrap(), Ref::try_from(before.as_str()).unwrap());
    server.ops().service.hard_reset(&repository, &main, &before).await.unwrap();
    let done = server.publish("t").await.unwrap();
    assert!(done.merged);
    assert_eq!(server.get("main", "a").await.unwrap(), "1");
    assert_eq!(server.head("main").await, done.commit_id);
}

#[tokio::test]
async fn a_commit_waits_for_a_dirty_base_and_then_fails_with_base_dirty() {
    let server = Server::start().await;
    begin_and_write(&server, "main").await;
    server.put("theirs", "1").await;
    assert_eq!(why(server.publish("t").await), refused(Code::FailedPrecondition, "BASE_DIRTY"));
    server.commit("theirs").await;
    begin_again_returns_the_same(&server).await;
    assert!(server.publish("t").await.unwrap().merged);
    // If the base becomes clean soon, the commit only needs a retry.
    server.begin("u").await;
    server.put_in("u", "b", "1").await.unwrap();
    server.put("theirs", "2").await;
    let soon = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        server.commit("theirs").await
    };
    let (published, _) = tokio::join!(server.publish("u"), soon);
    assert!(published.unwrap().merged);
}

/// After a failed commit, Begin with the same ID returns the same transaction.
async fn begin_again_returns_the_same(server: &Server) {
    let again = server.try_begin(server.begin_request("t")).await.unwrap();
    assert_eq!((again.state(), again.epoch), (TransactionState::Open, 1));
}

#[tokio::test]
async fn a_queued_commit_reports_its_queue_position() {
    let server = Server::with_faults().await;
    for id in ["first", "second"] {
        server.begin(id).await;
        server.put_in(id, id, "1").await.unwrap();
    }
    let slow = server.arm(On::merge(), Fault::Delay(Duration::from_secs(3)), 1);
    let first = server.publish("first");
    let second = async {
        assert!(eventually(async || slow.count() == 1).await);
        server.publish("second").await
    };
    let watched = async {
        let watch = WatchTransactionRequest { transaction_id: "second".into() };
        let mut seen = server.transactions.clone().watch_transaction(watch).await.unwrap().into_inner();
        let mut positions = Vec::new();
        while let Some(now) = seen.message().await.unwrap() {
            positions.push((now.transaction.unwrap().state(), now.queue_position));
        }
        positions
    };
    let (first, second, positions) = tokio::join!(first, second, watched);
    assert!(first.unwrap().merged && second.unwrap().merged);
    assert!(positions.contains(&(TransactionState::Committing, 1)), "{positions:?}");
    assert_eq!(positions.last(), Some(&(TransactionState::Committed, 0)));
}

#[tokio::test]
async fn keep_alive_extends_the_idle_timeout_until_the_transaction_ends() {
    let server = Server::start().await;
    let begun = server.begin("t").await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let keep = KeepAliveTransactionRequest { transaction_id: "t".into() };
    let kept = server.transactions.clone().keep_alive_transaction(keep.clone()).await.unwrap().into_inner();
    let ends = |transaction: &Transaction| transaction.idle_expire_time.map(|time| (time.seconds, time.nanos));
    assert!(ends(&kept.transaction.unwrap()) > ends(&begun), "the idle timeout was not extended");
    server.rollback("t").await.unwrap();
    let late = server.transactions.clone().keep_alive_transaction(keep).await;
    assert_eq!(why(late), refused(Code::FailedPrecondition, "TRANSACTION_ROLLED_BACK"));
}

/// Another client merges directly through lakeFS, without waiting for a turn. This causes retries but no errors.
#[tokio::test]
async fn concurrent_merges_outside_lakeport_only_cause_retries() {
    const MERGES: usize = 10;
    let server = Server::start().await;
    let ids: Vec<String> = (0..MERGES).map(|n| format!("t{n}")).collect();
    for id in &ids {
        let side = format!("side-{id}");
        server.branch(&side, "main").await;
        server.put_at(&side, &format!("theirs/{id}"), id).await;
        server.commit_at(&side, "theirs").await;
        server.begin(id).await;
        server.put_in(id, &format!("ours/{id}"), id).await.unwrap();
    }
    let repository = RepositoryId::try_from(server.repository.as_str()).unwrap();
    let base = BranchName::try_from("main").unwrap();
    let theirs = async {
        for id in &ids {
            let side = Ref::try_from(format!("side-{id}")).unwrap();
            let merge = async || server.ops().service.merge(&repository, &side, &base, &NewMerge::default()).await;
            assert!(eventually(async || merge().await.is_ok()).await, "the direct merge never succeeds");
        }
    };
    let ours = join_all(ids.iter().map(|id| server.publish(id)));
    let ((), ours) = tokio::join!(theirs, ours);
    for (id, published) in ids.iter().zip(ours) {
        assert!(published.unwrap().merged);
        assert_eq!(server.merges_of(id).await, 1);
        for whose in ["ours", "theirs"] {
            assert_eq!(server.get("main", &format!("{whose}/{id}")).await.unwrap(), *id);
        }
    }
    assert!(server.is_clean().await);
}
