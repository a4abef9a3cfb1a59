//! `Compose`: concatenation of objects, all or nothing, with safe retries.

use crate::files::{list, paths};
use crate::fixture::{Server, all, refused, why};
use lakeport_embedded::{Fault, On};
use lakeport_proto::v1::*;
use std::collections::HashMap;
use tonic::{Code, Status};
use tonic_types::StatusExt;

fn request(server: &Server, path: &str, sources: &[&str]) -> ComposeRequest {
    ComposeRequest {
        repository: server.repository.clone(),
        r#ref: "main".into(),
        path: path.into(),
        source_paths: sources.iter().map(ToString::to_string).collect(),
        ..Default::default()
    }
}

async fn compose(server: &Server, request: ComposeRequest) -> Result<FileInfo, Status> {
    let messages = all(server.files.clone().compose(request).await?.into_inner()).await?;
    let (last, before) = messages.split_last().unwrap();
    assert!(before.iter().all(|message| message.info.is_none()), "only the last message carries info");
    let info = last.info.clone().unwrap();
    assert_eq!(last.composed_bytes, info.size_bytes);
    Ok(info)
}

async fn missing(server: &Server, path: &str) -> bool {
    why(server.get("main", path).await) == refused(Code::NotFound, "OBJECT_NOT_FOUND")
}

#[tokio::test]
async fn sources_are_concatenated_in_order() {
    let server = Server::start().await;
    for (path, text) in [("p/1", "one "), ("p/2", ""), ("p/3", "three")] {
        server.put(path, text).await;
    }
    let whole = ComposeRequest {
        metadata: HashMap::from([("team".into(), "data".into())]),
        ..request(&server, "all.csv", &["p/3", "p/1", "p/2", "p/3"])
    };
    let expected = "threeone three";
    let whole = ComposeRequest {
        size_bytes: Some(expected.len() as i64),
        object_crc32c: Some(crc32c::crc32c(expected.as_bytes())),
        ..whole
    };
    let info = compose(&server, whole).await.unwrap();
    assert_eq!((info.path.as_str(), info.size_bytes), ("all.csv", expected.len() as i64));
    assert_eq!((info.content_type.as_str(), info.metadata["team"].as_str()), ("text/csv", "data"));
    assert_eq!(info.metadata.len(), 1, "metadata of lakeport is visible: {:?}", info.metadata);
    assert_eq!(server.get("main", "all.csv").await.unwrap(), expected);
    assert_eq!(server.get("main", "p/1").await.unwrap(), "one ", "a source was deleted");
}

#[tokio::test]
async fn large_and_small_sources_are_streamed_with_progress() {
    let server = Server::start().await;
    let large = "0123456789abcdef".repeat(200 << 10);
    let mut expected = String::new();
    let mut sources = Vec::new();
    for n in 0..40 {
        let (path, text) = (format!("part-{n}"), if n % 13 == 5 { large.clone() } else { format!("<{n}>") });
        // Above the size of one message.
        let pieces = text
            .as_bytes()
            .chunks(1 << 20)
            .map(|piece| WriteRequest { data: bytes::Bytes::copy_from_slice(piece), ..Default::default() });
        let header =
            WriteRequest { data: bytes::Bytes::new(), finish_write: false, ..server.header("main", &path, "") };
        let end = WriteRequest { finish_write: true, ..Default::default() };
        server.write([header].into_iter().chain(pieces).chain([end]).collect()).await.unwrap();
        expected += &text;
        sources.push(path);
    }
    let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
    let info = compose(&server, request(&server, "whole", &sources)).await.unwrap();
    assert_eq!(info.size_bytes, expected.len() as i64);
    assert_eq!(server.get("main", "whole").await.unwrap(), expected);
}

#[tokio::test]
async fn ten_thousand_sources_are_one_request() {
    let server = Server::start().await;
    let sources: Vec<String> = (0..10_000).map(|n| format!("p/{n:05}")).collect();
    for part in sources.chunks(2_500) {
        server.put_many(&server.repository, "main", "", part).await;
    }
    let expected: String = sources.iter().map(|path| format!("{path} main")).collect();
    let request = ComposeRequest {
        source_paths: sources,
        delete_sources: true,
        request_id: "once".into(),
        ..request(&server, "whole", &[])
    };
    compose(&server, request.clone()).await.unwrap();
    assert_eq!(server.get("main", "whole").await.unwrap(), expected);
    assert_eq!(paths(&list(&server, ListRequest::default()).await), ["whole"]);
    compose(&server, request).await.unwrap();
}

#[tokio::test]
async fn a_missing_source_leaves_no_destination() {
    let server = Server::start().await;
    server.put("a", "1").await;
    let result = compose(&server, request(&server, "whole", &["a", "nope"])).await;
    let error = result.unwrap_err();
    assert!(error.message().contains("nope"), "{error}");
    assert_eq!(why::<()>(Err(error)), refused(Code::NotFound, "OBJECT_NOT_FOUND"));
    assert!(missing(&server, "whole").await);
}

