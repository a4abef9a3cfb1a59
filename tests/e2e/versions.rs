//! Repositories, branches, tags, commits, diffs, logs, and resets.

use crate::files::{list, paths};
use crate::fixture::{Server, all, eventually, refused, why};
use lakeport_proto::v1::*;
use tonic::Code;
use tonic_types::StatusExt;

#[tokio::test]
async fn branches_and_tags_are_created_and_deleted() {
    let server = Server::start().await;
    let head = server.branch("side", "main").await.commit_id;
    assert_eq!(head, server.head("main").await);
    let again = CreateBranchRequest {
        repository: server.repository.clone(),
        r#ref: "main".into(),
        branch: "side".into(),
        ..Default::default()
    };
    assert_eq!(
        why(server.versions.clone().create_branch(again.clone()).await),
        refused(Code::AlreadyExists, "BRANCH_EXISTS")
    );
    let nowhere = CreateBranchRequest { r#ref: "nope".into(), branch: "b".into(), ..again.clone() };
    assert_eq!(why(server.versions.clone().create_branch(nowhere).await), refused(Code::NotFound, "REF_NOT_FOUND"));
    let ours = CreateBranchRequest { branch: "lakeport-tx-1".into(), ..again };
    assert_eq!(
        why(server.versions.clone().create_branch(ours).await),
        refused(Code::PermissionDenied, "RESERVED_NAME")
    );

    let tag = CreateTagRequest {
        repository: server.repository.clone(),
        r#ref: "main".into(),
        tag: "v1.0".into(),
        ..Default::default()
    };
    server.versions.clone().create_tag(tag.clone()).await.unwrap();
    assert_eq!(why(server.versions.clone().create_tag(tag).await), refused(Code::AlreadyExists, "TAG_EXISTS"));
    let onto_tag = server.write(vec![server.header("v1.0", "a", "1")]).await;
    assert_eq!(why(onto_tag), refused(Code::InvalidArgument, "REF_NOT_A_BRANCH"));
    let get = GetBranchRequest { repository: server.repository.clone(), branch: "nope".into() };
    assert_eq!(why(server.versions.clone().get_branch(get).await), refused(Code::NotFound, "REF_NOT_FOUND"));
    let delete = DeleteTagRequest { repository: server.repository.clone(), tag: "v1.0".into(), ..Default::default() };
    server.versions.clone().delete_tag(delete.clone()).await.unwrap();
    assert_eq!(why(server.versions.clone().delete_tag(delete).await), refused(Code::NotFound, "REF_NOT_FOUND"));
    let default =
        DeleteBranchRequest { repository: server.repository.clone(), branch: "main".into(), ..Default::default() };
    assert_eq!(
        why(server.versions.clone().delete_branch(default).await),
        refused(Code::FailedPrecondition, "DEFAULT_BRANCH")
    );
    let side =
        DeleteBranchRequest { repository: server.repository.clone(), branch: "side".into(), ..Default::default() };
    server.versions.clone().delete_branch(side).await.unwrap();
}

#[tokio::test]
async fn branches_are_listed_by_page_without_transaction_branches() {
    let server = Server::start().await;
    for name in ["b1", "b2", "b3"] {
        server.branch(name, "main").await;
    }
    server.begin("t").await;
    let mut request = ListBranchesRequest { repository: server.repository.clone(), page_size: 2, ..Default::default() };
    let mut names = Vec::new();
    loop {
        let page = server.versions.clone().list_branches(request.clone()).await.unwrap().into_inner();
        names.extend(page.branches.into_iter().map(|branch| branch.name));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(names, ["b1", "b2", "b3", "main"]);
    let other = ListBranchesRequest { prefix: "b".into(), page_token: request.page_token, ..request };
    assert_eq!(
        why(server.versions.clone().list_branches(other).await),
        refused(Code::InvalidArgument, "PAGE_TOKEN_INVALID")
    );
}

async fn diff(server: &Server, left: &str, right: &str, mode: DiffMode) -> Vec<(String, path_change::Kind)> {
    let request = DiffRequest {
        repository: server.repository.clone(),
        r#ref: left.into(),
        right_ref: right.into(),
        mode: mode.into(),
        ..Default::default()
    };
    let pages = all(server.versions.clone().diff(request).await.unwrap().into_inner()).await.unwrap();
    pages.into_iter().flat_map(|page| page.changes).map(|entry| (entry.path.clone(), entry.kind())).collect()
}

#[tokio::test]
async fn diverged_branches_are_diffed_and_merged() {
    use path_change::Kind;
    let server = Server::start().await;
    server.put("a", "0").await;
    server.commit("base").await;
    server.branch("side", "main").await;
    server.put_at("side", "a", "side").await;
    server.put_at("side", "s", "1").await;
    assert_eq!(
        diff(&server, "side", "", DiffMode::Uncommitted).await,
        [("a".into(), Kind::Changed), ("s".into(), Kind::Added)]
    );
    server.commit_at("side", "side").await;
    server.put("a", "main").await;
    server.commit("main").await;
    assert_eq!(
        diff(&server, "main", "side", DiffMode::ThreeDot).await,
        [("a".into(), Kind::Conflict), ("s".into(), Kind::Added)]
    );
    let merge = MergeRequest {
        repository: server.repository.clone(),
        r#ref: "side".into(),
        destination_branch: "main".into(),
        ..Default::default()
    };
    let conflict = server.versions.clone().merge(merge.clone()).await.unwrap_err();
    let details = conflict.get_error_details();
    assert_eq!(details.precondition_failure().unwrap().violations[0].subject, "a");
    assert_eq!(why::<()>(Err(conflict)), refused(Code::Aborted, "MERGE_CONFLICT"));
    let wins = MergeRequest { strategy: MergeStrategy::SourceWins.into(), ..merge.clone() };
    let merged = server.versions.clone().merge(wins).await.unwrap().into_inner().commit_id;
    assert_eq!(server.head("main").await, merged);
    assert_eq!(server.get("main", "a").await.unwrap(), "side");
    assert_eq!(
        why(server.versions.clone().merge(merge.clone()).await),
        refused(Code::FailedPrecondition, "NO_CHANGES")
    );
    let nowhere = MergeRequest { r#ref: "nope".into(), ..merge };
    assert_eq!(why(server.versions.clone().merge(nowhere).await), refused(Code::NotFound, "REF_NOT_FOUND"));
}

#[tokio::test]
async fn commits_are_reverted_cherry_picked_and_reset() {
    let server = Server::start().await;
    server.put("a", "1").await;
    let one = server.commit("one").await.commit_id;
    server.put("a", "2").await;
    let two = server.commit("two").await;
    assert_eq!(two.parent_commit_ids, [one.as_str()]);
    let revert = RevertRequest {
        repository: server.repository.clone(),
        r#ref: two.commit_id.clone(),
        branch: "main".into(),
        ..Default::default()
    };
    let reverted = server.versions.clone().revert(revert.clone()).await.unwrap().into_inner().commit.unwrap();
    assert_eq!(server.head("main").await, reverted.commit_id);
    assert_eq!(server.get("main", "a").await.unwrap(), "1");
    server.begin("undo").await;
    let undo = RevertRequest { transaction_id: "undo".into(), branch: String::new(), ..revert.clone() };
    server.put_in("undo", "b", "staged").await.unwrap();
    let dirty = server.versions.clone().revert(undo.clone()).await;
    assert_eq!(why(dirty), refused(Code::FailedPrecondition, "BASE_DIRTY"));
    let reverted_revert = RevertRequest { r#ref: reverted.commit_id.clone(), ..undo };
    let kept = CreateCommitRequest { transaction_id: "undo".into(), message: "b".into(), ..Default::default() };
    server.versions.clone().create_commit(kept).await.unwrap();
    let inside = server.versions.clone().revert(reverted_revert).await.unwrap().into_inner().commit.unwrap();
    assert_eq!(inside.metadata["lakeport.made_in"], "undo");
    assert_eq!(
        (server.get_in("undo", "a").await.unwrap(), server.get("main", "a").await.unwrap()),
        ("2".into(), "1".into())
    );
    server.rollback("undo").await.unwrap();
    let pick = CherryPickRequest {
        repository: server.repository.clone(),
        r#ref: two.commit_id,
        branch: "main".into(),
        ..Default::default()
    };
    server.versions.clone().cherry_pick(pick).await.unwrap();
    assert_eq!(server.get("main", "a").await.unwrap(), "2");

    server.put("a", "3").await;
    let reset = ResetRequest { repository: server.repository.clone(), r#ref: "main".into(), ..Default::default() };
    server.versions.clone().reset(reset.clone()).await.unwrap();
    assert_eq!(server.get("main", "a").await.unwrap(), "2");
    let hard = ResetRequest { target_ref: one.clone(), ..reset };
    assert_eq!(server.versions.clone().reset(hard).await.unwrap().into_inner().branch.unwrap().commit_id, one);
    let nothing =
        CreateCommitRequest { repository: server.repository.clone(), r#ref: "main".into(), ..Default::default() };
    assert_eq!(
        why(server.versions.clone().create_commit(nothing).await),
        refused(Code::FailedPrecondition, "NO_CHANGES")
    );
}

#[tokio::test]
async fn ref_expressions_resolve_and_pinned_reads_report_their_commit() {
    let server = Server::start().await;
    server.put("a", "1").await;
    let one = server.commit("one").await.commit_id;
    server.put("a", "2").await;
    server.commit("two").await;
    for (expression, expected) in [("main~1", "1"), ("main", "2"), ("main@", "2"), (&one[..12], "1"), (&one, "1")] {
        assert_eq!(server.get(expression, "a").await.unwrap(), expected, "{expression}");
    }
    let pinned = server.read(server.read_request(&one, "a")).await.unwrap();
    assert_eq!(pinned[0].info.as_ref().unwrap().commit_id, one);
    let get = GetCommitRequest { repository: server.repository.clone(), r#ref: "main~1".into(), ..Default::default() };
    assert_eq!(server.versions.clone().get_commit(get).await.unwrap().into_inner().commit.unwrap().commit_id, one);
    let get = GetCommitRequest { repository: server.repository.clone(), r#ref: "main~99".into(), ..Default::default() };
    assert_eq!(why(server.versions.clone().get_commit(get).await), refused(Code::NotFound, "REF_NOT_FOUND"));
}

#[tokio::test]
async fn repositories_are_created_once_and_deleted() {
    let server = Server::start().await;
    let taken = CreateRepositoryRequest {
        repository: server.repository.clone(),
        storage_namespace: "local://elsewhere".into(),
        ..Default::default()
    };
    assert_eq!(
        why(server.versions.clone().create_repository(taken).await),
        refused(Code::AlreadyExists, "REPOSITORY_EXISTS")
    );
    let delete = DeleteRepositoryRequest { repository: server.repository.clone(), ..Default::default() };
    server.versions.clone().delete_repository(delete).await.unwrap();
    // lakeFS caches a deleted repository for some seconds.
    let gone = refused(Code::NotFound, "REPOSITORY_NOT_FOUND");
    assert!(eventually(async || why(server.get("main", "a").await) == gone).await);
}

#[tokio::test]
async fn reset_discards_selected_uncommitted_changes() {
    let server = Server::start().await;
    for path in ["a", "b/1", "b/2", "c"] {
        server.put(path, "1").await;
    }
    let whole = ResetRequest { repository: server.repository.clone(), r#ref: "main".into(), ..Default::default() };
    let by_path = ResetRequest { path: "a".into(), ..whole.clone() };
    let by_prefix = ResetRequest { prefix: "b/".into(), ..whole.clone() };
    for part in [&by_path, &by_prefix] {
        server.versions.clone().reset(part.clone()).await.unwrap();
    }
    let left = list(&server, ListRequest::default()).await;
    assert_eq!(paths(&left), ["c"]);
    let both = ResetRequest { target_ref: "main~1".into(), ..by_path };
    assert_eq!(why(server.versions.clone().reset(both).await), refused(Code::InvalidArgument, "INVALID_FIELD"));
}

#[tokio::test]
async fn log_stops_at_a_ref_or_a_time() {
    let server = Server::start().await;
    let mut commits = Vec::new();
    for n in 0..3 {
        server.put("a", &n.to_string()).await;
        commits.push(server.commit(&n.to_string()).await.commit_id);
    }
    let log = async |request: LogRequest| {
        let request = LogRequest { repository: server.repository.clone(), r#ref: "main".into(), ..request };
        let pages = all(server.versions.clone().log(request).await?.into_inner()).await?;
        Ok(pages.into_iter().flat_map(|page| page.commits).map(|commit| commit.commit_id).collect::<Vec<_>>())
    };
    let to_the_second = LogRequest { stop_at_ref: "main~1".into(), ..Default::default() };
    assert_eq!(log(to_the_second).await.unwrap(), [commits[2].clone(), commits[1].clone()]);
    let since =
        |seconds| LogRequest { since: Some(prost_types::Timestamp { seconds, nanos: 0 }), ..Default::default() };
    assert_eq!(log(since(1_600_000_000)).await.unwrap().len(), 4);
    assert!(log(since(4_000_000_000)).await.unwrap().is_empty());
    assert_eq!(why(log(since(i64::MAX)).await), refused(Code::InvalidArgument, "INVALID_FIELD"));
    let nowhere = LogRequest { stop_at_ref: "nope".into(), ..Default::default() };
    assert_eq!(why(log(nowhere).await), refused(Code::NotFound, "REF_NOT_FOUND"));
}

/// Tests the options that restrict log and diff to paths or prefixes, and reads of old commits.
#[tokio::test]
async fn log_and_diff_select_paths_and_copy_and_list_read_old_commits() {
    let server = Server::start().await;
    let (repository, main) = (server.repository.clone(), "main".to_owned());
    let before = server.head("main").await;
    let mut commits = Vec::new();
    for path in ["a/1", "a/2", "b"] {
        server.put(path, path).await;
        commits.push(server.commit(path).await.commit_id);
    }
    let log = async |paths: &[&str], prefixes: &[&str]| {
        let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        let (paths, prefixes) = (texts(paths), texts(prefixes));
        let request =
            LogRequest { repository: repository.clone(), r#ref: main.clone(), paths, prefixes, ..Default::default() };
        let pages = all(server.versions.clone().log(request).await.unwrap().into_inner()).await.unwrap();
        pages.into_iter().flat_map(|page| page.commits).map(|commit| commit.commit_id).collect::<Vec<_>>()
    };
    assert_eq!(log(&["a/2"], &[]).await, commits[1..2]);
    assert_eq!(log(&[], &["a/"]).await, [commits[1].clone(), commits[0].clone()]);

    let diff = DiffRequest {
        repository: repository.clone(),
        r#ref: before,
        right_ref: main.clone(),
        prefix: "a/".into(),
        ..Default::default()
    };
    let pages = all(server.versions.clone().diff(diff).await.unwrap().into_inner()).await.unwrap();
    let differ: Vec<_> = pages.iter().flat_map(|page| &page.changes).map(|entry| entry.path.as_str()).collect();
    assert_eq!(differ, ["a/1", "a/2"]);
    let copy = CopyRequest {
        repository: repository.clone(),
        r#ref: main.clone(),
        path: "old".into(),
        source_path: "a/1".into(),
        source_ref: commits[0].clone(),
        ..Default::default()
    };
    server.put("a/1", "new").await;
    all(server.files.clone().copy(copy).await.unwrap().into_inner()).await.unwrap();
    assert_eq!(server.get("main", "old").await.unwrap(), "a/1");
    let list = ListRequest { repository, r#ref: commits[0].clone(), ..Default::default() };
    let pages = all(server.files.clone().list(list).await.unwrap().into_inner()).await.unwrap();
    assert_eq!((pages[0].commit_id.as_str(), pages[0].entries[0].path.as_str()), (commits[0].as_str(), "a/1"));
}

#[tokio::test]
async fn reads_in_a_transaction_see_its_changes() {
    let server = Server::start().await;
    let id = server.begin("t").await.transaction_id;
    for path in ["a/1", "a/2", "b"] {
        server.put_in("t", path, path).await.unwrap();
    }
    let changes = ListTransactionChangesRequest { transaction_id: id.clone(), prefix: "a/".into() };
    let pages = server.transactions.clone().list_transaction_changes(changes).await.unwrap().into_inner();
    let pages = all(pages).await.unwrap();
    let changed: Vec<_> = pages.iter().flat_map(|page| &page.changes).map(|change| change.path.as_str()).collect();
    assert_eq!(changed, ["a/1", "a/2"]);
    let found =
        BatchStatRequest { transaction_id: id.clone(), paths: vec!["a/1".into(), "nope".into()], ..Default::default() };
    let pages = all(server.files.clone().batch_stat(found).await.unwrap().into_inner()).await.unwrap();
    let mut codes: Vec<_> = pages
        .iter()
        .flat_map(|page| &page.items)
        .map(|item| (item.index, item.status.as_ref().unwrap().code))
        .collect();
    codes.sort_unstable();
    assert_eq!(codes, [(0, 0), (1, Code::NotFound as i32)]);
    let read = BatchReadRequest { transaction_id: id.clone(), paths: vec!["b".into()], ..Default::default() };
    let pages = all(server.files.clone().batch_read(read).await.unwrap().into_inner()).await.unwrap();
    assert_eq!(pages[0].items[0].data, "b");
    let rename =
        MoveRequest { transaction_id: id.clone(), path: "c".into(), source_path: "b".into(), ..Default::default() };
    all(server.files.clone().r#move(rename).await.unwrap().into_inner()).await.unwrap();
    let made = CreateCommitRequest { transaction_id: id.clone(), message: "inside".into(), ..Default::default() };
    let made = server.versions.clone().create_commit(made).await.unwrap().into_inner().commit.unwrap();
    let head = GetCommitRequest { transaction_id: id, ..Default::default() };
    let head = server.versions.clone().get_commit(head).await.unwrap().into_inner().commit.unwrap();
    assert_eq!((head.commit_id, head.message.as_str()), (made.commit_id, "inside"));
    server.publish("t").await.unwrap();
    assert_eq!(server.get("main", "c").await.unwrap(), "b");
}

#[tokio::test]
async fn repositories_are_listed_by_page() {
    let server = Server::start().await;
    let mut expected =
        vec![server.repository.clone(), server.another_repository().await, server.another_repository().await];
    expected.sort();
    let (mut names, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListRepositoriesRequest { prefix: "e2e-".into(), page_size: 1, page_token };
        let page = server.versions.clone().list_repositories(request).await.unwrap().into_inner();
        names.extend(page.repositories.into_iter().map(|found| found.name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    // An external lakeFS also contains the repositories of other tests.
    names.retain(|name| expected.contains(name));
    assert_eq!(names, expected);
}

/// lakeFS allows names of branches and tags that look like commit IDs.
#[tokio::test]
async fn only_a_real_commit_id_is_reported_as_a_commit() {
    let server = Server::start().await;
    server.put("a", "1").await;
    let commit = server.commit("a").await.commit_id;
    let name = "0123456789abcdef".repeat(4);
    server.branch(&name, "main").await;
    for (at, expected) in [(commit.as_str(), commit.as_str()), (name.as_str(), ""), ("main", "")] {
        for _ in 0..2 {
            let stat = StatRequest {
                repository: server.repository.clone(),
                r#ref: at.into(),
                path: "a".into(),
                ..Default::default()
            };
            let info = server.files.clone().stat(stat).await.unwrap().into_inner().info.unwrap();
            assert_eq!(info.commit_id, expected, "{at}");
        }
    }
}
