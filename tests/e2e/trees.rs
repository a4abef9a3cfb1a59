//! Recursive operations and batches.

use crate::files::{list, paths};
use crate::fixture::{Server, all, refused, why};
use lakeport_proto::v1::*;
use std::collections::HashMap;
use tonic::Code;
use tonic_types::StatusExt;

async fn delete(server: &Server, request: DeleteRequest) -> Result<Vec<DeleteResponse>, tonic::Status> {
    let request = DeleteRequest { repository: server.repository.clone(), r#ref: "main".into(), ..request };
    all(server.files.clone().delete(request).await?.into_inner()).await
}

#[tokio::test]
async fn recursive_delete_spares_paths_that_only_share_the_prefix() {
    let server = Server::start().await;
    for path in ["x/file1", "x/file1/a", "x/file10", "x2"] {
        server.put(path, "1").await;
    }
    let one = DeleteRequest { path: "x/file1".into(), ..Default::default() };
    assert_eq!(delete(&server, one.clone()).await.unwrap()[0].deleted_count, 1);
    assert_eq!(paths(&list(&server, ListRequest::default()).await), ["x/file1/a", "x/file10", "x2"]);
    assert_eq!(why(delete(&server, one.clone()).await), refused(Code::NotFound, "OBJECT_NOT_FOUND"));
    assert!(delete(&server, DeleteRequest { allow_missing: true, ..one }).await.is_ok());
    delete(&server, DeleteRequest { path: "x/file1".into(), recursive: true, ..Default::default() }).await.unwrap();
    assert_eq!(paths(&list(&server, ListRequest::default()).await), ["x/file10", "x2"]);
    let nothing = DeleteRequest { recursive: true, ..Default::default() };
    assert_eq!(why(delete(&server, nothing).await), refused(Code::InvalidArgument, "INVALID_FIELD"));
}

#[tokio::test]
async fn a_call_that_fails_for_some_paths_ends_with_partial_failure() {
    let server = Server::start().await;
    server.put("x", "1").await;
    let request = DeleteRequest {
        repository: server.repository.clone(),
        r#ref: "main".into(),
        paths: vec!["x".into(), "nope".into()],
        ..Default::default()
    };
    let mut messages = server.files.clone().delete(request).await.unwrap().into_inner();
    let first = messages.message().await.unwrap().unwrap();
    assert_eq!((first.deleted_count, first.failures[0].path.as_str()), (1, "nope"));
    let error = messages.message().await.unwrap_err();
    let details = error.get_error_details();
    let counts = &details.error_info().unwrap().metadata;
    assert_eq!((counts["failed"].as_str(), counts["succeeded"].as_str()), ("1", "1"));
    assert_eq!(why::<()>(Err(error)), refused(Code::FailedPrecondition, "PARTIAL_FAILURE"));
}

#[tokio::test]
async fn directories_are_copied_and_moved() {
    let server = Server::start().await;
    for path in ["d/1", "d/2", "d2"] {
        server.put(path, path).await;
    }
    let copy = CopyRequest {
        repository: server.repository.clone(),
        r#ref: "main".into(),
        path: "c".into(),
        source_path: "d".into(),
        recursive: true,
        ..Default::default()
    };
    all(server.files.clone().copy(copy.clone()).await.unwrap().into_inner()).await.unwrap();
    assert_eq!(paths(&list(&server, ListRequest::default()).await), ["c/1", "c/2", "d/1", "d/2", "d2"]);
    assert_eq!(server.get("main", "c/2").await.unwrap(), "d/2");
    let onto_itself = CopyRequest { path: "d/sub".into(), ..copy };
    assert_eq!(why(server.files.clone().copy(onto_itself).await), refused(Code::InvalidArgument, "INVALID_FIELD"));

    let rename = MoveRequest {
        repository: server.repository.clone(),
        r#ref: "main".into(),
        path: "m".into(),
        source_path: "d".into(),
        recursive: true,
        ..Default::default()
    };
    let moved = all(server.files.clone().r#move(rename).await.unwrap().into_inner()).await.unwrap();
    let named: Vec<_> = moved.into_iter().flat_map(|response| response.paths).collect();
    assert_eq!(named, ["m/1", "m/2"]);
    assert_eq!(paths(&list(&server, ListRequest::default()).await), ["c/1", "c/2", "d2", "m/1", "m/2"]);
}

#[tokio::test]
async fn a_directory_is_copied_from_another_repository_with_its_metadata() {
    let server = Server::start().await;
    let elsewhere = server.another_repository().await;
    let mut request = WriteRequest { repository: elsewhere.clone(), ..server.header("main", "d/1", "one") };
    request.content_type = "text/csv".into();
    request.metadata = HashMap::from([("colour".into(), "blue".into())]);
    server.write(vec![request]).await.unwrap();
    server
        .write(vec![WriteRequest { repository: elsewhere.clone(), ..server.header("main", "d/2", "") }])
        .await
        .unwrap();
    server.begin("t").await;
    let copy = CopyRequest {
        transaction_id: "t".into(),
        path: "c".into(),
        source_repository: elsewhere.clone(),
        source_ref: "main".into(),
        source_path: "d".into(),
        recursive: true,
        ..Default::default()
    };
    let responses = all(server.files.clone().copy(copy.clone()).await.unwrap().into_inner()).await.unwrap();
    assert_eq!(responses.into_iter().flat_map(|response| response.paths).collect::<Vec<_>>(), ["c/1", "c/2"]);
    server.publish("t").await.unwrap();
    assert_eq!(
        (server.get("main", "c/1").await.unwrap(), server.get("main", "c/2").await.unwrap()),
        ("one".into(), String::new())
    );
    let stat = StatRequest {
        repository: server.repository.clone(),
        r#ref: "main".into(),
        path: "c/1".into(),
        ..Default::default()
    };
    let info = server.files.clone().stat(stat).await.unwrap().into_inner().info.unwrap();
    assert_eq!(
        (info.content_type.as_str(), info.metadata),
        ("text/csv", HashMap::from([("colour".into(), "blue".into())]))
    );

    let onto_main = CopyRequest {
        transaction_id: String::new(),
        repository: server.repository.clone(),
        r#ref: "main".into(),
        ..copy
    };
    let no_ref = CopyRequest { source_ref: String::new(), ..onto_main.clone() };
    assert_eq!(why(server.files.clone().copy(no_ref).await), refused(Code::InvalidArgument, "INVALID_FIELD"));
    let missing = CopyRequest { source_path: "nope".into(), recursive: false, ..onto_main };
    assert_eq!(why(server.files.clone().copy(missing).await), refused(Code::NotFound, "OBJECT_NOT_FOUND"));
}

#[tokio::test]
async fn batches_return_a_status_per_item() {
    let server = Server::start().await;
    let item = |path: &str, text: &str| BatchWriteItem {
        path: path.into(),
        data: text.to_owned().into(),
        ..Default::default()
    };
    let request = BatchWriteRequest {
        repository: server.repository.clone(),
        r#ref: "main".into(),
        items: vec![item("a", "1"), item("", "2"), item("b", "22")],
        ..Default::default()
    };
    let results = server.files.clone().batch_write(request).await.unwrap().into_inner().results;
    let codes: Vec<i32> = results.iter().map(|result| result.status.as_ref().unwrap().code).collect();
    assert_eq!(codes, [0, Code::InvalidArgument as i32, 0]);

    let request = BatchReadRequest {
        repository: server.repository.clone(),
        r#ref: "main".into(),
        paths: vec!["b".into(), "nope".into(), "a".into()],
        ..Default::default()
    };
    let responses = all(server.files.clone().batch_read(request).await.unwrap().into_inner()).await.unwrap();
    let mut items: Vec<_> = responses.into_iter().flat_map(|response| response.items).collect();
    items.sort_by_key(|item| item.index);
    assert_eq!((items[0].data.as_ref(), items[2].data.as_ref()), (b"22".as_ref(), b"1".as_ref()));
    assert_eq!(items[1].status.as_ref().unwrap().code, Code::NotFound as i32);

    let request = BatchStatRequest {
        repository: server.repository.clone(),
        r#ref: "main".into(),
        paths: (0..10_001).map(|n| n.to_string()).collect(),
        ..Default::default()
    };
    let too_many = server.files.clone().batch_stat(request.clone()).await;
    assert_eq!(why(too_many), refused(Code::InvalidArgument, "BATCH_TOO_LARGE"));
    let few = BatchStatRequest { paths: vec!["a".into(), "b".into()], ..request };
    let responses = all(server.files.clone().batch_stat(few).await.unwrap().into_inner()).await.unwrap();
    assert_eq!(responses.iter().map(|response| response.items.len()).sum::<usize>(), 2);
}

/// No call interprets `..` or its encodings in a key as a parent directory.
#[tokio::test]
async fn keys_with_dot_segments_are_treated_literally() {
    let server = Server::start().await;
    let (repository, main) = (server.repository.clone(), "main".to_owned());
    let mut files = server.files.clone();
    let keys = ["..", "../../main", "a/../b", "%2e%2e/%2E%2E", "..%2f..", "./.", "//"];
    let (copied, moved) = (|key: &str| format!("{key}/../copy"), |key: &str| format!("{key}/%2e%2e/move"));
    server.put("above", "untouched").await;
    server.put_many(&repository, "main", "", &keys.map(str::to_owned)).await;
    for key in keys {
        let source_path = key.to_owned();
        let at = StatRequest {
            repository: repository.clone(),
            r#ref: main.clone(),
            path: key.into(),
            transaction_id: String::new(),
        };
        assert_eq!(files.stat(at).await.unwrap().into_inner().info.unwrap().path, key);
        let copy = CopyRequest {
            repository: repository.clone(),
            r#ref: main.clone(),
            path: copied(key),
            source_path: source_path.clone(),
            ..Default::default()
        };
        all(files.copy(copy).await.unwrap().into_inner()).await.unwrap();
        let rename = MoveRequest {
            repository: repository.clone(),
            r#ref: main.clone(),
            path: moved(key),
            source_path,
            ..Default::default()
        };
        all(files.r#move(rename).await.unwrap().into_inner()).await.unwrap();
        let metadata = HashMap::from([("about".to_owned(), "a test".to_owned())]);
        let request = SetMetadataRequest {
            repository: repository.clone(),
            r#ref: main.clone(),
            path: moved(key),
            metadata,
            ..Default::default()
        };
        files.set_metadata(request).await.unwrap();
        assert_eq!(server.get("main", &moved(key)).await.unwrap(), format!("{key} main"));
    }
    let expected: Vec<String> = keys.iter().flat_map(|key| [copied(key), moved(key)]).collect();
    let request = BatchReadRequest {
        repository: repository.clone(),
        r#ref: main.clone(),
        paths: expected.clone(),
        ..Default::default()
    };
    let responses = all(files.batch_read(request).await.unwrap().into_inner()).await.unwrap();
    assert!(responses.iter().flat_map(|response| &response.items).all(|item| item.data.ends_with(b" main")));
    assert_eq!(responses.iter().map(|response| response.items.len()).sum::<usize>(), expected.len());
    let responses = delete(&server, DeleteRequest { paths: expected, ..Default::default() }).await.unwrap();
    assert_eq!(responses.last().unwrap().deleted_count, 14);
    assert_eq!(paths(&list(&server, ListRequest::default()).await), ["above"]);
}

#[tokio::test]
async fn a_move_keeps_a_source_that_was_written_again() {
    let server = Server::with_faults().await;
    for path in ["s/a", "s/b"] {
        server.put(path, "first").await;
    }
    // The check of the first source is late, and the source is written again before it.
    let late = lakeport_embedded::Fault::Delay(std::time::Duration::from_millis(600));
    server.arm_many(lakeport_embedded::On::new(http::Method::GET, "/objects/stat"), late, 2);
    let request = MoveRequest {
        repository: server.repository.clone(),
        r#ref: "main".into(),
        path: "d".into(),
        source_path: "s".into(),
        recursive: true,
        ..Default::default()
    };
    let moving = async {
        let mut messages = server.files.clone().r#move(request).await.unwrap().into_inner();
        let mut failures = Vec::new();
        loop {
            match messages.message().await {
                Ok(Some(message)) => failures.extend(message.failures),
                Ok(None) => panic!("the move succeeded"),
                Err(error) => return (failures, why::<()>(Err(error))),
            }
        }
    };
    let writing = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        server.put("s/a", "second").await;
    };
    let ((failures, end), ()) = futures_util::join!(moving, writing);
    assert_eq!(end, refused(Code::FailedPrecondition, "PARTIAL_FAILURE"));
    assert_eq!(failures.iter().map(|failure| failure.path.as_str()).collect::<Vec<_>>(), ["s/a"]);
    assert_eq!(server.get("main", "s/a").await.unwrap(), "second");
    assert_eq!(server.get("main", "d/a").await.unwrap(), "first");
    assert_eq!(why(server.get("main", "s/b").await), refused(Code::NotFound, "OBJECT_NOT_FOUND"));
}

#[tokio::test]
async fn a_batch_stores_each_path_once() {
    let server = Server::start().await;
    let item =
        |path: &str, text: &'static str| BatchWriteItem { path: path.into(), data: text.into(), ..Default::default() };
    let items = vec![item("a", "first"), item("b", "other"), item("a", "second")];
    let request =
        BatchWriteRequest { repository: server.repository.clone(), r#ref: "main".into(), items, ..Default::default() };
    let results = server.files.clone().batch_write(request).await.unwrap().into_inner().results;
    let codes: Vec<i32> = results.into_iter().map(|result| result.status.unwrap().code).collect();
    assert_eq!(codes, [0, 0, Code::InvalidArgument as i32]);
    assert_eq!(server.get("main", "a").await.unwrap(), "first");
}