#[tokio::test]
async fn parts_in_a_transaction_become_one_object_of_another() {
    let server = Server::start().await;
    for id in ["parts", "job"] {
        server.begin(id).await;
    }
    for (path, text) in [("1", "he"), ("2", "llo")] {
        server.put_in("parts", path, text).await.unwrap();
    }
    let upload = ComposeRequest {
        transaction_id: "job".into(),
        path: "hello.txt".into(),
        source_paths: vec!["1".into(), "2".into()],
        source_transaction_id: "parts".into(),
        delete_sources: true,
        request_id: "upload-1".into(),
        ..Default::default()
    };
    let first = compose(&server, upload.clone()).await.unwrap();
    assert_eq!(server.get_in("job", "hello.txt").await.unwrap(), "hello");
    assert_eq!(why(server.get_in("parts", "1").await), refused(Code::NotFound, "OBJECT_NOT_FOUND"));
    // The sources are deleted, so only the recorded request can make this succeed.
    assert_eq!(compose(&server, upload.clone()).await.unwrap(), first);
    let other = ComposeRequest { content_type: "text/html".into(), ..upload };
    let error = compose(&server, other).await.unwrap_err();
    assert!(error.message().contains("request_id"), "{error}");
    assert_eq!(why::<()>(Err(error)), refused(Code::InvalidArgument, "INVALID_FIELD"));
    server.publish("job").await.unwrap();
    assert_eq!(server.get("main", "hello.txt").await.unwrap(), "hello");
    server.rollback("parts").await.unwrap();
    assert!(server.is_clean().await);
}

#[tokio::test]
async fn a_retry_after_a_lost_response_composes_once_and_deletes_the_sources() {
    let server = Server::with_faults().await;
    for (path, text) in [("1", "a"), ("2", "b")] {
        server.put(path, text).await;
    }
    let request =
        ComposeRequest { delete_sources: true, request_id: "r".into(), ..request(&server, "whole", &["1", "2"]) };
    // The deletion is sent and its response lost: the sources are gone, and the caller does not know.
    let lost = server.arm_many(On::new(http::Method::POST, "/objects/delete"), Fault::ApplyThenDrop, 5);
    let mut attempts = 0;
    let composed = loop {
        attempts += 1;
        match compose(&server, request.clone()).await {
            Ok(composed) => break composed,
            Err(error) => assert_eq!(why::<()>(Err(error)), refused(Code::Unavailable, "WRITE_IN_DOUBT")),
        }
        assert!(attempts < 10);
    };
    assert_eq!(composed.size_bytes, 2);
    assert!(attempts > 1 && lost.count() > 0);
    assert_eq!(paths(&list(&server, ListRequest::default()).await), ["whole"]);
}

#[tokio::test]
async fn a_source_that_changes_while_it_is_read_aborts_the_call() {
    let server = Server::with_faults().await;
    server.put("a", "first").await;
    server.put("b", "second").await;
    // Between the description of the sources and the read of this one, it is replaced.
    let late =
        server.arm(On::new(http::Method::GET, "/objects"), Fault::Delay(std::time::Duration::from_millis(400)), 2);
    let composing = compose(&server, request(&server, "whole", &["a", "b"]));
    let replacing = async {
        tokio::time::sleep(std::time::Duration::from_millis(150)).await;
        server.put("b", "another").await;
    };
    let (composed, ()) = tokio::join!(composing, replacing);
    assert_eq!(late.count(), 1);
    assert_eq!(why(composed), refused(Code::Aborted, "OBJECT_CHANGED"));
    assert!(missing(&server, "whole").await);
}

