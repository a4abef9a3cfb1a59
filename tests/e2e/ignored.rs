//! No option is taken and ignored, and nothing that lakeFS would change is stored.

use crate::fixture::{Server, all, refused, why};
use lakeport_proto::v1::*;
use std::collections::HashMap;
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// The fields that a refusal names.
fn fields<T: std::fmt::Debug>(answer: Result<T, Status>) -> Vec<String> {
    let status = answer.expect_err("an option is taken and ignored");
    let details = status.get_error_details();
    let violations = details.bad_request().map(|bad| bad.field_violations.clone()).unwrap_or_default();
    violations.into_iter().map(|violation| violation.field).collect()
}

#[tokio::test]
async fn a_commit_that_does_not_merge_takes_no_word_about_merging() {
    let server = Server::start().await;
    server.begin("t").await;
    let apart = CommitTransactionRequest {
        transaction_id: "t".into(),
        merge: Some(false),
        squash: true,
        strategy: MergeStrategy::SourceWins.into(),
        tags: vec!["v1".into()],
        ..Default::default()
    };
    assert_eq!(fields(server.publish_with(apart).await), ["tags", "squash", "strategy"]);
    assert_eq!(server.transaction("t").await.unwrap().state(), TransactionState::Open);
}

#[tokio::test]
async fn the_end_of_a_transaction_that_only_reads_has_nothing_to_say() {
    let server = Server::start().await;
    let reading = BeginTransactionRequest { read_only: true, ..server.begin_request("t") };
    server.try_begin(reading).await.unwrap();
    let plain = CommitTransactionRequest { transaction_id: "t".into(), ..Default::default() };
    let said = CommitTransactionRequest { message: "done".into(), ..plain.clone() };
    assert_eq!(fields(server.publish_with(said).await), ["message"]);
    let squashed = CommitTransactionRequest { squash: true, ..plain.clone() };
    assert_eq!(fields(server.publish_with(squashed).await), ["squash"]);
    let (one, two) = tokio::join!(server.publish_with(plain.clone()), server.publish_with(plain));
    assert_eq!(one.unwrap().commit_id, two.unwrap().commit_id);
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_not_listed_or_compared() {
    let server = Server::start().await;
    server.begin("t").await;
    let none = ListTransactionsRequest { states: vec![0], ..Default::default() };
    assert_eq!(fields(server.transactions.clone().list_transactions(none).await), ["states"]);
    let diff = DiffRequest { transaction_id: "t".into(), mode: DiffMode::TwoDot.into(), ..Default::default() };
    assert_eq!(fields(server.versions.clone().diff(diff).await), ["mode"]);
}

/// lakeFS takes a body of such a type for a form, and stores a part of it.
#[tokio::test]
async fn an_object_is_stored_with_the_type_and_metadata_that_it_came_with_or_not_at_all() {
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
async fn a_move_of_many_says_in_parts_what_is_gone() {
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
    let answers = all(server.files.clone().r#move(request.clone()).await.unwrap().into_inner()).await.unwrap();
    let sizes: Vec<usize> = answers.iter().map(|answer| answer.paths.len()).collect();
    assert_eq!(sizes, [1000, 100]);
    // There is nothing left to move, and that is no success.
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
