//! Operations on repositories, branches, tags and commits.

use crate::expected::{Found, list, object};
use crate::operations::{Operations, Outcome, changes, metadata_found};
use crate::scenario::{flag, map, number, text, texts};
use crate::transactions::strategy;
use futures_util::TryStreamExt as _;
use lakeport_client::{Error, v1};
use serde_json::Value;

impl Operations<'_> {
    /// Runs an operation on versions. Returns `None` for other operations.
    pub(crate) async fn versions(&self, step: &Value) -> Option<Outcome> {
        Some(self.version(step).await?.map_err(Into::into))
    }

    async fn version(&self, step: &Value) -> Option<Result<Found, Error>> {
        let (client, repository) = (&self.client, self.repository);
        let (name, from, prefix) = (text(step, "name"), text(step, "from"), text(step, "prefix"));
        Some(match text(step, "do") {
            "create_repository" => {
                let request = v1::CreateRepositoryRequest {
                    repository: name.to_owned(),
                    ..v1::CreateRepositoryRequest::default()
                };
                client.create_repository(request).await.map(repository_found)
            }
            "get_repository" => client.repository(name).await.map(repository_found),
            "delete_repository" => client.delete_repository(name).await.map(nothing),
            "list_repositories" => {
                client.repositories(prefix).map_ok(|found| found.name).try_collect().await.map(names)
            }
            "create_branch" => client.create_branch(repository, name, from).await.map(branch),
            "get_branch" => client.branch(repository, name).await.map(branch),
            "delete_branch" => client.delete_branch(repository, name).await.map(nothing),
            "list_branches" => {
                client.branches(repository, prefix).map_ok(|found| found.name).try_collect().await.map(names)
            }
            "create_tag" => client.create_tag(repository, name, from).await.map(tag),
            "get_tag" => client.tag(repository, name).await.map(tag),
            "delete_tag" => client.delete_tag(repository, name).await.map(nothing),
            "list_tags" => client.tags(repository, prefix).map_ok(|found| found.name).try_collect().await.map(names),
            "create_commit" => self.create_commit(step).await,
            "get_commit" => client.get_commit(&self.place(step)).await.map(commit),
            "log" => self.log(step).await,
            "diff" => self.diff(step).await,
            "merge" => self.merge(step).await,
            "revert" => self.revert(step).await,
            "cherry_pick" => self.cherry_pick(step).await,
            "reset" => self.reset(step).await,
            "server_info" => client.server_info().await.map(|info| object([("version", info.version.into())])),
            _ => return None,
        })
    }

    async fn create_commit(&self, step: &Value) -> Result<Found, Error> {
        let place = self.place(step);
        let request = v1::CreateCommitRequest {
            repository: place.repository().to_owned(),
            r#ref: place.ref_name().to_owned(),
            transaction_id: place.transaction_id().to_owned(),
            message: text(step, "message").to_owned(),
            metadata: map(step, "metadata"),
            allow_empty: flag(step, "allow_empty"),
            ..v1::CreateCommitRequest::default()
        };
        self.client.create_commit(request).await.map(commit)
    }

    async fn log(&self, step: &Value) -> Result<Found, Error> {
        let place = self.place(step);
        let request = v1::LogRequest {
            repository: place.repository().to_owned(),
            r#ref: place.ref_name().to_owned(),
            limit: number(step, "limit"),
            paths: texts(step, "paths"),
            ..v1::LogRequest::default()
        };
        let commits = self.client.log(request).await?.map_ok(|commit| commit.message);
        Ok(object([("messages", list(commits.try_collect::<Vec<String>>().await?))]))
    }

    async fn diff(&self, step: &Value) -> Result<Found, Error> {
        let (left, right, mode) = match step["at"].as_str() {
            Some(branch) => (branch, "", v1::DiffMode::Uncommitted),
            None => (text(step, "left"), text(step, "right"), v1::DiffMode::ThreeDot),
        };
        let request = v1::DiffRequest {
            repository: self.repository.to_owned(),
            r#ref: left.to_owned(),
            right_ref: right.to_owned(),
            mode: mode.into(),
            ..v1::DiffRequest::default()
        };
        self.client.diff(request).await?.try_collect().await.map(changes)
    }

    async fn merge(&self, step: &Value) -> Result<Found, Error> {
        let request = v1::MergeRequest {
            repository: self.repository.to_owned(),
            r#ref: text(step, "from").to_owned(),
            destination_branch: text(step, "into").to_owned(),
            message: text(step, "message").to_owned(),
            strategy: strategy(step).into(),
            ..v1::MergeRequest::default()
        };
        self.client.merge(request).await.map(|commit_id| object([("commit_id", commit_id.into())]))
    }

    async fn revert(&self, step: &Value) -> Result<Found, Error> {
        let request = v1::RevertRequest {
            repository: self.repository.to_owned(),
            r#ref: text(step, "commit").to_owned(),
            branch: text(step, "at").to_owned(),
            parent_number: i32::try_from(number(step, "parent")).unwrap_or_default(),
            ..v1::RevertRequest::default()
        };
        self.client.revert(request).await.map(commit)
    }

    async fn cherry_pick(&self, step: &Value) -> Result<Found, Error> {
        let request = v1::CherryPickRequest {
            repository: self.repository.to_owned(),
            r#ref: text(step, "commit").to_owned(),
            branch: text(step, "at").to_owned(),
            ..v1::CherryPickRequest::default()
        };
        self.client.cherry_pick(request).await.map(commit)
    }

    async fn reset(&self, step: &Value) -> Result<Found, Error> {
        let request = v1::ResetRequest {
            repository: self.repository.to_owned(),
            r#ref: self.place(step).ref_name().to_owned(),
            path: text(step, "path").to_owned(),
            ..v1::ResetRequest::default()
        };
        self.client.reset(request).await.map(branch)
    }
}

fn nothing(_: ()) -> Found {
    object([])
}

fn names(names: Vec<String>) -> Found {
    object([("names", list(names))])
}

fn repository_found(found: v1::Repository) -> Found {
    object([("name", found.name.into()), ("default_branch", found.default_branch.into())])
}

fn branch(found: v1::Branch) -> Found {
    object([("name", found.name.into()), ("commit_id", found.commit_id.into())])
}

fn tag(found: v1::Tag) -> Found {
    object([("name", found.name.into()), ("commit_id", found.commit_id.into())])
}

fn commit(found: v1::Commit) -> Found {
    let metadata = found.metadata.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
    object([
        ("id", found.commit_id.into()),
        ("message", found.message.into()),
        ("metadata", metadata_found(metadata)),
        ("parents", list(found.parent_commit_ids)),
    ])
}
