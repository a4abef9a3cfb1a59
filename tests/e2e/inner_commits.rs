//! Commits inside a transaction, and how the commit of the transaction handles them.

use crate::fixture::Server;
use lakeport_proto::v1::*;

impl Server {
    async fn put_inside(&self, path: &str, content: &str) {
        self.put_in("t", path, content).await.unwrap();
    }

    async fn delete_inside(&self, path: &str) {
        let request = DeleteRequest { transaction_id: "t".into(), path: path.into(), ..Default::default() };
        self.files.clone().delete(request).await.unwrap();
    }

    async fn commit_inside(&self, allow_empty: bool) -> Commit {
        let request = CreateCommitRequest {
            transaction_id: "t".into(),
            message: "step".into(),
            allow_empty,
            ..Default::default()
        };
        self.versions.clone().create_commit(request).await.unwrap().into_inner().commit.unwrap()
    }

    async fn revert_inside(&self, commit: Commit) {
        let request = RevertRequest { transaction_id: "t".into(), r#ref: commit.commit_id, ..Default::default() };
        self.versions.clone().revert(request).await.unwrap();
    }
}

#[tokio::test]
async fn an_inner_commit_with_all_changes_is_merged() {
    let server = Server::start().await;
    server.begin("t").await;
    server.put_inside("a", "1").await;
    let inside = server.commit_inside(false).await;
    let done = server.publish("t").await.unwrap();
    assert!(done.merged);
    assert_eq!(server.get_commit(&done.commit_id).await.parent_commit_ids[1], inside.commit_id);
    assert_eq!(server.get("main", "a").await.unwrap(), "1");
    assert!(server.is_clean().await);
}

#[tokio::test]
async fn writes_after_the_last_inner_commit_are_merged() {
    let server = Server::start().await;
    server.begin("t").await;
    server.put_inside("a", "1").await;
    server.commit_inside(false).await;
    server.put_inside("b", "2").await;
    assert!(server.publish("t").await.unwrap().merged);
    assert_eq!(server.get("main", "a").await.unwrap(), "1");
    assert_eq!(server.get("main", "b").await.unwrap(), "2");
}

#[tokio::test]
async fn inner_commits_that_cancel_out_are_not_merged() {
    let server = Server::start().await;
    let before = server.head("main").await;

    server.begin("t").await;
    server.put_inside("a", "1").await;
    server.commit_inside(false).await;
    server.delete_inside("a").await;
    server.commit_inside(false).await;
    let undone = server.publish("t").await.unwrap();
    assert_eq!((undone.merged, undone.commit_id), (false, before));
}

#[tokio::test]
async fn a_reverted_inner_commit_is_not_merged() {
    let server = Server::start().await;
    let before = server.head("main").await;
    server.begin("t").await;
    server.put_inside("a", "1").await;
    let inside = server.commit_inside(false).await;
    server.revert_inside(inside).await;
    let undone = server.publish("t").await.unwrap();
    assert_eq!((undone.merged, undone.commit_id), (false, before));
}

#[tokio::test]
async fn an_empty_inner_commit_is_not_merged() {
    let server = Server::start().await;
    let before = server.head("main").await;
    server.begin("t").await;
    server.commit_inside(true).await;
    let done = server.publish("t").await.unwrap();
    assert_eq!((done.merged, done.commit_id), (false, before));
}

/// After a failed commit, the transaction continues on another branch. The row must no longer store the inner commit on the
/// old branch as the latest inner commit.
#[tokio::test]
async fn a_transaction_with_an_inner_commit_can_retry_a_failed_commit() {
    let server = Server::start().await;
    server.begin("t").await;
    server.put_inside("a", "transaction").await;
    server.commit_inside(false).await;
    server.put("a", "main").await;
    server.commit("concurrent").await;
    server.publish("t").await.unwrap_err();
    let strategy = MergeStrategy::SourceWins.into();
    let request = CommitTransactionRequest { transaction_id: "t".into(), strategy, ..Default::default() };
    assert!(server.publish_with(request).await.unwrap().merged);
    assert_eq!(server.get("main", "a").await.unwrap(), "transaction");
    assert!(server.is_clean().await);
}
