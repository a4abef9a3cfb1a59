//! Routes of lakeFS's REST API, with the parameters and bodies that lakeFS validates.

use super::validate::{Kind, Param, Schema, Shape};
use crate::{Error, Result};
use http::Method;

/// Whether a route requires credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Open,
    Authenticated,
}

/// Endpoint of the API.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) operation: Operation,
    method: &'static str,
    /// Path relative to `/api/v1`. `{name}` matches one segment.
    path: &'static str,
    pub(super) params: &'static [Param],
    pub(super) body: Option<&'static Schema>,
    pub(super) access: Access,
}

/// Operation of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    CherryPick,
    Commit,
    CopyObject,
    CreateBranch,
    CreateRepository,
    CreateTag,
    DeleteBranch,
    DeleteObject,
    DeleteObjects,
    DeleteRepository,
    DeleteTag,
    DiffBranch,
    DiffRefs,
    FindMergeBase,
    GetBranch,
    GetBranchProtection,
    GetCommit,
    GetConfig,
    GetObject,
    GetPhysicalAddress,
    GetRepository,
    GetRepositoryMetadata,
    GetSetupState,
    GetStorageConfig,
    GetTag,
    GetUser,
    GetVersion,
    HardReset,
    HeadObject,
    HealthCheck,
    LinkPhysicalAddress,
    ListBranches,
    ListObjects,
    ListRepositories,
    ListTags,
    Log,
    Login,
    Merge,
    NotImplemented,
    PresignMultipart,
    ResetBranch,
    Revert,
    SetBranchProtection,
    SetRepositoryMetadata,
    StageAllowed,
    StatObject,
    UnderlyingProperties,
    UnsetRepositoryMetadata,
    UpdateUserMetadata,
    UploadObject,
}

impl Route {
    /// Returns the names of the path parameters, in order.
    pub(super) fn parameters(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
    }

    /// Returns the raw path parameters of a request, or `None` if the path does not match.
    fn matches<'r>(&self, segments: &[&'r str]) -> Option<Vec<&'r str>> {
        let mut parameters = Vec::new();
        let mut given = segments.iter();
        for expected in self.path.split('/').skip(1) {
            let segment = given.next()?;
            if expected.starts_with('{') {
                parameters.push(*segment);
            } else if expected != *segment {
                return None;
            }
        }
        given.next().is_none().then_some(parameters)
    }
}

/// Returns the path that Go's router matches.
///
/// If the path is escaped exactly as Go would escape it, this is the decoded path, otherwise the path as sent. In
/// both cases, [`super::validate::decode`] later decodes the path parameters, so a decoded path is decoded twice. `+` and
/// `%` in a name therefore have a different meaning in the two cases, as in lakeFS.
pub(super) fn as_go_routes(path: &str) -> String {
    let decoded: Vec<u8> = percent_encoding::percent_decode_str(path).collect();
    let escaped: String = decoded.iter().map(|&byte| go_escape(byte)).collect();
    match String::from_utf8(decoded) {
        Ok(decoded) if escaped == path => decoded,
        _ => path.to_owned(),
    }
}

fn go_escape(byte: u8) -> String {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        _ if b"-_.~$&+,/:;=@".contains(&byte) => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    }
}

/// Returns the endpoint of a request and its raw path parameters.
pub(super) fn find<'r>(method: &Method, path: &'r str) -> Result<(&'static Route, Vec<&'r str>)> {
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    if segments.last().is_none_or(|last| last.is_empty()) {
        return Err(Error::UnknownEndpoint);
    }
    ROUTES
        .iter()
        .filter(|route| route.method == method.as_str())
        .find_map(|route| Some((route, route.matches(&segments)?)))
        .ok_or(Error::UnknownEndpoint)
}

const fn route(operation: Operation, method: &'static str, path: &'static str, params: &'static [Param]) -> Route {
    Route { operation, method, path, params, body: None, access: Access::Authenticated }
}

impl Route {
    const fn body(self, schema: &'static Schema) -> Self {
        Self { body: Some(schema), ..self }
    }

    const fn open(self) -> Self {
        Self { access: Access::Open, ..self }
    }
}

const PATH: Param = Param::query("path", Kind::Text).required();
const FORCE: Param = Param::query("force", Kind::Bool);
const PRESIGN: Param = Param::query("presign", Kind::Bool);
const AMOUNT: Param = Param::query("amount", Kind::Amount);
const USER_METADATA: Param = Param::query("user_metadata", Kind::Bool);
const RANGE: Param = Param::header("Range", Kind::Range);
const IF_NONE_MATCH: Param = Param::header("If-None-Match", Kind::Escaped);
const PAGE: &[Param] = &[AMOUNT];

use Operation::*;

