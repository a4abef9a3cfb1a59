//! Dispatches validated requests to their operations, and implements those on repositories, branches, tags and the server.
//! Operations on objects and versions are in other modules.

use super::auth::{is_anonymous, login};
use super::json::{map_in, text_in};
use super::reply::{self, Response};
use super::route::Operation;
use super::{Call, RequestBody, auth, objects, versions};
use crate::lake::{ListQuery, ResetScope};
use crate::{Error, Result};
use http::StatusCode;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Runs the operation of a call. `body` is `None` for routes with a JSON body, which is parsed already.
pub(super) async fn run(call: Call, body: Option<RequestBody>) -> Result<Response> {
    use Operation::*;
    match call.route.operation {
        HealthCheck | NotImplemented | Login | GetSetupState | GetUser | GetConfig | GetStorageConfig | GetVersion => {
            of_server(&call)
        }
        ListRepositories
        | CreateRepository
        | GetRepository
        | DeleteRepository
        | GetRepositoryMetadata
        | SetRepositoryMetadata
        | UnsetRepositoryMetadata
        | GetBranchProtection
        | SetBranchProtection => of_repositories(&call).await,
        ListBranches | CreateBranch | GetBranch | DeleteBranch | ResetBranch | HardReset => of_branches(&call).await,
        ListTags | CreateTag | GetTag | DeleteTag => of_tags(&call).await,
        Commit | DiffBranch | DiffRefs | Merge | FindMergeBase | Revert | CherryPick | Log | GetCommit => {
            versions::run(&call).await
        }
        CopyObject | DeleteObject | DeleteObjects | GetObject | GetPhysicalAddress | HeadObject
        | LinkPhysicalAddress | ListObjects | PresignMultipart | StageAllowed | StatObject | UnderlyingProperties
        | UpdateUserMetadata | UploadObject => objects::run(&call, body).await,
    }
}

fn of_server(call: &Call) -> Result<Response> {
    use Operation::*;
    match call.route.operation {
        HealthCheck => Ok(reply::empty(StatusCode::NO_CONTENT)),
        NotImplemented => Err(Error::not_implemented()),
        Login => log_in(call),
        GetSetupState => Ok(reply::ok(&setup_state())),
        GetUser => user(call),
        GetConfig => Ok(reply::ok(&json!({
            "capabilities_config": {},
            "storage_config": storage(),
            "storage_config_list": [],
            "ui_config": {},
            "version_config": version(),
        }))),
        GetStorageConfig => Ok(reply::ok(&storage())),
        GetVersion => Ok(reply::ok(&version())),
        _ => Err(Error::UnknownEndpoint),
    }
}

async fn of_repositories(call: &Call) -> Result<Response> {
    use Operation::*;
    match call.route.operation {
        ListRepositories => {
            let page = call.lake.list_repositories(&call.query.text("search"), &call.page()).await?;
            reply::page(&page, reply::repository)
        }
        CreateRepository => create_repository(call).await,
        GetRepository => Ok(reply::ok(&reply::repository(&call.repository().await?))),
        DeleteRepository => {
            call.lake.delete_repository(call.segment("repository")?, call.query.flag("force")).await?;
            Ok(reply::empty(StatusCode::NO_CONTENT))
        }
        GetRepositoryMetadata => Ok(reply::ok(&json!(call.lake.repository_metadata(&call.repository().await?).await?))),
        SetRepositoryMetadata => {
            let set = call.map("metadata");
            call.lake.update_repository_metadata(&call.repository().await?, &set, &[]).await?;
            Ok(reply::empty(StatusCode::NO_CONTENT))
        }
        UnsetRepositoryMetadata => {
            let unset = call.texts("keys");
            call.lake.update_repository_metadata(&call.repository().await?, &BTreeMap::new(), &unset).await?;
            Ok(reply::empty(StatusCode::NO_CONTENT))
        }
        GetBranchProtection => branch_protection(call).await,
        SetBranchProtection => {
            let rules = call.json.as_array().cloned().unwrap_or_default();
            let patterns: Vec<String> =
                rules.iter().filter_map(|rule| rule.get("pattern")?.as_str().map(str::to_owned)).collect();
            call.lake.set_protections(&call.repository().await?, &patterns).await?;
            Ok(reply::empty(StatusCode::NO_CONTENT))
        }
        _ => Err(Error::UnknownEndpoint),
    }
}

