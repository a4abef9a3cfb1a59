//! Options that do not apply are rejected instead of ignored, and so are objects that lakeFS would change. Also tests large
//! moves.

use crate::fixture::{Server, all, refused, why};
use lakeport_proto::v1::*;
use std::collections::HashMap;
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// Returns the names of the fields in an error.
fn fields<T: std::fmt::Debug>(response: Result<T, Status>) -> Vec<String> {
    let status = response.expect_err("an option was ignored");
    let details = status.get_error_details();
    let violations = details.bad_request().map(|bad| bad.field_violations.clone()).unwrap_or_default();
    violations.into_iter().map(|violation| violation.field).collect()
}

#[tokio::test]
async fn merge_options_without_a_merge_are_rejected() {
    let server = Server::start().await;
    server.begin("t").await;
    let without_merge = CommitTransactionRequest {
        transaction_id: "t".into(),
        skip_merge: true,
        squash: true,
        strategy: MergeStrategy::SourceWins.into(),
        tags: vec!["v1".into()],
        ..Default::default()
    };
    assert_eq!(fields(server.publish_with(without_merge).await), ["tags", "squash", "strategy"]);
    assert_eq!(server.transaction("t").await.unwrap().state(), TransactionState::Open);
}

#[tokio::test]
async fn commit_options_of_read_only_transactions_are_rejected() {
    let server = Server::start().await;
    let reading = BeginTransactionRequest { read_only: true, ..server.begin_request("t") };
    server.try_begin(reading).await.unwrap();
    let plain = CommitTransactionRequest { transaction_id: "t".into(), ..Default::default() };
    let with_message = CommitTransactionRequest { message: "done".into(), ..plain.clone() };
    assert_eq!(fields(server.publish_with(with_message).await), ["message"]);
    let squashed = CommitTransactionRequest { squash: true, ..plain.clone() };
    assert_eq!(fields(server.publish_with(squashed).await), ["squash"]);
    let (one, two) = tokio::join!(server.publish_with(plain.clone()), server.publish_with(plain));
    assert_eq!(one.unwrap().commit_id, two.unwrap().commit_id);
}

#[tokio::test]
async fn unsupported_list_and_diff_options_are_rejected() {
    let server = Server::start().await;
    server.begin("t").await;
    let none = ListTransactionsRequest { states: vec![0], ..Default::default() };
    assert_eq!(fields(server.transactions.clone().list_transactions(none).await), ["states"]);
    let diff = DiffRequest { transaction_id: "t".into(), mode: DiffMode::TwoDot.into(), ..Default::default() };
    assert_eq!(fields(server.versions.clone().diff(diff).await), ["mode"]);
}

/// lakeFS parses a body with a multipart type as a form and stores only a part of it.
#[tokio::test]
async fn content_types_and_metadata_that_lakefs_would_change_are_rejected() {
    let server = Server::start().await;
    for content_type in ["multipart/form-data; boundary=X", " Multipart/Mixed", "text/plain "] {
        let form = "--X\r\nContent-Disposition: form-data; name=\"content\"\r\n\r\npart\r\n--X--\r\n";
        let request = WriteRequest { content_type: content_type.into(), ..server.header("main", "a", form) };
        assert_eq!(fields(server.write(vec![request]).await), ["content_type"], "{content_type:?}");
    }
    let metadata = HashMap::from([("k".into(), " v ".into())]);
    let request = WriteRequest { metadata, ..server.header("main", "a", "x") };
    assert_eq!(fields(server.write(vec![request]).await), ["metadata"]);
    assert_eq!(why(server.get("main", "a").await), refused(Code::NotFound, "OBJECT_NOT_FOUND"));
}

#[tokio::test]
async fn a_large_move_streams_the_moved_paths_in_batches() {
    let server = Server::start().await;
    let paths: Vec<String> = (0..1100).map(|n| format!("from/{n:04}")).collect();
    for part in paths.chunks(500) {
        server.put_many(&server.repository, "main", "", part).await;
    }
    let request = MoveRequest {
        repository: server.repository.clone(),
        r#ref: "main".into(),
        path: "to/".into(),
        source_path: "from/".into(),
        recursive: true,
        ..Default::default()
    };
    let responses = all(server.files.clone().r#move(request.clone()).await.unwrap().into_inner()).await.unwrap();
    let sizes: Vec<usize> = responses.iter().map(|response| response.paths.len()).collect();
    // One message for each batch of copies, and one for each batch of deleted sources.
    assert_eq!(sizes, [0, 0, 1000, 100]);
    // A move without any source object fails.
    let again = server.files.clone().r#move(request.clone()).await;
    assert_eq!(why(again), refused(Code::NotFound, "OBJECT_NOT_FOUND"));
    let copy = CopyRequest {
        repository: request.repository,
        r#ref: request.r#ref,
        path: request.path,
        source_path: request.source_path,
        recursive: true,
        ..Default::default()
    };
    assert_eq!(why(server.files.clone().copy(copy).await), refused(Code::NotFound, "OBJECT_NOT_FOUND"));
}