#[rustfmt::skip]
static ROUTES: &[Route] = &[
    route(HealthCheck, "GET", "/healthcheck", &[]).open(),
    route(GetSetupState, "GET", "/setup_lakefs", &[]).open(),
    route(Login, "POST", "/auth/login", &[]).body(&LOGIN).open(),
    route(NotImplemented, "POST", "/sts/login", &[]).open(),
    route(NotImplemented, "POST", "/auth/external/principal/login", &[]).open(),
    route(GetUser, "GET", "/user", &[]).open(),
    route(GetConfig, "GET", "/config", &[]),
    route(GetStorageConfig, "GET", "/config/storage", &[]),
    route(GetVersion, "GET", "/config/version", &[]),
    route(ListRepositories, "GET", "/repositories", PAGE),
    route(CreateRepository, "POST", "/repositories", &[Param::query("bare", Kind::Bool)]).body(&REPOSITORY),
    route(GetRepository, "GET", "/repositories/{repository}", &[]),
    route(DeleteRepository, "DELETE", "/repositories/{repository}", &[FORCE]),
    route(GetRepositoryMetadata, "GET", "/repositories/{repository}/metadata", &[]),
    route(SetRepositoryMetadata, "POST", "/repositories/{repository}/metadata", &[]).body(&METADATA_SET),
    route(UnsetRepositoryMetadata, "DELETE", "/repositories/{repository}/metadata", &[]).body(&METADATA_KEYS),
    route(GetBranchProtection, "GET", "/repositories/{repository}/settings/branch_protection", &[]),
    route(SetBranchProtection, "PUT", "/repositories/{repository}/settings/branch_protection", &[]).body(&PROTECTION),
    route(ListBranches, "GET", "/repositories/{repository}/branches", &[AMOUNT, Param::query("show_hidden", Kind::Bool)]),
    route(CreateBranch, "POST", "/repositories/{repository}/branches", &[]).body(&BRANCH),
    route(GetBranch, "GET", "/repositories/{repository}/branches/{branch}", &[]),
    route(DeleteBranch, "DELETE", "/repositories/{repository}/branches/{branch}", &[FORCE]),
    route(ResetBranch, "PUT", "/repositories/{repository}/branches/{branch}", &[]).body(&RESET),
    route(HardReset, "PUT", "/repositories/{repository}/branches/{branch}/hard_reset", &[Param::query("ref", Kind::Text).required(), FORCE]),
    route(DiffBranch, "GET", "/repositories/{repository}/branches/{branch}/diff", PAGE),
    route(Commit, "POST", "/repositories/{repository}/branches/{branch}/commits", &[]).body(&COMMIT),
    route(Revert, "POST", "/repositories/{repository}/branches/{branch}/revert", &[]).body(&REVERT),
    route(CherryPick, "POST", "/repositories/{repository}/branches/{branch}/cherry-pick", &[]).body(&CHERRY_PICK),
    route(UploadObject, "POST", "/repositories/{repository}/branches/{branch}/objects", &[PATH, FORCE, IF_NONE_MATCH]),
    route(DeleteObject, "DELETE", "/repositories/{repository}/branches/{branch}/objects", &[PATH, FORCE]),
    route(DeleteObjects, "POST", "/repositories/{repository}/branches/{branch}/objects/delete", &[FORCE]).body(&PATH_LIST),
    route(CopyObject, "POST", "/repositories/{repository}/branches/{branch}/objects/copy", &[Param::query("dest_path", Kind::Text).required()]).body(&COPY),
    route(UpdateUserMetadata, "PUT", "/repositories/{repository}/branches/{branch}/objects/stat/user_metadata", &[PATH]).body(&USER_METADATA_SET),
    route(StageAllowed, "GET", "/repositories/{repository}/branches/{branch}/objects/stage_allowed", &[PATH]),
    route(GetPhysicalAddress, "GET", "/repositories/{repository}/branches/{branch}/staging/backing", &[PATH, PRESIGN]),
    route(LinkPhysicalAddress, "PUT", "/repositories/{repository}/branches/{branch}/staging/backing", &[PATH, IF_NONE_MATCH]).body(&STAGING),
    route(PresignMultipart, "POST", "/repositories/{repository}/branches/{branch}/staging/pmpu", &[PATH]),
    route(GetObject, "GET", "/repositories/{repository}/refs/{ref}/objects", &[PATH, RANGE, IF_NONE_MATCH, PRESIGN]),
    route(HeadObject, "HEAD", "/repositories/{repository}/refs/{ref}/objects", &[PATH, RANGE]),
    route(StatObject, "GET", "/repositories/{repository}/refs/{ref}/objects/stat", &[PATH, USER_METADATA, PRESIGN]),
    route(ListObjects, "GET", "/repositories/{repository}/refs/{ref}/objects/ls", &[USER_METADATA, PRESIGN, AMOUNT]),
    route(UnderlyingProperties, "GET", "/repositories/{repository}/refs/{ref}/objects/underlyingProperties", &[PATH]),
    route(Log, "GET", "/repositories/{repository}/refs/{ref}/commits", &[AMOUNT, Param::query("limit", Kind::Bool), Param::query("first_parent", Kind::Bool), Param::query("since", Kind::DateTime)]),
    route(DiffRefs, "GET", "/repositories/{repository}/refs/{leftRef}/diff/{rightRef}", &[AMOUNT, Param::query("type", Kind::Choice(&["two_dot", "three_dot"])), Param::query("include_right_stats", Kind::Bool)]),
    route(Merge, "POST", "/repositories/{repository}/refs/{sourceRef}/merge/{destinationBranch}", &[]).body(&MERGE),
    route(FindMergeBase, "GET", "/repositories/{repository}/refs/{sourceRef}/merge/{destinationBranch}", &[]),
    route(GetCommit, "GET", "/repositories/{repository}/commits/{commitId}", &[]),
    route(ListTags, "GET", "/repositories/{repository}/tags", PAGE),
    route(CreateTag, "POST", "/repositories/{repository}/tags", &[]).body(&TAG),
    route(GetTag, "GET", "/repositories/{repository}/tags/{tag}", &[]),
    route(DeleteTag, "DELETE", "/repositories/{repository}/tags/{tag}", &[FORCE]),
];

