//! Transactions of other owners, reserved metadata, invalid responses of lakeFS, and oversized batches.

use crate::fixture::{Server, refused, why};
use http::{Method, StatusCode};
use lakeport_embedded::{Fault, On};
use lakeport_proto::v1::*;
use lakeport_transactions::{NewTransaction, Options, Retention};
use lakeport_types::{BranchName, CommitId, RepositoryId, TransactionId};
use std::collections::BTreeMap;
use tonic::{Code, Status};

/// ID of a transaction of another owner.
const THEIRS: &str = "theirs";
/// ID of no transaction. It has the same length as `THEIRS`, so that the encoded errors are comparable.
const UNKNOWN: &str = "absent";

async fn begin_by_another_owner(server: &Server) {
    let new = NewTransaction {
        id: TransactionId::try_from(THEIRS).unwrap(),
        owner: "another owner".into(),
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

/// Returns code, message and details of an error, with the ID of the other owner's transaction replaced.
fn error_of<T: std::fmt::Debug>(response: Result<T, Status>) -> (Code, String, String) {
    let status = response.expect_err("the call must fail");
    let details = String::from_utf8_lossy(status.details()).into_owned();
    (status.code(), status.message().replace(THEIRS, UNKNOWN), details.replace(THEIRS, UNKNOWN))
}

async fn errors_of_all_calls(server: &Server, id: &str) -> Vec<(Code, String, String)> {
    let mut transactions = server.transactions.clone();
    let changes = ListTransactionChangesRequest { transaction_id: id.into(), ..Default::default() };
    let commit = CreateCommitRequest { transaction_id: id.into(), ..Default::default() };
    vec![
        error_of(server.transaction(id).await),
        error_of(server.publish(id).await),
        error_of(server.rollback(id).await),
        error_of(server.put_in(id, "a", "1").await),
        error_of(server.get_in(id, "a").await),
        error_of(transactions.keep_alive_transaction(KeepAliveTransactionRequest { transaction_id: id.into() }).await),
        error_of(transactions.watch_transaction(WatchTransactionRequest { transaction_id: id.into() }).await),
        error_of(transactions.list_transaction_changes(changes).await),
        error_of(server.versions.clone().create_commit(commit).await),
    ]
}

#[tokio::test]
async fn another_owners_transaction_returns_the_same_errors_as_an_unknown_one() {
    let server = Server::start().await;
    begin_by_another_owner(&server).await;
    let (theirs, unknown) = (errors_of_all_calls(&server, THEIRS).await, errors_of_all_calls(&server, UNKNOWN).await);
    assert_eq!(theirs, unknown);
    assert!(theirs.iter().all(|(code, ..)| *code == Code::NotFound), "{theirs:?}");
    // The caller can still use this ID for a transaction.
    assert_eq!(server.begin(THEIRS).await.state(), TransactionState::Open);
}

#[tokio::test]
async fn reserved_metadata_keys_are_rejected_on_commit() {
    let server = Server::start().await;
    server.begin("t").await;
    server.put_in("t", "a", "1").await.unwrap();
    // The first key is reserved by lakeport. The second is lakeFS's mark of a cherry-pick: a merge with this key would look
    // like one.
    for key in ["lakeport.transaction_id", "cherry-pick-origin"] {
        let metadata = std::collections::HashMap::from([(key.into(), "t".into())]);
        let commit = CommitTransactionRequest { transaction_id: "t".into(), metadata, ..Default::default() };
        assert_eq!(why(server.publish_with(commit).await), refused(Code::PermissionDenied, "RESERVED_NAME"), "{key}");
    }
    assert_eq!(server.transaction("t").await.unwrap().epoch, 0, "the rejected commit changed the transaction");
}

/// For example the error page of a proxy. It says neither that an object exists nor that it does not.
#[tokio::test]
async fn an_invalid_lakefs_response_is_not_trusted() {
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
    // The outcome of the merge is unknown, so the server searches for it and sends it again.
    assert!(server.publish("t").await.unwrap().merged);
    assert_eq!((fired.count(), merge.count(), server.merges_of("t").await), (1, 1, 1));
}

#[tokio::test]
async fn too_large_batches_are_rejected() {
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
