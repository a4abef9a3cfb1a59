//! Invalid input returns an error that names the field, and changes nothing.

use crate::files::list;
use crate::fixture::{Server, all, refused, why};
use lakeport_proto::v1::*;
use prost::Message;
use std::collections::HashMap;
use tonic::Code;
use tonic_types::StatusExt;

#[tokio::test]
async fn invalid_paths_are_rejected() {
    let server = Server::start().await;
    for path in [String::new(), "x".repeat(1025), "a\0b".into()] {
        let status = server.get("main", &path).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        let details = status.get_error_details();
        assert_eq!(details.bad_request().unwrap().field_violations[0].field, "path");
        let written = server.write(vec![server.header("main", &path, "1")]).await;
        assert_eq!(why(written), refused(Code::InvalidArgument, "INVALID_FIELD"));
    }
}

#[tokio::test]
async fn all_invalid_names_are_reported_in_one_response() {
    let server = Server::start().await;
    let request =
        ReadRequest { repository: "A/../b".into(), r#ref: "a/b".into(), path: String::new(), ..Default::default() };
    let status = server.read(request).await.unwrap_err();
    let details = status.get_error_details();
    let fields: Vec<_> = details.bad_request().unwrap().field_violations.iter().map(|v| v.field.as_str()).collect();
    assert_eq!(fields, ["repository", "ref", "path"]);
}

#[tokio::test]
async fn writes_require_a_branch() {
    let server = Server::start().await;
    server.put("a", "1").await;
    let commit = server.commit("one").await.commit_id;
    for reference in ["main~1", "main@", commit.as_str()] {
        let written = server.write(vec![server.header(reference, "b", "1")]).await;
        assert_eq!(why(written), refused(Code::InvalidArgument, "REF_NOT_A_BRANCH"), "{reference}");
    }
    let nowhere = server.write(vec![server.header("nope", "b", "1")]).await;
    assert_eq!(why(nowhere), refused(Code::NotFound, "REF_NOT_FOUND"));
    let ours = server.write(vec![server.header("lakeport-tx-00", "b", "1")]).await;
    assert_eq!(why(ours), refused(Code::PermissionDenied, "RESERVED_NAME"));
}

/// Tries every kind of write at a tag, at a commit, in a transaction of another repository, and with both a ref and a
/// transaction.
#[tokio::test]
async fn writes_to_tags_commits_and_foreign_transactions_are_rejected() {
    let server = Server::start().await;
    server.put("a", "1").await;
    let commit = server.commit("one").await.commit_id;
    let tag = CreateTagRequest {
        repository: server.repository.clone(),
        r#ref: "main".into(),
        tag: "v1".into(),
        ..Default::default()
    };
    server.versions.clone().create_tag(tag).await.unwrap();
    let not_a_branch = refused(Code::InvalidArgument, "REF_NOT_A_BRANCH");
    for at in ["v1", commit.as_str()] {
        let place = (server.repository.as_str(), at, "");
        for response in all_kinds_of_writes(&server, place).await {
            assert_eq!(response, not_a_branch, "{at}");
        }
    }
    server.begin("t").await;
    let elsewhere = server.another_repository().await;
    for response in all_kinds_of_writes(&server, (&elsewhere, "", "t")).await {
        assert_eq!(response, refused(Code::InvalidArgument, "INVALID_FIELD"));
    }
    server.begin("u").await;
    for response in all_kinds_of_writes(&server, (&server.repository, "main", "u")).await {
        assert_eq!(response, refused(Code::InvalidArgument, "INVALID_FIELD"), "a ref together with a transaction ID");
    }
    assert_eq!(server.get("main", "a").await.unwrap(), "1");
}

/// Returns the status of the first item of a batch.
fn first_status(response: &BatchWriteResponse) -> Result<(), tonic::Status> {
    match &response.results[0].status {
        Some(status) if status.code != 0 => {
            Err(tonic::Status::with_details(status.code.into(), &status.message, status.encode_to_vec().into()))
        }
        _ => Ok(()),
    }
}

async fn all_kinds_of_writes(
    server: &Server,
    (repository, at, transaction_id): (&str, &str, &str),
) -> Vec<(Code, String)> {
    let mut files = server.files.clone();
    let (repository, r#ref, transaction_id) = (repository.to_owned(), at.to_owned(), transaction_id.to_owned());
    let (path, source_path) = ("a".to_owned(), "b".to_owned());
    let items = vec![BatchWriteItem { path: path.clone(), ..Default::default() }];
    macro_rules! request_at {
        ($request:ident { $($field:ident),* }) => {
            $request {
                repository: repository.clone(),
                r#ref: r#ref.clone(),
                transaction_id: transaction_id.clone(),
                $($field: $field.clone(),)*
                ..Default::default()
            }
        };
    }
    let header = WriteRequest { finish_write: true, ..request_at!(WriteRequest { path }) };
    let batch = BatchWriteRequest {
        repository: repository.clone(),
        r#ref: r#ref.clone(),
        transaction_id: transaction_id.clone(),
        items,
    };
    let batch = files.batch_write(batch).await;
    vec![
        why(server.write(vec![header]).await),
        why(batch.and_then(|response| first_status(response.get_ref()))),
        why(files.delete(request_at!(DeleteRequest { path })).await),
        why(files.copy(request_at!(CopyRequest { path, source_path })).await),
        why(files.r#move(request_at!(MoveRequest { path, source_path })).await),
        why(files.set_metadata(request_at!(SetMetadataRequest { path })).await),
    ]
}

#[tokio::test]
async fn missing_objects_refs_and_repositories_have_distinct_errors() {
    let server = Server::start().await;
    assert_eq!(why(server.get("main", "a").await), refused(Code::NotFound, "OBJECT_NOT_FOUND"));
    assert_eq!(why(server.get("nope", "a").await), refused(Code::NotFound, "REF_NOT_FOUND"));
    let elsewhere = ReadRequest { repository: "not-there".into(), ..server.read_request("main", "a") };
    assert_eq!(why(server.read(elsewhere).await), refused(Code::NotFound, "REPOSITORY_NOT_FOUND"));
}

#[tokio::test]
async fn foreign_and_unknown_transactions_return_the_same_error() {
    let server = Server::start().await;
    let unknown = server.transaction("nope").await.unwrap_err();
    assert_eq!(why::<()>(Err(unknown.clone())), refused(Code::NotFound, "TRANSACTION_NOT_FOUND"));
    let begun = server.begin("mine").await;
    let other = lakeport_server::ops::errors::unknown_transaction(&"mine".try_into().unwrap());
    assert_eq!(other.to_string(), unknown.message().replace("nope", "mine"));
    assert_eq!(why(server.put_in("nope", "a", "1").await), refused(Code::NotFound, "TRANSACTION_NOT_FOUND"));
    let elsewhere = ReadRequest {
        repository: "other-repo".into(),
        transaction_id: begun.transaction_id.clone(),
        path: "a".into(),
        ..Default::default()
    };
    assert_eq!(why(server.read(elsewhere).await), refused(Code::InvalidArgument, "INVALID_FIELD"));
    let with_ref = ReadRequest { transaction_id: begun.transaction_id, ..server.read_request("main", "a") };
    assert_eq!(why(server.read(with_ref).await), refused(Code::InvalidArgument, "INVALID_FIELD"));
    let bad = server.transaction("a b").await;
    assert_eq!(why(bad), refused(Code::InvalidArgument, "INVALID_FIELD"));
}

#[tokio::test]
async fn a_base_must_be_an_existing_branch() {
    let server = Server::start().await;
    let tag = CreateTagRequest {
        repository: server.repository.clone(),
        r#ref: "main".into(),
        tag: "v1".into(),
        ..Default::default()
    };
    server.versions.clone().create_tag(tag).await.unwrap();
    let on = |base: &str| BeginTransactionRequest { base_branch: base.into(), ..server.begin_request("t") };
    assert_eq!(why(server.try_begin(on("v1")).await), refused(Code::InvalidArgument, "REF_NOT_A_BRANCH"));
    assert_eq!(why(server.try_begin(on("nope")).await), refused(Code::NotFound, "REF_NOT_FOUND"));
    assert_eq!(why(server.try_begin(on("a.b")).await), refused(Code::InvalidArgument, "INVALID_FIELD"));
    assert!(server.is_clean().await);
}

#[tokio::test]
async fn invalid_page_tokens_and_timeouts_are_rejected() {
    let server = Server::start().await;
    let request = ListRequest {
        repository: server.repository.clone(),
        r#ref: "main".into(),
        page_token: "deadbeef".into(),
        ..Default::default()
    };
    assert_eq!(why(server.files.clone().list(request).await), refused(Code::InvalidArgument, "PAGE_TOKEN_INVALID"));
    let mut request = tonic::Request::new(GetServerInfoRequest {});
    request.metadata_mut().insert("grpc-timeout", "soon".parse().unwrap());
    assert_eq!(
        why(server.files.clone().get_server_info(request).await),
        refused(Code::InvalidArgument, "INVALID_FIELD")
    );
}

#[tokio::test]
async fn invalid_credentials_are_rejected() {
    let server = Server::with_faults().await;
    let call = async |authorization: &str| {
        let mut request = tonic::Request::new(GetServerInfoRequest {});
        request.metadata_mut().insert("authorization", authorization.parse().unwrap());
        server.files.clone().get_server_info(request).await
    };
    let unauthenticated = refused(Code::Unauthenticated, "UNAUTHENTICATED");
    for bad in ["Basic d3Jvbmc6d3Jvbmc=", "Bearer nonsense", "Digest x", "Basic"] {
        assert_eq!(why(call(bad).await), unauthenticated, "{bad}");
    }
}

#[tokio::test]
async fn invalid_object_metadata_is_rejected_with_the_field_name() {
    let server = Server::start().await;
    let many = (0..300).map(|n| (format!("k{n}"), "v".to_owned()));
    let pairs = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    for (metadata, content_type, field) in [
        (pairs(&[("BIG", "x")]), "", "metadata"),
        (pairs(&[("", "x")]), "", "metadata"),
        (pairs(&[("a", "b\nc")]), "", "metadata"),
        (many.collect(), "", "metadata"),
        (pairs(&[]), "text\nplain", "content_type"),
    ] {
        let request =
            WriteRequest { metadata, content_type: content_type.into(), ..server.header("main", "described", "x") };
        let status = server.write(vec![request]).await.unwrap_err();
        assert!(status.message().starts_with(field), "{}", status.message());
        assert_eq!(why::<()>(Err(status)), refused(Code::InvalidArgument, "INVALID_FIELD"));
    }
    // The maximum number of metadata entries is accepted.
    let metadata = (0..256).map(|n| (format!("k{n}"), "v".to_owned())).collect();
    server.write(vec![WriteRequest { metadata, ..server.header("main", "described", "x") }]).await.unwrap();
    let stat = StatRequest {
        repository: server.repository.clone(),
        r#ref: "main".into(),
        path: "described".into(),
        ..Default::default()
    };
    let info = server.files.clone().stat(stat).await.unwrap().into_inner().info.unwrap();
    assert_eq!(info.metadata.len(), 256);
}

#[tokio::test]
async fn large_messages_and_metadata_of_commits_are_rejected() {
    let server = Server::start().await;
    server.put("a", "1").await;
    server.begin("t").await;
    server.put_in("t", "a", "2").await.unwrap();
    let (repository, branch) = (server.repository.clone(), "main".to_owned());
    let long = "x".repeat((64 << 10) + 1);
    let many: HashMap<String, String> = (0..257).map(|n| (format!("k{n}"), String::new())).collect();
    let big = HashMap::from([("k".to_owned(), long.clone())]);
    for (message, metadata, field) in
        [(long, HashMap::new(), "message"), (String::new(), many, "metadata"), (String::new(), big, "metadata")]
    {
        let sorted = || metadata.clone().into_iter().collect();
        let create = CreateCommitRequest {
            repository: repository.clone(),
            r#ref: branch.clone(),
            message: message.clone(),
            metadata: sorted(),
            ..Default::default()
        };
        let merge = MergeRequest {
            repository: repository.clone(),
            r#ref: branch.clone(),
            destination_branch: branch.clone(),
            message: message.clone(),
            metadata: sorted(),
            ..Default::default()
        };
        let revert = RevertRequest {
            repository: repository.clone(),
            r#ref: branch.clone(),
            branch: branch.clone(),
            message: message.clone(),
            metadata: sorted(),
            ..Default::default()
        };
        let commit = CommitTransactionRequest { transaction_id: "t".into(), message, metadata, ..Default::default() };
        let mut versions = server.versions.clone();
        for status in [
            versions.create_commit(create).await.unwrap_err(),
            versions.merge(merge).await.unwrap_err(),
            versions.revert(revert).await.unwrap_err(),
            server.transactions.clone().commit_transaction(commit).await.unwrap_err(),
        ] {
            assert!(status.message().starts_with(field), "{}", status.message());
            assert_eq!(why::<()>(Err(status)), refused(Code::InvalidArgument, "INVALID_FIELD"));
        }
    }
    assert_eq!(server.transaction("t").await.unwrap().epoch, 0, "a commit was started");
}

#[tokio::test]
async fn options_without_effect_are_rejected() {
    let server = Server::start().await;
    let alone = WriteRequest { write_id: "w".into(), ..server.header("main", "a", "x") };
    assert_eq!(why(server.write(vec![alone]).await), refused(Code::InvalidArgument, "INVALID_FIELD"));
    let first = WriteRequest { finish_write: false, ..server.header("main", "a", "x") };
    let middle = WriteRequest { size_bytes: Some(9), ..Default::default() };
    let last = WriteRequest { finish_write: true, ..Default::default() };
    assert_eq!(why(server.write(vec![first, middle, last]).await), refused(Code::InvalidArgument, "INVALID_FIELD"));

    let reading = BeginTransactionRequest { read_only: true, ..server.begin_request("r") };
    let keeping = BeginTransactionRequest { branch: "kept".into(), ..reading.clone() };
    assert_eq!(why(server.try_begin(keeping).await), refused(Code::InvalidArgument, "INVALID_FIELD"));
    server.try_begin(reading).await.unwrap();
    let tagging =
        CommitTransactionRequest { transaction_id: "r".into(), tags: vec!["v1".into()], ..Default::default() };
    assert_eq!(why(server.publish_with(tagging).await), refused(Code::InvalidArgument, "INVALID_FIELD"));
    assert!(server.publish("r").await.is_ok());
}

#[tokio::test]
async fn invalid_new_names_are_rejected_with_the_field_name() {
    let server = Server::start().await;
    let invalid = refused(Code::InvalidArgument, "INVALID_FIELD");
    for name in ["", "A", "a b", "ab", "-ab", "a/b", "..", &"a".repeat(64)] {
        let request = CreateRepositoryRequest { repository: name.into(), ..Default::default() };
        let status = server.versions.clone().create_repository(request).await.unwrap_err();
        assert!(status.message().starts_with("repository"), "{name:?}: {}", status.message());
        assert_eq!(why::<()>(Err(status)), invalid, "{name:?}");
    }
    for name in ["", "a b", "a.b", "..", "a~1", "a@", "a^", "-a", &"a".repeat(1025)] {
        let (repository, from) = (server.repository.clone(), "main".to_owned());
        let request = CreateBranchRequest { repository, r#ref: from, branch: name.into(), ..Default::default() };
        let status = server.versions.clone().create_branch(request).await.unwrap_err();
        assert!(status.message().starts_with("branch"), "{name:?}: {}", status.message());
        assert_eq!(why::<()>(Err(status)), invalid, "{name:?}");
    }
    for name in ["", "a b", "..", "a..b", "/a", "a/", "a//b", "a^1", "a@{b", "@", "a.lock"] {
        let (repository, from) = (server.repository.clone(), "main".to_owned());
        let request = CreateTagRequest { repository, r#ref: from, tag: name.into(), ..Default::default() };
        let status = server.versions.clone().create_tag(request).await.unwrap_err();
        assert!(status.message().starts_with("tag"), "{name:?}: {}", status.message());
        assert_eq!(why::<()>(Err(status)), invalid, "{name:?}");
    }
}

#[tokio::test]
async fn invalid_ranges_are_rejected() {
    let server = Server::start().await;
    server.put("a", "0123456789").await;
    let invalid = refused(Code::InvalidArgument, "INVALID_FIELD");
    let all = server.read_request("main", "a");
    let range = |read_offset, read_limit| ReadRange { read_offset, read_limit };
    let ranges = |ranges: Vec<ReadRange>| ReadRequest { ranges, ..all.clone() };
    for request in [
        ReadRequest { read_limit: -1, ..all.clone() },
        ranges(vec![range(0, -1)]),
        ranges(vec![range(0, 5), range(4, 2)]),
        ranges(vec![range(2, 0), range(4, 2)]),
        ranges((0..1_001).map(|n| range(n, 1)).collect()),
        ReadRequest { read_offset: 1, ..ranges(vec![range(0, 1)]) },
        ReadRequest { read_limit: 1, ..ranges(vec![range(0, 1)]) },
    ] {
        let text = format!("{request:?}");
        assert_eq!(why(server.read(request).await), invalid, "{}", &text[..text.len().min(200)]);
    }
    let beyond = ReadRequest { read_offset: 11, read_limit: 1, ..all };
    assert_eq!(why(server.read(beyond).await), refused(Code::OutOfRange, "RANGE_OUT_OF_BOUNDS"));
}

/// A page token is bound to its list and is not accepted for another list.
#[tokio::test]
async fn a_page_token_of_another_list_is_rejected() {
    let server = Server::start().await;
    for path in ["a/1", "a/2", "b/1", "b/2"] {
        server.put(path, "1").await;
    }
    let list = |prefix: &str| ListRequest {
        repository: server.repository.clone(),
        r#ref: "main".into(),
        prefix: prefix.into(),
        limit: 1,
        ..Default::default()
    };
    let pages = all(server.files.clone().list(list("a/")).await.unwrap().into_inner()).await.unwrap();
    let token = pages.last().unwrap().next_page_token.clone();
    assert!(!token.is_empty());
    let invalid = refused(Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    let elsewhere = ListRequest { page_token: token.clone(), ..list("b/") };
    assert_eq!(why(server.files.clone().list(elsewhere).await), invalid);
    let branches =
        ListBranchesRequest { repository: server.repository.clone(), page_token: token.clone(), ..Default::default() };
    assert_eq!(why(server.versions.clone().list_branches(branches).await), invalid);
    let transactions = ListTransactionsRequest { page_token: token.clone(), ..Default::default() };
    assert_eq!(why(server.transactions.clone().list_transactions(transactions).await), invalid);
    let tags =
        ListTagsRequest { repository: server.repository.clone(), page_token: token.clone(), ..Default::default() };
    assert_eq!(why(server.versions.clone().list_tags(tags).await), invalid);
    let resumed = ListRequest { page_token: token, ..list("a/") };
    let pages = all(server.files.clone().list(resumed).await.unwrap().into_inner()).await.unwrap();
    assert_eq!(pages[0].entries[0].path, "a/2");
}

/// Such patterns overflow the stack of a recursive parser, or take a regular expression seconds for a page.
#[tokio::test]
async fn globs_beyond_the_limits_are_rejected() {
    let server = Server::start().await;
    let globs = [
        format!("{}{}", "{".repeat(8_000), "}".repeat(8_000)),
        "[".repeat(200_000),
        "*a".repeat(100_000),
        format!("{{{}}}", vec![format!("*a{}", "?".repeat(500)); 50].join(",")),
        format!("{}{}", "{".repeat(9), "}".repeat(9)),
        "{a,b}".repeat(7),
        "\\".into(),
    ];
    for match_glob in globs {
        let request = ListRequest {
            repository: server.repository.clone(),
            r#ref: "main".into(),
            match_glob,
            ..Default::default()
        };
        let status = server.files.clone().list(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{}", status.message());
        let details = status.get_error_details();
        assert_eq!(details.bad_request().unwrap().field_violations[0].field, "match_glob");
        assert!(status.message().len() < 300, "{}", status.message());
    }
}

#[tokio::test]
async fn largest_glob_matches_long_keys() {
    let server = Server::start().await;
    let paths: Vec<String> = (0..100).map(|n| format!("{n:03}{}", "a".repeat(1_000))).collect();
    server.put_many(&server.repository, "main", "", &paths).await;
    let glob = ListRequest { match_glob: format!("*a{}", "?".repeat(999)), ..Default::default() };
    assert_eq!(list(&server, glob).await.len(), 100);
    let glob = ListRequest { match_glob: format!("{}b", "*a".repeat(511)), ..Default::default() };
    assert!(list(&server, glob).await.is_empty());
}

/// lakeFS gets these texts in a URL.
#[tokio::test]
async fn long_prefixes_and_delimiters_are_rejected() {
    let server = Server::start().await;
    let (repository, long) = (server.repository.clone(), "x".repeat(100_000));
    let invalid = refused(Code::InvalidArgument, "INVALID_FIELD");
    let (r#ref, delimiter) = ("main".to_owned(), long.clone());
    let request = ListRequest { repository: repository.clone(), r#ref, delimiter, ..Default::default() };
    assert_eq!(why(server.files.clone().list(request).await), invalid);
    let mut versions = server.versions.clone();
    let prefix = long.clone();
    let request = ListBranchesRequest { repository: repository.clone(), prefix, ..Default::default() };
    assert_eq!(why(versions.list_branches(request).await), invalid);
    let request = ListTagsRequest { repository, prefix: long.clone(), ..Default::default() };
    assert_eq!(why(versions.list_tags(request).await), invalid);
    let request = ListRepositoriesRequest { prefix: long, ..Default::default() };
    assert_eq!(why(versions.list_repositories(request).await), invalid);
}