async fn of_branches(call: &Call) -> Result<Response> {
    use Operation::*;
    match call.route.operation {
        ListBranches => {
            let hidden = call.query.flag("show_hidden");
            let page = call.lake.list_branches(&call.repository().await?, hidden, &call.page()).await?;
            reply::page(&page, |branch| json!({ "commit_id": branch.commit_id, "id": branch.name }))
        }
        CreateBranch => {
            let (name, source) = (call.text("name"), call.text("source"));
            let (hidden, force) = (call.flag("hidden"), call.flag("force"));
            let repository = call.repository().await?;
            let commit = call.lake.create_branch(&repository, &name, &source, hidden, force).await?;
            Ok(reply::text(StatusCode::CREATED, commit))
        }
        GetBranch => {
            let branch = call.lake.branch(&call.repository().await?, call.segment("branch")?, "branch").await?;
            Ok(reply::ok(&json!({ "commit_id": branch.commit_id, "id": branch.name })))
        }
        DeleteBranch => {
            let (branch, force) = (call.segment("branch")?, call.query.flag("force"));
            call.lake.delete_branch(&call.repository().await?, branch, force).await?;
            Ok(reply::empty(StatusCode::NO_CONTENT))
        }
        ResetBranch => reset_branch(call).await,
        HardReset => {
            let (branch, target) = (call.segment("branch")?, call.query.text("ref"));
            let force = call.query.flag("force");
            call.lake.hard_reset(&call.repository().await?, branch, &target, force).await?;
            Ok(reply::empty(StatusCode::NO_CONTENT))
        }
        _ => Err(Error::UnknownEndpoint),
    }
}

async fn of_tags(call: &Call) -> Result<Response> {
    use Operation::*;
    match call.route.operation {
        ListTags => {
            let page = call.lake.list_tags(&call.repository().await?, &call.page()).await?;
            reply::page(&page, |tag| json!({ "commit_id": tag.commit_id, "id": tag.name }))
        }
        CreateTag => {
            let (name, target) = (call.text("id"), call.text("ref"));
            let repository = call.repository().await?;
            let tag = call.lake.create_tag(&repository, &name, &target, call.flag("force")).await?;
            Ok(reply::json(StatusCode::CREATED, &json!({ "commit_id": tag.commit_id, "id": tag.name })))
        }
        GetTag => {
            let tag = call.lake.tag(&call.repository().await?, call.segment("tag")?).await?;
            Ok(reply::ok(&json!({ "commit_id": tag.commit_id, "id": tag.name })))
        }
        DeleteTag => {
            let (tag, force) = (call.segment("tag")?, call.query.flag("force"));
            call.lake.delete_tag(&call.repository().await?, tag, force).await?;
            Ok(reply::empty(StatusCode::NO_CONTENT))
        }
        _ => Err(Error::UnknownEndpoint),
    }
}

impl Call {
    /// Returns the repository in the path.
    pub(super) async fn repository(&self) -> Result<crate::lake::Repository> {
        self.lake.repository(self.segment("repository")?).await
    }

    /// Returns the page that the query parameters select.
    pub(super) fn page(&self) -> ListQuery {
        let amount = self.query.text("amount").parse::<i64>().ok().filter(|amount| *amount > 0).unwrap_or(100);
        ListQuery {
            prefix: self.query.bytes("prefix").to_vec(),
            after: self.query.bytes("after").to_vec(),
            delimiter: self.query.bytes("delimiter").to_vec(),
            amount: usize::try_from(amount).unwrap_or(100),
        }
    }

    /// Returns a string of the JSON body; empty if it is missing.
    pub(super) fn text(&self, field: &str) -> String {
        text_in(&self.json, field)
    }

    /// Returns a flag of the JSON body; false if it is missing.
    pub(super) fn flag(&self, field: &str) -> bool {
        self.json.get(field).and_then(Value::as_bool).unwrap_or_default()
    }

    /// Returns a list of strings of the JSON body.
    pub(super) fn texts(&self, field: &str) -> Vec<String> {
        let items = self.json.get(field).and_then(Value::as_array).into_iter().flatten();
        items.filter_map(|item| item.as_str().map(str::to_owned)).collect()
    }

