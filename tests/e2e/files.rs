//! Operations on single objects, and listings.

use crate::fixture::{Server, all, refused, text, why};
use lakeport_proto::v1::*;
use std::collections::HashMap;
use tonic::Code;

#[tokio::test]
async fn written_objects_are_returned_by_read_and_stat() {
    let server = Server::start().await;
    let mut request = server.header("main", "a/b.txt", "hello");
    request.content_type = "text/plain".into();
    request.metadata = HashMap::from([("colour".into(), "blue".into())]);
    let written = server.write(vec![request]).await.unwrap();
    assert_eq!((written.path.as_str(), written.size_bytes), ("a/b.txt", 5));
    assert_eq!(written.etag, "5d41402abc4b2a76b9719d911017c592");

    let stat = StatRequest {
        repository: server.repository.clone(),
        r#ref: "main".into(),
        path: "a/b.txt".into(),
        ..Default::default()
    };
    let info = server.files.clone().stat(stat).await.unwrap().into_inner().info.unwrap();
    assert_eq!((info.content_type.as_str(), info.metadata["colour"].as_str()), ("text/plain", "blue"));

    let messages = server.read(server.read_request("main", "a/b.txt")).await.unwrap();
    assert_eq!(text(&messages), "hello");
    assert_eq!(messages[0].info.as_ref().unwrap().etag, written.etag);
    assert!(messages[1..].iter().all(|message| message.info.is_none()));
}

#[tokio::test]
async fn read_offset_and_read_limit_select_a_range() {
    let server = Server::start().await;
    server.put("digits", "0123456789").await;
    for (offset, limit, expected) in [
        (0, 0, "0123456789"),
        (3, 0, "3456789"),
        (3, 2, "34"),
        (-3, 0, "789"),
        (-3, 1, "7"),
        (-100, 0, "0123456789"),
        (10, 0, ""),
        (8, 100, "89"),
        (8, i64::MAX, "89"),
        (i64::MIN, i64::MAX, "0123456789"),
    ] {
        let request = ReadRequest { read_offset: offset, read_limit: limit, ..server.read_request("main", "digits") };
        let messages = server.read(request).await.unwrap();
        assert_eq!(text(&messages), expected, "{offset} {limit}");
        assert_eq!(messages[0].info.as_ref().unwrap().size_bytes, 10);
    }
    let beyond = ReadRequest { read_offset: 11, ..server.read_request("main", "digits") };
    assert_eq!(why(server.read(beyond).await), refused(Code::OutOfRange, "RANGE_OUT_OF_BOUNDS"));
}

#[tokio::test]
async fn ranges_arrive_in_order_and_a_failed_range_does_not_stop_the_others() {
    let server = Server::start().await;
    server.put("digits", "0123456789").await;
    let range = |read_offset, read_limit| ReadRange { read_offset, read_limit };
    let request =
        ReadRequest { ranges: vec![range(0, 2), range(50, 1), range(-2, 0)], ..server.read_request("main", "digits") };
    let messages = server.read(request).await.unwrap();
    let of = |index| text(&messages.iter().filter(|m| m.range_index == index).cloned().collect::<Vec<_>>());
    assert_eq!((of(0).as_str(), of(2).as_str()), ("01", "89"));
    let failed = messages.iter().find(|message| message.range_index == 1).unwrap();
    assert_eq!(failed.range_status.as_ref().unwrap().code, Code::OutOfRange as i32);

    assert_eq!(messages[0].info.as_ref().unwrap().size_bytes, 10);
    let first_fails = ReadRequest { ranges: vec![range(50, 1), range(0, 1)], ..server.read_request("main", "digits") };
    let messages = server.read(first_fails).await.unwrap();
    assert_eq!((messages[0].info.as_ref().unwrap().size_bytes, messages[0].range_status.is_some()), (10, true));
    assert!(messages[1..].iter().all(|message| message.info.is_none()));
    let alone = ReadRequest { ranges: vec![range(50, 1)], ..server.read_request("main", "digits") };
    assert!(
        server.read(alone).await.unwrap()[0].range_status.is_some(),
        "the status of a single range must be in `range_status`"
    );

    let overlapping = ReadRequest { ranges: vec![range(0, 5), range(4, 1)], ..server.read_request("main", "digits") };
    assert_eq!(why(server.read(overlapping).await), refused(Code::InvalidArgument, "INVALID_FIELD"));
}

