//! The lake behind the servers, with direct access for checks and for concurrent changes. It runs longer than the servers.

use crate::checker::merged_transaction;
use crate::until;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use lakeport_embedded::{Faults, Serving};
use lakeport_lakefs::{
    Client, Commit, Credentials, DiffKind, Lakefs, Listed, LogQuery, NewCommit, NewObject, Timeouts,
};
use lakeport_tests::lakefs;
use lakeport_types::{BranchName, ObjectPath, Ref, RepositoryId};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Base branch of all transactions.
pub(crate) const BASE: &str = "main";

/// An embedded lake in this process, or the external lakeFS of the environment, with a new repository.
pub(crate) struct Lake {
    pub(crate) url: String,
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) repository: RepositoryId,
    direct: Lakefs,
    _own: Option<(Serving, tempfile::TempDir)>,
}

impl Lake {
    pub(crate) async fn start() -> Self {
        match lakefs::named() {
            Some(named) => {
                let pair = (named.access_key_id, named.secret_access_key);
                Self::with_repository(named.url, pair, &named.storage_namespace, None).await
            }
            None => Self::with_faults().await.0,
        }
    }

    /// Starts a lake and returns its faults if it is an embedded lake.
    pub(crate) async fn with_optional_faults() -> (Self, Option<Faults>) {
        if lakefs::named().is_some() {
            return (Self::start().await, None);
        }
        let (lake, faults) = Self::with_faults().await;
        (lake, Some(faults))
    }