    /// Returns a map of strings of the JSON body.
    pub(super) fn map(&self, field: &str) -> BTreeMap<String, String> {
        map_in(&self.json, field)
    }

    /// Returns a header as text.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        self.parts.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    }
}

fn log_in(call: &Call) -> Result<Response> {
    let (token, expiration) = login(call.lake.account(), &call.text("access_key_id"), &call.text("secret_access_key"))?;
    let mut response = reply::ok(&json!({ "token": token, "token_expiration": expiration }));
    let cookie = format!("internal_auth_session={token}; Path=/; HttpOnly; SameSite=Strict");
    if let Ok(cookie) = cookie.parse() {
        response.headers_mut().insert(http::header::SET_COOKIE, cookie);
    }
    Ok(response)
}

fn user(call: &Call) -> Result<Response> {
    if is_anonymous(&call.parts.headers) {
        return Ok(reply::ok(&json!({ "user": { "creation_date": 0, "id": "" } })));
    }
    let account = call.lake.account();
    auth::authenticate(account, &call.parts.headers)?;
    Ok(reply::ok(&json!({
        "user": { "creation_date": account.creation_date, "email": "", "friendly_name": "", "id": account.user },
    })))
}

/// Returns the storage settings: no presigned URLs and no import, because all data passes through this server.
fn storage() -> Value {
    json!({
        "blockstore_description": "",
        "blockstore_id": "",
        "blockstore_namespace_ValidityRegex": "^local://",
        "blockstore_namespace_example": "local://example-bucket/",
        "blockstore_type": "local",
        "default_namespace_prefix": "local://",
        "import_support": false,
        "import_validity_regex": "^local://",
        "pre_sign_multipart_upload": false,
        "pre_sign_support": false,
        "pre_sign_support_ui": false,
    })
}

/// Returns the setup state, which is always `initialized`: opening a lake creates its account.
fn setup_state() -> Value {
    json!({
        "comm_prefs_missing": false,
        "login_config": {
            "RBAC": "none",
            "login_cookie_names": ["internal_auth_session"],
            "login_failed_message": "The credentials don't match.",
            "login_url": "",
            "login_url_method": "none",
            "logout_url": "",
        },
        "state": "initialized",
    })
}

/// The version of lakeFS whose API this server implements. Clients such as lakefs-spec parse it as numbers.
const LAKEFS_VERSION: &str = "1.84.0";

fn version() -> Value {
    json!({ "version": LAKEFS_VERSION, "version_context": "lakeFS" })
}

async fn create_repository(call: &Call) -> Result<Response> {
    let branch = call.text("default_branch");
    let branch = if branch.is_empty() { "main" } else { &branch };
    let (read_only, bare) = (call.flag("read_only"), call.query.flag("bare"));
    let (name, namespace) = (call.text("name"), call.text("storage_namespace"));
    let repository = call.lake.create_repository(&name, &namespace, branch, read_only, bare).await?;
    let mut value = reply::repository(&repository);
    if bare && let Some(object) = value.as_object_mut() {
        object.remove("read_only");
    }
    Ok(reply::json(StatusCode::CREATED, &value))
}

async fn branch_protection(call: &Call) -> Result<Response> {
    let patterns = call.lake.protections(&call.repository().await?).await?;
    let rules: Vec<Value> = patterns.iter().map(|pattern| json!({ "pattern": pattern })).collect();
    let mut response = reply::ok(&json!(rules));
    let etag = if patterns.is_empty() { String::new() } else { format!("{:x}", fingerprint(&patterns)) };
    if let Ok(etag) = etag.parse() {
        response.headers_mut().insert(http::header::ETAG, etag);
    }
    Ok(response)
}

fn fingerprint(patterns: &[String]) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    patterns.hash(&mut hasher);
    hasher.finish()
}

async fn reset_branch(call: &Call) -> Result<Response> {
    let path = call.text("path").into_bytes();
    let scope = match call.text("type").as_str() {
        "reset" => ResetScope::All,
        _ if path.is_empty() => {
            return Err(Error::invalid("argument path: missing path: required value: validation error"));
        }
        "object" => ResetScope::Object(path),
        _ => ResetScope::Prefix(path),
    };
    let repository = call.repository().await?;
    call.lake.reset_branch(&repository, call.segment("branch")?, &scope, call.flag("force")).await?;
    Ok(reply::empty(StatusCode::NO_CONTENT))
}