#[tokio::test]
async fn a_multi_range_read_never_mixes_two_versions_of_an_object() {
    let server = Server::start().await;
    let (old, size) = ("old".repeat(8 << 20), 24_i64 << 20);
    let pieces = old.as_bytes().chunks(1 << 20).enumerate().map(|(at, piece)| WriteRequest {
        data: bytes::Bytes::copy_from_slice(piece),
        ..if at == 0 {
            WriteRequest { finish_write: false, ..server.header("main", "a", "") }
        } else {
            WriteRequest::default()
        }
    });
    let last = WriteRequest { finish_write: true, ..Default::default() };
    server.write(pieces.chain([last]).collect()).await.unwrap();
    let ranges =
        vec![ReadRange { read_offset: 0, read_limit: size - 3 }, ReadRange { read_offset: size - 3, read_limit: 3 }];
    let mut reading = server
        .files
        .clone()
        .read(ReadRequest { ranges, ..server.read_request("main", "a") })
        .await
        .unwrap()
        .into_inner();
    // The rest of the first range exceeds all windows and buffers, so the server has not started the second range.
    reading.message().await.unwrap().unwrap();
    server.put("a", &"new".repeat(1 << 20)).await;
    let error = loop {
        match reading.message().await {
            Ok(Some(message)) => assert_eq!(message.range_index, 0, "received bytes of another object"),
            Ok(None) => panic!("the read ended without an error"),
            Err(status) => break Err::<(), _>(status),
        }
    };
    assert_eq!(why(error), refused(Code::Aborted, "OBJECT_CHANGED"));
}

#[tokio::test]
async fn an_empty_object_can_be_read() {
    let server = Server::start().await;
    server.put("empty", "").await;
    let messages = server.read(server.read_request("main", "empty")).await.unwrap();
    assert_eq!((messages.len(), text(&messages).as_str()), (1, ""));
    assert_eq!(messages[0].info.as_ref().unwrap().size_bytes, 0);
    let from_the_end = ReadRequest { read_offset: -5, ..server.read_request("main", "empty") };
    assert_eq!(text(&server.read(from_the_end).await.unwrap()), "");
}

#[tokio::test]
async fn read_preconditions_are_checked() {
    let server = Server::start().await;
    let etag = server.put("a", "1").await.etag;
    let request = server.read_request("main", "a");
    let with = |if_match: &str, if_none_match: &str| ReadRequest {
        if_match: if_match.into(),
        if_none_match: if_none_match.into(),
        ..request.clone()
    };
    assert!(server.read(with(&etag, "")).await.is_ok());
    assert!(server.read(with("", "other")).await.is_ok());
    assert_eq!(why(server.read(with("other", "")).await), refused(Code::FailedPrecondition, "ETAG_MISMATCH"));
    assert_eq!(why(server.read(with("", &etag)).await), refused(Code::FailedPrecondition, "NOT_MODIFIED"));
}

#[tokio::test]
async fn a_create_only_write_never_overwrites_and_its_retry_succeeds() {
    let server = Server::start().await;
    let create = |text: &str, write_id: &str| WriteRequest {
        if_none_match: "*".into(),
        write_id: write_id.into(),
        ..server.header("main", "once", text)
    };
    server.write(vec![create("first", "w1")]).await.unwrap();
    assert_eq!(why(server.write(vec![create("second", "w2")]).await), refused(Code::AlreadyExists, "OBJECT_EXISTS"));
    let again = server.write(vec![create("first", "w1")]).await.unwrap();
    assert_eq!(again.size_bytes, 5, "a retry with the same write ID must succeed");
    assert!(again.metadata.is_empty(), "reserved metadata must not be returned: {:?}", again.metadata);
    assert_eq!(server.get("main", "once").await.unwrap(), "first");
}

#[tokio::test]
async fn a_write_id_cannot_be_reused_for_another_object() {
    let server = Server::start().await;
    let create = |text: &str| WriteRequest {
        if_none_match: "*".into(),
        write_id: "w1".into(),
        metadata: HashMap::from([("k".into(), "v".into())]),
        ..server.header("main", "once", text)
    };
    let first = server.write(vec![create("first")]).await.unwrap();
    // Longer than what lakeFS reads before it refuses the write.
    let long = |path: &str| {
        let first = WriteRequest { path: path.into(), finish_write: false, ..create(&"x".repeat(3 << 20)) };
        let second = WriteRequest { data: vec![b'y'; 3 << 20].into(), finish_write: true, ..WriteRequest::default() };
        vec![first, second]
    };
    let reuses = [
        ("other bytes", vec![create("other")]),
        ("another size", vec![create("longer")]),
        ("no bytes", vec![create("")]),
        ("many bytes", long("once")),
        ("another content type", vec![WriteRequest { content_type: "text/css".into(), ..create("first") }]),
        ("other metadata", vec![WriteRequest { metadata: HashMap::new(), ..create("first") }]),
    ];
    for (what, messages) in reuses {
        let refusal = server.write(messages).await.expect_err(what);
        assert!(refusal.message().contains("write_id"), "{what}: {refusal}");
        assert_eq!(why::<()>(Err(refusal)), refused(Code::InvalidArgument, "INVALID_FIELD"), "{what}");
    }
    let batch = |text: &'static str| BatchWriteRequest {
        repository: server.repository.clone(),
        r#ref: "main".into(),
        items: vec![BatchWriteItem {
            path: "once".into(),
            if_none_match: "*".into(),
            write_id: "w1".into(),
            metadata: HashMap::from([("k".into(), "v".into())]),
            data: text.into(),
            ..Default::default()
        }],
        ..Default::default()
    };
    let codes = async |text| {
        let response = server.files.clone().batch_write(batch(text)).await.unwrap().into_inner();
        response.results.into_iter().map(|result| result.status.unwrap().code).collect::<Vec<_>>()
    };
    assert_eq!(codes("first").await, [0]);
    assert_eq!(codes("other").await, [Code::InvalidArgument as i32]);
    assert_eq!(server.write(vec![create("first")]).await.unwrap().etag, first.etag, "a true retry succeeds");
    let first = server.write(long("long")).await.unwrap();
    assert_eq!(server.write(long("long")).await.unwrap().etag, first.etag, "so does one that lakeFS refuses early");
    assert_eq!(server.get("main", "once").await.unwrap(), "first");
}