#[tokio::test]
async fn invalid_requests_change_nothing() {
    let server = Server::start().await;
    for path in ["a", "b"] {
        server.put(path, path).await;
    }
    server.commit("start").await;
    server.begin("t").await;
    let base = request(&server, "whole", &["a", "b"]);
    let many = (0..10_001).map(|n| n.to_string()).collect();
    let invalid = || refused(Code::InvalidArgument, "INVALID_FIELD");
    for (request, expected) in [
        (ComposeRequest { source_paths: Vec::new(), ..base.clone() }, invalid()),
        (ComposeRequest { source_paths: many, ..base.clone() }, refused(Code::InvalidArgument, "BATCH_TOO_LARGE")),
        (ComposeRequest { path: "a".into(), ..base.clone() }, invalid()),
        (ComposeRequest { source_ref: "main@".into(), path: "b".into(), ..base.clone() }, invalid()),
        (ComposeRequest { size_bytes: Some(3), ..base.clone() }, refused(Code::InvalidArgument, "WRITE_INCOMPLETE")),
        (
            ComposeRequest { object_crc32c: Some(7), ..base.clone() },
            refused(Code::InvalidArgument, "CHECKSUM_MISMATCH"),
        ),
        (ComposeRequest { size_bytes: Some(-1), ..base.clone() }, invalid()),
        (ComposeRequest { if_none_match: "x".into(), ..base.clone() }, invalid()),
        (ComposeRequest { delete_sources: true, ..base.clone() }, invalid()),
        (ComposeRequest { request_id: "no spaces".into(), ..base.clone() }, invalid()),
        (
            ComposeRequest {
                delete_sources: true,
                request_id: "r".into(),
                source_paths: vec!["a".into(), "a".into()],
                ..base.clone()
            },
            invalid(),
        ),
        (
            ComposeRequest {
                source_ref: server.head("main").await,
                delete_sources: true,
                request_id: "r".into(),
                ..base.clone()
            },
            refused(Code::InvalidArgument, "REF_NOT_A_BRANCH"),
        ),
        (ComposeRequest { source_ref: "main".into(), source_transaction_id: "t".into(), ..base.clone() }, invalid()),
        (
            ComposeRequest { source_transaction_id: "unknown".into(), ..base.clone() },
            refused(Code::NotFound, "TRANSACTION_NOT_FOUND"),
        ),
        (ComposeRequest { source_ref: "nope".into(), ..base.clone() }, refused(Code::NotFound, "REF_NOT_FOUND")),
        (
            ComposeRequest { metadata: HashMap::from([("lakeport.request-id".into(), "r".into())]), ..base.clone() },
            refused(Code::PermissionDenied, "RESERVED_NAME"),
        ),
    ] {
        let composed = compose(&server, request.clone()).await;
        assert!(composed.is_err(), "{request:?}");
        assert_eq!(why(composed), expected, "{request:?}");
        assert!(missing(&server, "whole").await);
        assert_eq!(server.get("main", "a").await.unwrap(), "a");
    }
    let create_only = ComposeRequest { if_none_match: "*".into(), path: "b".into(), ..request(&server, "b", &["a"]) };
    assert_eq!(why(compose(&server, create_only).await), refused(Code::AlreadyExists, "OBJECT_EXISTS"));
    assert_eq!(server.get("main", "b").await.unwrap(), "b");
}

fn move_by_compose(server: &Server, source: &str) -> ComposeRequest {
    ComposeRequest { delete_sources: true, request_id: "r".into(), ..request(server, "whole", &[source, "b"]) }
}

#[tokio::test]
async fn a_retry_keeps_a_source_that_was_written_again() {
    let server = Server::with_faults().await;
    for path in ["a", "b"] {
        server.put(path, "first").await;
    }
    let failing = Fault::Fail(http::StatusCode::SERVICE_UNAVAILABLE, "unavailable");
    server.arm(On::new(http::Method::POST, "/objects/delete"), failing, 1);
    assert!(compose(&server, move_by_compose(&server, "a")).await.is_err());
    server.put("a", "second").await;
    for _ in 0..2 {
        let error = compose(&server, move_by_compose(&server, "a")).await.unwrap_err();
        assert!(error.message().contains("\"a\""), "{error:?}");
        assert_eq!(why::<()>(Err(error)), refused(Code::FailedPrecondition, "PARTIAL_FAILURE"));
    }
    assert_eq!(server.get("main", "a").await.unwrap(), "second");
    assert_eq!(server.get("main", "whole").await.unwrap(), "firstfirst");
}

#[tokio::test]
async fn a_retry_deletes_unchanged_sources() {
    let server = Server::with_faults().await;
    for path in ["a", "b"] {
        server.put(path, "first").await;
    }
    let failing = Fault::Fail(http::StatusCode::SERVICE_UNAVAILABLE, "unavailable");
    server.arm(On::new(http::Method::POST, "/objects/delete"), failing, 1);
    assert!(compose(&server, move_by_compose(&server, "a")).await.is_err());
    compose(&server, move_by_compose(&server, "a")).await.unwrap();
    assert_eq!(paths(&list(&server, ListRequest::default()).await), ["whole"]);
}

#[tokio::test]
async fn a_destination_in_a_transaction_deletes_no_sources_outside() {
    let server = Server::start().await;
    for path in ["a", "b"] {
        server.put(path, "1").await;
    }
    server.begin("t").await;
    let request = ComposeRequest {
        transaction_id: "t".into(),
        source_ref: "main".into(),
        r#ref: String::new(),
        ..move_by_compose(&server, "a")
    };
    let error = compose(&server, request).await.unwrap_err();
    assert_eq!(error.get_details_bad_request().unwrap().field_violations[0].field, "delete_sources");
    assert_eq!(server.get("main", "a").await.unwrap(), "1");
}

#[tokio::test]
async fn a_request_id_belongs_to_the_branch() {
    let server = Server::start().await;
    server.put("s", "1").await;
    let with_key = |branch: &str| ComposeRequest {
        r#ref: branch.into(),
        request_id: "r".into(),
        ..request(&server, "whole", &["s"])
    };
    compose(&server, with_key("main")).await.unwrap();
    server.commit("one").await;
    server.branch("dev", "main").await;
    server.put_at("dev", "s", "2").await;
    let error = compose(&server, with_key("dev")).await.unwrap_err();
    assert_eq!(why::<()>(Err(error)), refused(Code::InvalidArgument, "INVALID_FIELD"));
}
