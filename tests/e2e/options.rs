//! Options of version calls and of commits.

use crate::fixture::{Server, refused, why};
use lakeport_proto::v1::{
    BeginTransactionRequest, BranchRetention, CherryPickRequest, Commit, CommitTransactionRequest, CreateCommitRequest,
    GetCommitRequest, MergeRequest, MergeStrategy, RevertRequest,
};
use tonic::Code;

impl Server {
    /// Creates the branch `side` next to `main`. Both branches change the object `both`; only `side` adds the object `own`.
    async fn diverge(&self) {
        self.put("both", "0").await;
        self.commit("base").await;
        self.branch("side", "main").await;
        self.put_at("side", "both", "side").await;
        self.put_at("side", "own", "side").await;
        self.commit_at("side", "side").await;
        self.put("both", "main").await;
        self.commit("main").await;
    }

    async fn merge(&self, options: MergeRequest) -> Commit {
        let (repository, destination_branch) = (self.repository.clone(), "main".into());
        let request = MergeRequest { repository, r#ref: "side".into(), destination_branch, ..options };
        let commit_id = self.versions.clone().merge(request).await.unwrap().into_inner().commit_id;
        self.get_commit(&commit_id).await
    }

    pub(crate) async fn get_commit(&self, commit_id: &str) -> Commit {
        let request =
            GetCommitRequest { repository: self.repository.clone(), r#ref: commit_id.into(), ..Default::default() };
        self.versions.clone().get_commit(request).await.unwrap().into_inner().commit.unwrap()
    }
}

#[tokio::test]
async fn a_merge_with_destination_wins_keeps_the_destination_side() {
    let server = Server::start().await;
    server.diverge().await;
    let strategy = MergeStrategy::DestinationWins.into();
    let metadata = [("why".to_owned(), "test".to_owned())].into();
    let merged = server.merge(MergeRequest { strategy, message: "ours".into(), metadata, ..Default::default() }).await;
    assert_eq!((merged.message.as_str(), merged.metadata["why"].as_str()), ("ours", "test"));
    assert_eq!(merged.parent_commit_ids.len(), 2);
    assert_eq!(server.get("main", "both").await.unwrap(), "main");
    assert_eq!(server.get("main", "own").await.unwrap(), "side");
}

#[tokio::test]
async fn a_squashed_merge_has_one_parent() {
    let server = Server::start().await;
    server.diverge().await;
    let head = server.head("main").await;
    let strategy = MergeStrategy::SourceWins.into();
    let merged = server.merge(MergeRequest { strategy, squash: true, ..Default::default() }).await;
    assert_eq!(merged.parent_commit_ids, [head]);
    assert_eq!(server.get("main", "both").await.unwrap(), "side");
}

#[tokio::test]
async fn a_merge_is_cherry_picked_and_reverted_against_the_named_parent() {
    let server = Server::start().await;
    server.diverge().await;
    server.branch("other", "main").await;
    let strategy = MergeStrategy::SourceWins.into();
    let merged = server.merge(MergeRequest { strategy, ..Default::default() }).await;

    let undo = RevertRequest {
        repository: server.repository.clone(),
        r#ref: merged.commit_id.clone(),
        branch: "main".into(),
        parent_number: 1,
        message: "no".into(),
        ..Default::default()
    };
    let without_parent = RevertRequest { parent_number: 0, ..undo.clone() };
    let invalid = refused(Code::InvalidArgument, "INVALID_FIELD");
    assert_eq!(why(server.versions.clone().revert(without_parent).await), invalid);
    let third = RevertRequest { parent_number: 3, ..undo.clone() };
    assert_eq!(why(server.versions.clone().revert(third).await), invalid);
    let undone = server.versions.clone().revert(undo).await.unwrap().into_inner().commit.unwrap();
    assert_eq!(undone.message, "no");
    assert_eq!(server.get("main", "both").await.unwrap(), "main");
    assert_eq!(why(server.get("main", "own").await), refused(Code::NotFound, "OBJECT_NOT_FOUND"));

    // Cherry-pick last, because lakeFS may not find a commit by its ID for a while after it was cherry-picked.
    let pick = CherryPickRequest {
        repository: server.repository.clone(),
        r#ref: merged.commit_id,
        branch: "other".into(),
        parent_number: 1,
        ..Default::default()
    };
    let without_parent = CherryPickRequest { parent_number: 0, ..pick.clone() };
    assert_eq!(why(server.versions.clone().cherry_pick(without_parent).await), invalid);
    server.versions.clone().cherry_pick(pick).await.unwrap();
    assert_eq!(server.get("other", "own").await.unwrap(), "side");
}

#[tokio::test]
async fn allow_empty_creates_an_empty_commit() {
    let server = Server::start().await;
    let before = server.head("main").await;
    let nothing = CreateCommitRequest {
        repository: server.repository.clone(),
        r#ref: "main".into(),
        message: "mark".into(),
        allow_empty: true,
        ..Default::default()
    };
    let made = server.versions.clone().create_commit(nothing).await.unwrap().into_inner().commit.unwrap();
    assert_eq!(made.parent_commit_ids, [before]);
    assert_eq!(server.head("main").await, made.commit_id);
}

#[tokio::test]
async fn a_commit_with_destination_wins_keeps_the_base_side() {
    let server = Server::start().await;
    server.put("both", "0").await;
    server.commit("base").await;
    server.begin("t").await;
    server.put_in("t", "both", "transaction").await.unwrap();
    server.put_in("t", "own", "transaction").await.unwrap();
    server.put("both", "main").await;
    server.commit("main").await;
    let commit = CommitTransactionRequest {
        transaction_id: "t".into(),
        strategy: MergeStrategy::DestinationWins.into(),
        message: "yield".into(),
        ..Default::default()
    };
    let done = server.publish_with(commit).await.unwrap();
    assert_eq!(server.get_commit(&done.commit_id).await.message, "yield");
    assert_eq!(server.get("main", "both").await.unwrap(), "main");
    assert_eq!(server.get("main", "own").await.unwrap(), "transaction");
}

#[tokio::test]
async fn keep_on_failure_keeps_the_branch_only_after_a_rollback() {
    let server = Server::start().await;
    let keep = |id: &str, branch: &str| BeginTransactionRequest {
        branch: branch.into(),
        branch_retention: BranchRetention::KeepOnFailure.into(),
        ..server.begin_request(id)
    };
    for (id, branch) in [("fails", "left"), ("lands", "gone")] {
        server.try_begin(keep(id, branch)).await.unwrap();
        server.put_in(id, id, "1").await.unwrap();
    }
    assert_eq!(server.rollback("fails").await.unwrap().branch, "left");
    assert_eq!(server.get("left", "fails").await.unwrap(), "1");
    assert_eq!(server.publish("lands").await.unwrap().branch, "");
    assert_eq!(why(server.get("gone", "lands").await), refused(Code::NotFound, "REF_NOT_FOUND"));
    assert_eq!(server.get("main", "lands").await.unwrap(), "1");
    assert!(server.is_clean().await);
}