    /// Starts an embedded lake in which faults can be armed.
    pub(crate) async fn with_faults() -> (Self, Faults) {
        let folder = tempfile::tempdir().unwrap();
        let lake = Arc::new(lakeport_embedded::Lake::open(folder.path()).await.unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let faults = Faults::default();
        let serving = lakeport_embedded::serve(Arc::clone(&lake), listener, faults.clone()).unwrap();
        let (account, url) = (lake.account(), format!("http://{}", serving.address()));
        let pair = (account.access_key_id.clone(), account.secret_access_key.clone());
        (Self::with_repository(url, pair, "local://", Some((serving, folder))).await, faults)
    }

    async fn with_repository(
        url: String,
        (access_key_id, secret_access_key): (String, String),
        namespace: &str,
        own: Option<(Serving, tempfile::TempDir)>,
    ) -> Self {
        let client = Client::new(&url, Timeouts::default()).unwrap();
        let direct = client.acting_as(Credentials::key_pair(&access_key_id, &secret_access_key));
        let name = format!("faults-{:016x}", rand::random::<u64>());
        let repository = RepositoryId::try_from(name.as_str()).unwrap();
        direct.create_repository(&repository, &format!("{namespace}/{name}"), &Self::base(), false).await.unwrap();
        Self { url, access_key_id, secret_access_key, repository, direct, _own: own }
    }

    /// Returns the address of the lake.
    pub(crate) fn address(&self) -> SocketAddr {
        self.url
            .strip_prefix("http://")
            .and_then(|address| address.parse().ok())
            .expect("the URL of the lake must be http://IP:PORT")
    }

    /// Returns the first-parent history of the base, oldest commit first.
    pub(crate) async fn history(&self) -> Vec<Commit> {
        let base = Ref::try_from(BASE).unwrap();
        let mut query = LogQuery { amount: 1000, first_parent: true, ..LogQuery::default() };
        let mut commits = Vec::new();
        loop {
            let page = self.direct.log(&self.repository, &base, &query).await.unwrap();
            commits.extend(page.results);
            match page.next {
                Some(next) => query.after = next,
                None => break,
            }
        }
        commits.reverse();
        commits
    }

    /// Returns the paths that a commit on the base changed.
    pub(crate) async fn changed(&self, commit: &Commit) -> BTreeSet<String> {
        let (parent, this) = (Ref::try_from(commit.parents[0].as_str()).unwrap(), Ref::try_from(&*commit.id).unwrap());
        let diff = self.direct.diff(&self.repository, (&parent, &this), DiffKind::TwoDot, "", "", 1000);
        diff.await.unwrap().results.into_iter().map(|change| change.path).collect()
    }

    /// Returns the objects on the base, as MD5 by path.
    pub(crate) async fn objects(&self) -> BTreeMap<String, String> {
        let base = Ref::try_from(BASE).unwrap();
        let (mut objects, mut after) = (BTreeMap::new(), String::new());
        loop {
            let page = self.direct.list(&self.repository, &base, "", &after, "", 1000).await.unwrap();
            objects.extend(page.results.into_iter().filter_map(|listed| match listed {
                Listed::Object(object) => Some((object.path, object.checksum)),
                Listed::Prefix(_) => None,
            }));
            match page.next {
                Some(next) => after = next,
                None => return objects,
            }
        }
    }

    /// Returns the existing transaction branches.
    pub(crate) async fn branches(&self) -> Vec<String> {
        self.branches_with(lakeport_types::TRANSACTION_BRANCH_PREFIX).await
    }

    /// Returns the head of a branch.
    pub(crate) async fn head(&self, branch: &str) -> String {
        let branch = BranchName::try_from(branch).unwrap();
        self.direct.branch(&self.repository, &branch).await.unwrap().commit_id
    }

    /// Returns the branches with a prefix, hidden ones included.
    pub(crate) async fn branches_with(&self, prefix: &str) -> Vec<String> {
        let page = self.direct.branches(&self.repository, prefix, "", 1000, true).await.unwrap();
        page.results.into_iter().map(|branch| branch.id).collect()
    }

    /// Returns whether a tag exists and points to a commit.
    pub(crate) async fn names(&self, tag: &str, commit: &str) -> bool {
        let tag = lakeport_types::TagName::try_from(tag).unwrap();
        self.direct.tag(&self.repository, &tag).await.is_ok_and(|found| found.commit_id == commit)
    }

    /// Returns the base branch in the type of the lakeFS client.
    pub(crate) fn base() -> BranchName {
        BranchName::try_from(BASE).unwrap()
    }

    /// Returns the IDs of the commits that merged a transaction into the base.
    pub(crate) async fn merges_of(&self, id: &str) -> Vec<String> {
        let history = self.history().await;
        history.into_iter().filter(|commit| merged_transaction(commit) == Some(id)).map(|commit| commit.id).collect()
    }

    /// Returns the paths of all objects on the base.
    pub(crate) async fn paths(&self) -> Vec<String> {
        self.objects().await.into_keys().collect()
    }

    /// Writes to the base directly, as another client of lakeFS.
    pub(crate) async fn put(&self, path: &str, text: &str) {
        let body = Full::new(Bytes::copy_from_slice(text.as_bytes())).map_err(|never| match never {}).boxed_unsync();
        let path = ObjectPath::try_from(path).unwrap();
        self.direct.upload(&self.repository, &Self::base(), &path, &NewObject::default(), body).await.unwrap();
    }

    /// Deletes from the base directly, as another client of lakeFS.
    pub(crate) async fn delete(&self, path: &str) {
        let path = ObjectPath::try_from(path).unwrap();
        self.direct.delete(&self.repository, &Self::base(), &path).await.unwrap();
    }

    /// Commits direct changes of the base.
    pub(crate) async fn commit(&self) {
        let commit = NewCommit { message: "commit of another client".into(), ..NewCommit::default() };
        self.direct.commit(&self.repository, &Self::base(), &commit).await.unwrap();
    }

    /// Returns the paths of uncommitted changes on the base.
    pub(crate) async fn uncommitted(&self) -> Vec<String> {
        let page = self.direct.uncommitted(&self.repository, &Self::base(), "", "", 1000).await.unwrap();
        page.results.into_iter().map(|change| change.path).collect()
    }

    /// Waits until a commit on a transaction branch contains a path.
    pub(crate) async fn wait_for_commit_of(&self, path: &str) {
        let path = ObjectPath::try_from(path).unwrap();
        until("a commit contains the path", async || {
            for branch in self.branches().await {
                let committed = Ref::try_from(format!("{branch}@")).unwrap();
                if self.direct.stat(&self.repository, &committed, &path).await.is_ok() {
                    return true;
                }
            }
            false
        })
        .await;
    }

    /// Waits until a branch is deleted.
    pub(crate) async fn wait_for_deletion_of(&self, branch: &str) {
        until("the branch is deleted", async || !self.branches().await.iter().any(|one| one == branch)).await;
    }
}