static LOGIN: Schema =
    Schema::of("LoginInformation", &[("access_key_id", Shape::Text, true), ("secret_access_key", Shape::Text, true)]);
static REPOSITORY: Schema = Schema::of(
    "RepositoryCreation",
    &[
        ("default_branch", Shape::Text, false),
        ("name", Shape::RepositoryName, true),
        ("read_only", Shape::Bool, false),
        ("sample_data", Shape::Bool, false),
        ("storage_namespace", Shape::Namespace, true),
    ],
);
static METADATA_SET: Schema = Schema::of("RepositoryMetadataSet", &[("metadata", Shape::TextMap, true)]);
static METADATA_KEYS: Schema = Schema::of("RepositoryMetadataKeys", &[("keys", Shape::TextList, true)]);
static PROTECTION: Schema = Schema::list_of_patterns();
static BRANCH: Schema = Schema::of(
    "BranchCreation",
    &[
        ("force", Shape::Bool, false),
        ("hidden", Shape::Bool, false),
        ("name", Shape::Text, true),
        ("source", Shape::Text, true),
    ],
);
static TAG: Schema =
    Schema::of("TagCreation", &[("force", Shape::Bool, false), ("id", Shape::Text, true), ("ref", Shape::Text, true)]);
static RESET: Schema = Schema::of(
    "ResetCreation",
    &[
        ("force", Shape::Bool, false),
        ("path", Shape::Text, false),
        ("type", Shape::Choice(&["object", "common_prefix", "reset"]), true),
    ],
);
static COMMIT: Schema = Schema::of(
    "CommitCreation",
    &[
        ("allow_empty", Shape::Bool, false),
        ("date", Shape::Integer, false),
        ("force", Shape::Bool, false),
        ("message", Shape::Text, true),
        ("metadata", Shape::TextMap, false),
    ],
);
static REVERT: Schema = Schema::of(
    "RevertCreation",
    &[
        ("allow_empty", Shape::Bool, false),
        ("commit_overrides", Shape::Any, false),
        ("force", Shape::Bool, false),
        ("parent_number", Shape::Integer, true),
        ("ref", Shape::Text, true),
    ],
);
static CHERRY_PICK: Schema = Schema::of(
    "CherryPickCreation",
    &[
        ("commit_overrides", Shape::Any, false),
        ("force", Shape::Bool, false),
        ("parent_number", Shape::Integer, false),
        ("ref", Shape::Text, true),
    ],
);
static PATH_LIST: Schema = Schema::of("PathList", &[("paths", Shape::TextList, true)]);
static COPY: Schema = Schema::of(
    "ObjectCopyCreation",
    &[
        ("force", Shape::Bool, false),
        ("shallow", Shape::Bool, false),
        ("src_path", Shape::Text, true),
        ("src_ref", Shape::Text, false),
    ],
);
static USER_METADATA_SET: Schema = Schema::of("UpdateObjectUserMetadata", &[("set", Shape::TextMap, true)]);
static STAGING: Schema = Schema::of(
    "StagingMetadata",
    &[
        ("checksum", Shape::Text, true),
        ("content_type", Shape::Text, false),
        ("force", Shape::Bool, false),
        ("mtime", Shape::Integer, false),
        ("size_bytes", Shape::Integer, true),
        ("staging", Shape::Any, true),
        ("user_metadata", Shape::TextMap, false),
    ],
);
static MERGE: Schema = Schema::optional(
    "Merge",
    &[
        ("allow_empty", Shape::Bool, false),
        ("force", Shape::Bool, false),
        ("message", Shape::Text, false),
        ("metadata", Shape::TextMap, false),
        ("squash_merge", Shape::Bool, false),
        ("strategy", Shape::Text, false),
    ],
);
