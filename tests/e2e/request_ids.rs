//! `request_id` of version calls: a retry returns the first result, and the call takes effect once.

mod other_writers;

use crate::fixture::{Server, refused, why};
use lakeport_embedded::{Fault, On};
use lakeport_proto::v1::*;
use lakeport_tests::lakefs;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;
use tonic::codegen::http::Method;
use tonic::{Code, Response, Status};
use tonic_types::StatusExt;

/// Every version call that changes something.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Call {
    CreateRepository,
    DeleteRepository,
    CreateBranch,
    DeleteBranch,
    CreateTag,
    DeleteTag,
    CreateCommit,
    Merge,
    CherryPick,
    Revert,
    MoveBranch,
    DiscardChanges,
}

const ALL: [Call; 12] = [
    Call::CreateRepository,
    Call::DeleteRepository,
    Call::CreateBranch,
    Call::DeleteBranch,
    Call::CreateTag,
    Call::DeleteTag,
    Call::CreateCommit,
    Call::Merge,
    Call::CherryPick,
    Call::Revert,
    Call::MoveBranch,
    Call::DiscardChanges,
];

impl Call {
    /// The request to lakeFS that has the effect.
    fn request(self) -> On {
        match self {
            Self::CreateRepository => On::new(Method::POST, "/repositories"),
            Self::DeleteRepository => On::new(Method::DELETE, "").containing("/repositories/"),
            Self::CreateBranch => On::new(Method::POST, "/branches"),
            Self::DeleteBranch => On::new(Method::DELETE, "").containing("/branches/"),
            Self::CreateTag => On::new(Method::POST, "/tags"),
            Self::DeleteTag => On::new(Method::DELETE, "").containing("/tags/"),
            Self::CreateCommit => On::commit(),
            Self::Merge => On::merge(),
            Self::CherryPick => On::new(Method::POST, "/cherry-pick"),
            Self::Revert => On::new(Method::POST, "/revert"),
            Self::MoveBranch => On::new(Method::PUT, "/hard_reset"),
            Self::DiscardChanges => On::new(Method::PUT, "").containing("/branches/"),
        }
    }

