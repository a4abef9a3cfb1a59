//! Operations on commits, history, diffs and merges.

use super::Call;
use super::json::{map_in, text_in};
use super::reply::{self, Response};
use super::route::Operation;
use crate::lake::{CommitRequest, DiffQuery, LogQuery, MergeRequest, Repository, Strategy};
use crate::{Error, Result};
use http::StatusCode;
use serde_json::{Value, json};

pub(super) async fn run(call: &Call) -> Result<Response> {
    let repository = call.repository().await?;
    match call.route.operation {
        Operation::Commit => {
            let commit = call.lake.commit_branch(&repository, call.segment("branch")?, &request(call)).await?;
            Ok(reply::json(StatusCode::CREATED, &reply::commit(&commit)))
        }
        Operation::GetCommit => {
            Ok(reply::ok(&reply::commit(&call.lake.get_commit(&repository, call.segment("commitId")?).await?)))
        }
        Operation::Log => {
            let (commits, more) = call.lake.log(&repository, call.segment("ref")?, &log_query(call)).await?;
            let next = commits.last().filter(|_| more).map(|commit| commit.id.clone());
            let commits: Vec<Value> = commits.iter().map(reply::commit).collect();
            Ok(reply::list(&commits, next))
        }
        Operation::DiffBranch => {
            let page = call.lake.diff_branch(&repository, call.segment("branch")?, &call.page()).await?;
            reply::page(&page, |listed| uncommitted(reply::change(listed, false)))
        }
        Operation::DiffRefs => {
            let query = DiffQuery {
                left: call.segment("leftRef")?.to_owned(),
                right: call.segment("rightRef")?.to_owned(),
                two_dot: call.query.bytes("type") == b"two_dot",
                list: call.page(),
            };
            let with_right = call.query.flag("include_right_stats");
            let page = call.lake.diff_refs(&repository, &query).await?;
            reply::page(&page, |listed| reply::change(listed, with_right))
        }
        Operation::Merge => merge(call, &repository).await,
        Operation::FindMergeBase => merge_base(call, &repository).await,
        Operation::Revert => revert(call, &repository).await,
        Operation::CherryPick => cherry_pick(call, &repository).await,
        _ => Err(Error::UnknownEndpoint),
    }
}

async fn merge(call: &Call, repository: &Repository) -> Result<Response> {
    let request = MergeRequest {
        commit: request(call),
        strategy: Strategy::parse(&call.text("strategy"))?,
        squash: call.flag("squash_merge"),
    };
    let (source, destination) = (call.segment("sourceRef")?, call.segment("destinationBranch")?);
    let reference = call.lake.merge(repository, source, destination, &request).await?;
    Ok(reply::ok(&json!({ "reference": reference })))
}

async fn merge_base(call: &Call, repository: &Repository) -> Result<Response> {
    let (source, destination) = (call.segment("sourceRef")?, call.segment("destinationBranch")?);
    let base = call.lake.merge_base(repository, source, destination).await?;
    // lakeFS swaps the source and the destination.
    Ok(reply::ok(&json!({
        "base_commit_id": base.base.id,
        "source_commit_id": base.destination.id,
        "destination_commit_id": base.source.id,
    })))
}

async fn revert(call: &Call, repository: &Repository) -> Result<Response> {
    let parent = call.json.get("parent_number").and_then(Value::as_u64).unwrap_or_default();
    let parent = usize::try_from(parent).unwrap_or(usize::MAX);
    let (branch, target) = (call.segment("branch")?, call.text("ref"));
    call.lake.revert(repository, branch, &target, parent, &overridden(call)).await?;
    Ok(reply::empty(StatusCode::NO_CONTENT))
}

async fn cherry_pick(call: &Call, repository: &Repository) -> Result<Response> {
    let parent = call.json.get("parent_number").and_then(Value::as_u64);
    let parent = parent.map(|parent| usize::try_from(parent).unwrap_or(usize::MAX));
    let overrides = call.json.get("commit_overrides").is_some_and(Value::is_object);
    let (branch, target) = (call.segment("branch")?, call.text("ref"));
    let commit = call.lake.cherry_pick(repository, branch, &target, parent, &overridden(call), overrides).await?;
    Ok(reply::json(StatusCode::CREATED, &reply::commit(&commit)))
}

/// Sets the size of an uncommitted removal to 0, as lakeFS does.
fn uncommitted(mut change: Value) -> Value {
    if change.get("type").and_then(Value::as_str) == Some("removed") {
        change["size_bytes"] = json!(0);
    }
    change
}

fn request(call: &Call) -> CommitRequest {
    CommitRequest {
        message: call.text("message"),
        metadata: call.map("metadata"),
        date: call.json.get("date").and_then(Value::as_i64),
        allow_empty: call.flag("allow_empty"),
        force: call.flag("force"),
    }
}

/// Returns the request for the commit of a revert or cherry-pick. Its message and metadata come from `commit_overrides`.
fn overridden(call: &Call) -> CommitRequest {
    let overrides = call.json.get("commit_overrides").unwrap_or(&Value::Null);
    CommitRequest { message: text_in(overrides, "message"), metadata: map_in(overrides, "metadata"), ..request(call) }
}

fn log_query(call: &Call) -> LogQuery {
    let keys = |name| call.query.all(name).map(<[u8]>::to_vec).collect();
    let since = time::OffsetDateTime::parse(&call.query.text("since"), &time::format_description::well_known::Rfc3339);
    LogQuery {
        after: call.query.text("after"),
        amount: call.page().amount,
        objects: keys("objects"),
        prefixes: keys("prefixes"),
        limit: call.query.flag("limit"),
        first_parent: call.query.flag("first_parent"),
        since: since.ok().map(time::OffsetDateTime::unix_timestamp),
        stop_at: Some(call.query.text("stop_at")).filter(|stop| !stop.is_empty()),
    }
}
