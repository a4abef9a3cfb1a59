//! Another's transaction is as unknown as none, to the byte; and answers of lakeFS that mean nothing are not taken for any.

use crate::fixture::{Server, refused, why};
use http::{Method, StatusCode};
use lakeport_embedded::{Fault, On};
use lakeport_proto::v1::*;
use lakeport_transactions::{NewTransaction, Options, Retention};
use lakeport_types::{BranchName, CommitId, RepositoryId, TransactionId};
use std::collections::BTreeMap;
use tonic::{Code, Status};

/// IDs of one length, so that nothing but they can differ.
const THEIRS: &str = "theirs";
const NOBODYS: &str = "nobody";

async fn begun_by_another(server: &Server) {
    let new = NewTransaction {
        id: TransactionId::try_from(THEIRS).unwrap(),
        owner: "somebody else".into(),
        repository: RepositoryId::try_from(server.repository.as_str()).unwrap(),
        base_branch: BranchName::try_from("main").unwrap(),
        base_commit_id: Some(CommitId::try_from(server.head("main").await).unwrap()),
        branch: BranchName::for_transaction(0, 0),
        options: Options {
            idle_timeout: 600_000,
            lifetime: 600_000,
            read_only: false,
            retention: Retention::Delete,
            kept_branch: None,
        },
        labels: BTreeMap::new(),
    };
    server.ops().store.begin(new).await.unwrap();
}

/// All that a caller is told.
fn told<T: std::fmt::Debug>(answer: Result<T, Status>) -> (Code, String, String) {
    let status = answer.expect_err("it is answered");
    let details = String::from_utf8_lossy(status.details()).into_owned();
    (status.code(), status.message().replace(THEIRS, NOBODYS), details.replace(THEIRS, NOBODYS))
}

async fn all_that_is_told(server: &Server, id: &str) -> Vec<(Code, String, String)> {
    let mut transactions = server.transactions.clone();
    let changes = ListTransactionChangesRequest { transaction_id: id.into(), ..Default::default() };
    let commit = CreateCommitRequest { transaction_id: id.into(), ..Default::default() };
    vec![
        told(server.transaction(id).await),
        told(server.publish(id).await),
        told(server.rollback(id).await),
        told(server.put_in(id, "a", "1").await),
        told(server.get_in(id, "a").await),
        told(transactions.keep_alive_transaction(KeepAliveTransactionRequest { transaction_id: id.into() }).await),
        told(transactions.watch_transaction(WatchTransactionRequest { transaction_id: id.into() }).await),
        told(transactions.list_transaction_changes(changes).await),
        told(server.versions.clone().create_commit(commit).await),
    ]
}

#[tokio::test]
async fn anothers_transaction_is_as_unknown_as_none() {
    let server = Server::start().await;
    begun_by_another(&server).await;
    let (theirs, nobodys) = (all_that_is_told(&server, THEIRS).await, all_that_is_told(&server, NOBODYS).await);
    assert_eq!(theirs, nobodys);
    assert!(theirs.iter().all(|(code, ..)| *code == Code::NotFound), "{theirs:?}");
    // The ID is free for oneself.
    assert_eq!(server.begin(THEIRS).await.state(), TransactionState::Open);
}

#[tokio::test]
async fn nobody_sets_what_belongs_to_lakeport() {
    let server = Server::start().await;
    server.begin("t").await;
    server.put_in("t", "a", "1").await.unwrap();
    // Ours, and lakeFS's own mark of a copy: a merge that carries it could not be told from one.
    for key in ["lakeport.transaction_id", "cherry-pick-origin"] {
        let metadata = std::collections::HashMap::from([(key.into(), "t".into())]);
        let commit = CommitTransactionRequest { transaction_id: "t".into(), metadata, ..Default::default() };
        assert_eq!(why(server.publish_with(commit).await), refused(Code::PermissionDenied, "RESERVED_NAME"), "{key}");
    }
    assert_eq!(server.transaction("t").await.unwrap().epoch, 0, "something was begun");
}

/// A proxy's page, say: neither "there" nor "not there" can be made of it.
#[tokio::test]
async fn an_answer_that_means_nothing_is_no_answer() {
    let server = Server::with_faults().await;
    server.put("a", "1").await;
    server.commit("seed").await;
    let nonsense = || Fault::Fail(StatusCode::OK, "welcome");
    let stat = StatRequest {
        repository: server.repository.clone(),
        r#ref: "main".into(),
        path: "a".into(),
        ..Default::default()
    };
    let fired = server.arm(On::new(Method::GET, "/objects/stat"), nonsense(), 1);
    assert_eq!(why(server.files.clone().stat(stat).await), refused(Code::Internal, "INTERNAL"));
    server.begin("t").await;
    server.put_in("t", "b", "1").await.unwrap();
    let merge = server.arm(On::merge(), nonsense(), 1);
    // It may have been merged or not, so it is looked for and sent again.
    assert!(server.publish("t").await.unwrap().merged);
    assert_eq!((fired.count(), merge.count(), server.merges_of("t").await), (1, 1, 1));
}

#[tokio::test]
async fn batches_that_are_too_large_are_refused_whole() {
    let server = Server::start().await;
    let paths: Vec<String> = (0..20_000).map(|n| n.to_string()).collect();
    let (repository, main) = (server.repository.clone(), "main".to_owned());
    let too_large = refused(Code::InvalidArgument, "BATCH_TOO_LARGE");
    let mut files = server.files.clone();
    let read = BatchReadRequest {
        repository: repository.clone(),
        r#ref: main.clone(),
        paths: paths.clone(),
        ..Default::default()
    };
    assert_eq!(why(files.batch_read(read).await), too_large);
    let delete = DeleteRequest {
        repository: repository.clone(),
        r#ref: main.clone(),
        paths: paths.clone(),
        ..Default::default()
    };
    assert_eq!(why(files.delete(delete).await), too_large);
    let items = paths.into_iter().map(|path| BatchWriteItem { path, ..Default::default() }).collect();
    let write = BatchWriteRequest { repository, r#ref: main, items, ..Default::default() };
    assert_eq!(why(files.batch_write(write).await), too_large);
}