#[tokio::test]
async fn unusual_keys_round_trip() {
    let server = Server::start().await;
    let longest = "x".repeat(1024);
    for key in
        ["../a", "%2e%2e/%2e", "a//b", "/lead", "trail/", "é ü", "a b+c&d=e?f#g", "a\nb", ".", "..", longest.as_str()]
    {
        server.put(key, key).await;
        assert_eq!(server.get("main", key).await.unwrap(), key, "{key:?}");
    }
    let listed = list(&server, ListRequest::default()).await;
    assert_eq!(listed.len(), 11);
}

pub(crate) async fn list(server: &Server, request: ListRequest) -> Vec<FileInfo> {
    let request = ListRequest { repository: server.repository.clone(), r#ref: "main".into(), ..request };
    let pages = all(server.files.clone().list(request).await.unwrap().into_inner()).await.unwrap();
    pages.into_iter().flat_map(|page| page.entries).collect()
}

pub(crate) fn paths(entries: &[FileInfo]) -> Vec<&str> {
    entries.iter().map(|entry| entry.path.as_str()).collect()
}

#[tokio::test]
async fn list_supports_delimiter_glob_depth_and_page_tokens() {
    let server = Server::start().await;
    for path in ["a", "d/1", "d/2", "d/e/3", "z"] {
        server.put(path, path).await;
    }
    assert_eq!(paths(&list(&server, ListRequest::default()).await), ["a", "d/1", "d/2", "d/e/3", "z"]);
    let folded = list(&server, ListRequest { delimiter: "/".into(), ..Default::default() }).await;
    assert_eq!(paths(&folded), ["a", "d/", "z"]);
    assert_eq!(folded[1].kind(), FileKind::Prefix);
    let glob = ListRequest { match_glob: "d/*".into(), ..Default::default() };
    assert_eq!(paths(&list(&server, glob).await), ["d/1", "d/2"]);
    let glob = ListRequest { match_glob: "d/**".into(), limit: 2, ..Default::default() };
    assert_eq!(paths(&list(&server, glob).await), ["d/1", "d/2"]);
    let shallow = ListRequest { prefix: "d/".into(), max_depth: 1, ..Default::default() };
    assert_eq!(paths(&list(&server, shallow).await), ["d/1", "d/2"]);

    let two =
        ListRequest { repository: server.repository.clone(), r#ref: "main".into(), limit: 2, ..Default::default() };
    let first = all(server.files.clone().list(two.clone()).await.unwrap().into_inner()).await.unwrap();
    assert_eq!(paths(&first[0].entries), ["a", "d/1"]);
    let token = first[0].next_page_token.clone();
    let next = ListRequest { page_token: token.clone(), ..two.clone() };
    let second = all(server.files.clone().list(next).await.unwrap().into_inner()).await.unwrap();
    assert_eq!(paths(&second[0].entries), ["d/2", "d/e/3"]);
    let elsewhere = ListRequest { page_token: token, prefix: "d/".into(), ..two };
    assert_eq!(why(server.files.clone().list(elsewhere).await), refused(Code::InvalidArgument, "PAGE_TOKEN_INVALID"));
}

#[tokio::test]
async fn metadata_is_replaced_and_reserved_keys_are_rejected() {
    let server = Server::start().await;
    server.put("a", "1").await;
    let request = SetMetadataRequest {
        repository: server.repository.clone(),
        r#ref: "main".into(),
        path: "a".into(),
        metadata: HashMap::from([("k".into(), "v".into())]),
        ..Default::default()
    };
    let info = server.files.clone().set_metadata(request.clone()).await.unwrap().into_inner().info.unwrap();
    assert_eq!(info.metadata["k"], "v");
    let missing = SetMetadataRequest { path: "nope".into(), ..request.clone() };
    assert_eq!(why(server.files.clone().set_metadata(missing).await), refused(Code::NotFound, "OBJECT_NOT_FOUND"));
    let metadata = HashMap::from([("lakeport.transaction_id".into(), "x".into())]);
    let ours = SetMetadataRequest { metadata, ..request };
    assert_eq!(why(server.files.clone().set_metadata(ours).await), refused(Code::PermissionDenied, "RESERVED_NAME"));
}