    /// Runs the call. The response as text, to compare it with another.
    async fn run(self, server: &Server, request_id: &str) -> Result<String, Status> {
        let mut versions = server.versions.clone();
        let (repository, request_id) = (server.repository.clone(), request_id.to_owned());
        match self {
            Self::CreateRepository => {
                let repository = format!("{repository}-new");
                let namespace = lakefs::named().map(|named| named.storage_namespace);
                let storage_namespace = namespace.map(|n| format!("{n}/{repository}")).unwrap_or_default();
                let request =
                    CreateRepositoryRequest { repository, storage_namespace, request_id, ..Default::default() };
                text(versions.create_repository(request).await)
            }
            Self::DeleteRepository => {
                text(versions.delete_repository(DeleteRepositoryRequest { repository, request_id }).await)
            }
            Self::CreateBranch => {
                let (r#ref, branch) = ("main".into(), "new".into());
                text(versions.create_branch(CreateBranchRequest { repository, r#ref, branch, request_id }).await)
            }
            Self::DeleteBranch => {
                let branch = "old".into();
                text(versions.delete_branch(DeleteBranchRequest { repository, branch, request_id }).await)
            }
            Self::CreateTag => {
                let (r#ref, tag) = ("main".into(), "new".into());
                text(versions.create_tag(CreateTagRequest { repository, r#ref, tag, request_id }).await)
            }
            Self::DeleteTag => {
                text(versions.delete_tag(DeleteTagRequest { repository, tag: "v1".into(), request_id }).await)
            }
            Self::CreateCommit => {
                let (r#ref, message) = ("dirty".into(), "made".into());
                let request = CreateCommitRequest { repository, r#ref, message, request_id, ..Default::default() };
                text(versions.create_commit(request).await)
            }
            Self::Merge => {
                let (r#ref, destination_branch, message) = ("side".into(), "main".into(), "made".into());
                let request =
                    MergeRequest { repository, r#ref, destination_branch, message, request_id, ..Default::default() };
                text(versions.merge(request).await)
            }
            Self::CherryPick => {
                let (r#ref, branch) = ("side".into(), "main".into());
                let request = CherryPickRequest { repository, r#ref, branch, request_id, ..Default::default() };
                text(versions.cherry_pick(request).await)
            }
            Self::Revert => {
                let (r#ref, branch, message) = ("main".into(), "main".into(), "made".into());
                let request = RevertRequest { repository, r#ref, branch, message, request_id, ..Default::default() };
                text(versions.revert(request).await)
            }
            Self::MoveBranch => {
                let (r#ref, target_ref) = ("old".into(), "v1".into());
                let request = ResetRequest { repository, r#ref, target_ref, request_id, ..Default::default() };
                text(versions.reset(request).await)
            }
            Self::DiscardChanges => {
                let request = ResetRequest { repository, r#ref: "dirty".into(), request_id, ..Default::default() };
                text(versions.reset(request).await)
            }
        }
    }

    /// Whether the effect proves that no attempt is in flight any more.
    fn is_conclusive(self) -> bool {
        match self {
            Self::CreateRepository | Self::CreateBranch | Self::CreateTag => true,
            Self::CreateCommit | Self::Merge | Self::CherryPick | Self::Revert => true,
            Self::DeleteRepository | Self::DeleteBranch | Self::DeleteTag | Self::MoveBranch | Self::DiscardChanges => {
                false
            }
        }
    }

    /// Number of requests with a lost response that one call sends. lakeFS refuses to create a thing twice, so the server repeats
    /// these requests.
    fn attempts(self) -> usize {
        match self {
            Self::CreateRepository | Self::CreateBranch | Self::CreateTag => 5,
            _ => 1,
        }
    }

    /// Repeats the call until it has a result.
    async fn settled(self, server: &Server, request_id: &str) -> Result<String, Status> {
        settled(async || self.run(server, request_id).await).await
    }

    /// Number of commits that the call makes.
    fn commits(self) -> usize {
        match self {
            Self::CreateCommit | Self::CherryPick | Self::Revert => 1,
            // Its own and that of the source.
            Self::Merge => 2,
            _ => 0,
        }
    }
}

/// The words of a response in order: maps have none.
fn text<T: Debug>(response: Result<Response<T>, Status>) -> Result<String, Status> {
    let text = format!("{:?}", response?.into_inner()).replace(['{', '}', ','], " ");
    let mut words: Vec<&str> = text.split_whitespace().collect();
    words.sort_unstable();
    Ok(words.join(" "))
}

/// Repeats a call until it has a result.
async fn settled<T>(mut call: impl AsyncFnMut() -> Result<T, Status>) -> Result<T, Status> {
    for _ in 0..200 {
        match call().await {
            Err(error) if is_in_progress(&error) => tokio::time::sleep(Duration::from_millis(100)).await,
            result => return result,
        }
    }
    panic!("the call is still in progress");
}

fn is_in_progress(error: &Status) -> bool {
    error.get_details_error_info().is_some_and(|info| info.reason == "REQUEST_IN_PROGRESS")
}

/// Main has the commits `one` (tagged v1) and `two`, side the commit `picked`, and dirty an uncommitted object.
async fn prepared(server: Server) -> Server {
    server.put("a", "1").await;
    let one = server.commit("one").await;
    server.put("a", "2").await;
    server.commit("two").await;
    for branch in ["side", "old", "dirty"] {
        server.branch(branch, "main").await;
    }
    server.put_at("side", "b", "picked").await;
    server.commit_at("side", "picked").await;
    server.put_at("dirty", "c", "uncommitted").await;
    let tag = CreateTagRequest {
        repository: server.repository.clone(),
        r#ref: one.commit_id,
        tag: "v1".into(),
        ..Default::default()
    };
    server.versions.clone().create_tag(tag).await.unwrap();
    server
}

/// Number of commits on main and dirty.
async fn commits(server: &Server) -> usize {
    server.log("main").await.len() + server.log("dirty").await.len()
}

#[tokio::test]
async fn a_retry_returns_the_first_result() {
    for call in ALL {
        let server = prepared(Server::start().await).await;
        let before = commits(&server).await;
        let first = call.run(&server, "key-1").await.unwrap_or_else(|error| panic!("{call:?}: {error:?}"));
        if call != Call::DeleteRepository {
            assert_eq!(commits(&server).await, before + call.commits(), "{call:?}");
        }
        // The call itself cannot run twice: the branch is gone, the repository exists, nothing is left to commit.
        assert_eq!(call.run(&server, "key-1").await.unwrap(), first, "{call:?}");
        if call != Call::DeleteRepository {
            assert_eq!(commits(&server).await, before + call.commits(), "{call:?}");
        }
    }
}

#[tokio::test]
async fn a_lost_response_is_found_by_its_effect() {
    for call in ALL {
        let server = prepared(Server::with_faults().await).await;
        let before = commits(&server).await;
        let lost = server.arm(call.request(), Fault::ApplyThenDrop, 1);
        let first = call.run(&server, "key-1").await;
        assert_eq!(first.is_ok(), call.is_conclusive(), "{call:?}: {first:?}");
        let first = call.settled(&server, "key-1").await.unwrap_or_else(|error| panic!("{call:?}: {error:?}"));
        assert_eq!(call.run(&server, "key-1").await.unwrap(), first, "{call:?}");
        assert_eq!(lost.count(), 1, "{call:?}");
        if call != Call::DeleteRepository {
            assert_eq!(commits(&server).await, before + call.commits(), "{call:?}");
        }
    }
}

#[tokio::test]
async fn a_call_that_may_still_take_effect_is_in_progress() {
    for call in ALL {
        let server = prepared(Server::with_faults().await).await;
        let before = commits(&server).await;
        let lost = server.arm_many(call.request(), Fault::Drop, call.attempts());
        let error = call.run(&server, "key-1").await.unwrap_err();
        let delay = error.get_details_retry_info().and_then(|info| info.retry_delay);
        assert!(delay.is_some_and(|delay| delay > Duration::ZERO), "{call:?}: {error:?}");
        let in_progress = (Code::Unavailable, "REQUEST_IN_PROGRESS".to_owned());
        assert_eq!(why::<()>(Err(error)), in_progress, "{call:?}");
        assert_eq!(why(call.run(&server, "key-1").await), in_progress, "{call:?}");
        call.settled(&server, "key-1").await.unwrap_or_else(|error| panic!("{call:?}: {error:?}"));
        assert_eq!(lost.count(), call.attempts(), "{call:?}");
        if call != Call::DeleteRepository {
            assert_eq!(commits(&server).await, before + call.commits(), "{call:?}");
        }
    }
}

#[tokio::test]
async fn concurrent_calls_take_effect_once() {
    for call in [Call::CreateCommit, Call::Merge, Call::CherryPick, Call::Revert] {
        let server = prepared(Server::with_faults().await).await;
        let before = commits(&server).await;
        server.arm(call.request(), Fault::Delay(Duration::from_millis(300)), 1);
        let same = || async { call.settled(&server, "key-1").await.unwrap() };
        let (first, second, third) = futures_util::join!(same(), same(), same());
        assert_eq!((&second, &third), (&first, &first), "{call:?}");
        assert_eq!(commits(&server).await, before + call.commits(), "{call:?}");
    }
}

#[tokio::test]
async fn a_key_belongs_to_its_parameters_and_method() {
    let server = prepared(Server::start().await).await;
    Call::CreateTag.run(&server, "key-1").await.unwrap();
    for call in ALL.into_iter().filter(|call| *call != Call::CreateTag) {
        let error = call.run(&server, "key-1").await.unwrap_err();
        let violations = error.get_details_bad_request().unwrap().field_violations;
        assert_eq!(violations[0].field, "request_id", "{call:?}");
        assert_eq!(why::<()>(Err(error)), refused(Code::InvalidArgument, "INVALID_FIELD"), "{call:?}");
    }
    let metadata = |value: &str| BTreeMap::from([("team".to_owned(), value.to_owned()), ("job".into(), "1".into())]);
    let commit = CreateCommitRequest {
        repository: server.repository.clone(),
        r#ref: "dirty".into(),
        metadata: metadata("data"),
        request_id: "key-2".into(),
        ..Default::default()
    };
    let mut versions = server.versions.clone();
    let first = versions.create_commit(commit.clone()).await.unwrap().into_inner();
    assert_eq!(versions.create_commit(commit.clone()).await.unwrap().into_inner(), first);
    let other = CreateCommitRequest { metadata: metadata("web"), ..commit };
    assert_eq!(why(versions.create_commit(other).await), refused(Code::InvalidArgument, "INVALID_FIELD"));
}

#[tokio::test]
async fn a_malformed_key_is_rejected() {
    let server = prepared(Server::start().await).await;
    let long = "k".repeat(65);
    for key in ["a b", "é", "a/b", long.as_str()] {
        for call in ALL {
            let error = call.run(&server, key).await.unwrap_err();
            let violations = error.get_details_bad_request().unwrap().field_violations;
            assert_eq!(violations[0].field, "request_id", "{call:?}");
        }
    }
}

#[tokio::test]
async fn a_refused_call_can_be_repeated_after_the_cause_is_fixed() {
    let server = prepared(Server::start().await).await;
    Call::CreateBranch.run(&server, "").await.unwrap();
    let exists = refused(Code::AlreadyExists, "BRANCH_EXISTS");
    for _ in 0..2 {
        assert_eq!(why(Call::CreateBranch.run(&server, "key-1").await), exists);
    }
    let delete =
        DeleteBranchRequest { repository: server.repository.clone(), branch: "new".into(), ..Default::default() };
    server.versions.clone().delete_branch(delete).await.unwrap();
    Call::CreateBranch.run(&server, "key-1").await.unwrap();
    assert_eq!(why(Call::CreateBranch.run(&server, "key-2").await), exists);
}

/// On a cherry-pick, lakeFS copies the metadata of the original. lakeport must remove its own marks from the copy.
#[tokio::test]
async fn a_cherry_pick_drops_the_marks_of_the_original() {
    let server = prepared(Server::start().await).await;
    let commit = CreateCommitRequest {
        repository: server.repository.clone(),
        r#ref: "dirty".into(),
        message: "original".into(),
        metadata: BTreeMap::from([("team".into(), "data".into())]),
        request_id: "key-1".into(),
        ..Default::default()
    };
    let mut versions = server.versions.clone();
    let original = versions.create_commit(commit).await.unwrap().into_inner().commit.unwrap();
    assert!(original.metadata.contains_key("lakeport.request_id"), "{original:?}");
    let pick = CherryPickRequest {
        repository: server.repository.clone(),
        r#ref: "dirty".into(),
        branch: "main".into(),
        ..Default::default()
    };
    let picked = versions.cherry_pick(pick).await.unwrap().into_inner().commit.unwrap();
    assert_eq!((picked.message.as_str(), picked.metadata["team"].as_str()), ("original", "data"));
    assert!(!picked.metadata.keys().any(|key| key.starts_with("lakeport.")), "{picked:?}");
    let again = GetCommitRequest {
        repository: server.repository.clone(),
        r#ref: original.commit_id.clone(),
        ..Default::default()
    };
    let found = versions.get_commit(again).await.unwrap().into_inner().commit.unwrap();
    assert_eq!(found, original, "the cherry-pick changed its original");
}

#[tokio::test]
async fn a_commit_in_a_transaction_is_made_once() {
    let server = prepared(Server::with_faults().await).await;
    server.begin("t").await;
    server.put_in("t", "a", "3").await.unwrap();
    let lost = server.arm(On::commit(), Fault::ApplyThenDrop, 1);
    let commit = CreateCommitRequest {
        transaction_id: "t".into(),
        message: "inside".into(),
        request_id: "key-1".into(),
        ..Default::default()
    };
    let mut versions = server.versions.clone();
    let first = versions.create_commit(commit.clone()).await.unwrap().into_inner();
    assert_eq!(lost.count(), 1);
    assert_eq!(versions.create_commit(commit).await.unwrap().into_inner(), first);
    assert!(server.publish("t").await.unwrap().merged);
    assert_eq!(server.log("main").await.iter().filter(|commit| commit.message == "inside").count(), 1);
}
