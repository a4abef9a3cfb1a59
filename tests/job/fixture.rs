//! A server with an empty repository, and helpers that run the command line against it.

use crate::command::{Finished, Shell};
use lakeport_server::app::{App, Serving};
use lakeport_tests::{lakefs, server};
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A server with a repository.
pub(crate) struct TestRepo {
    /// `lakefs://REPOSITORY`.
    pub(crate) lake: String,
    pub(crate) shell: Shell,
    serving: Serving,
    namespaces: String,
    dir: tempfile::TempDir,
}

impl TestRepo {
    /// Starts a server and creates an empty repository.
    pub(crate) async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = server::config(dir.path().join("data"));
        if let Some((lake, auth)) = server::real_lakefs() {
            (config.lake, config.auth) = (lake, auth);
        }
        let namespaces = lakefs::named().map(|named| named.storage_namespace).unwrap_or_default();
        let metrics = PrometheusBuilder::new().build_recorder().handle();
        let serving = App::build(config, metrics).await.unwrap().serve().await.unwrap();
        let shell = Shell::new(format!("http://{}", serving.address), dir.path());
        let lake = format!("lakefs://flights-{:016x}", rand::random::<u64>());
        let repo = Self { lake, shell, serving, namespaces, dir };
        repo.ok(&["repo", "create", &repo.lake, "--storage-namespace", &repo.namespace(&repo.lake)]).await;
        repo
    }

    /// Returns the storage namespace for a new repository; empty if the lake chooses it.
    pub(crate) fn namespace(&self, repository: &str) -> String {
        let name = repository.trim_start_matches("lakefs://");
        if self.namespaces.is_empty() { String::new() } else { format!("{}/{name}", self.namespaces) }
    }

    /// Returns `lakefs://REPOSITORY/` followed by `rest`.
    pub(crate) fn at(&self, rest: &str) -> String {
        format!("{}/{rest}", self.lake)
    }

    /// Returns a path in the temporary directory.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs a command that must succeed and returns its standard output.
    pub(crate) async fn bytes(&self, arguments: &[&str]) -> Vec<u8> {
        self.fed(arguments, b"").await
    }

    /// Like [`bytes`](Self::bytes), with standard input.
    pub(crate) async fn fed(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let ended = self.shell.lakeport(arguments, input).await;
        assert!(ended.code == 0, "{arguments:?} ended with {}: {}", ended.code, ended.stderr);
        ended.stdout
    }

    /// Like [`bytes`](Self::bytes), but returns text without trailing white space.
    pub(crate) async fn ok(&self, arguments: &[&str]) -> String {
        String::from_utf8(self.bytes(arguments).await).unwrap().trim_end().to_owned()
    }

    /// Like [`bytes`](Self::bytes), but adds `-o json` and returns the printed JSON values.
    pub(crate) async fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let printed = self.bytes(&[arguments, &["-o", "json"]].concat()).await;
        serde_json::Deserializer::from_slice(&printed).into_iter().map(Result::unwrap).collect()
    }

    /// Runs a command that must fail and returns its exit code and standard error.
    pub(crate) async fn refused(&self, arguments: &[&str]) -> (i32, String) {
        let Finished { code, stderr, .. } = self.shell.lakeport(arguments, b"").await;
        assert_ne!(code, 0, "{arguments:?} must fail");
        (code, stderr)
    }

    /// Returns the ID of the latest commit of a branch.
    pub(crate) async fn head(&self, branch: &str) -> String {
        self.json(&["branch", "show", &self.at(branch)]).await[0]["commit_id"].as_str().unwrap().to_owned()
    }

    /// Returns all paths at a ref or in a transaction.
    pub(crate) async fn paths(&self, version: &str) -> Vec<String> {
        paths(&self.json(&["ls", "-r", &self.at(version)]).await)
    }

    /// Shuts down the server as SIGTERM does.
    pub(crate) async fn stop(self) {
        self.serving.drain(Duration::from_secs(10)).await;
    }
}

/// Returns the `path` fields of printed JSON objects.
pub(crate) fn paths(printed: &[Value]) -> Vec<String> {
    printed.iter().map(|one| one["path"].as_str().unwrap().to_owned()).collect()
}

/// Returns a path as a command line argument.
pub(crate) fn argument(path: &Path) -> &str {
    path.to_str().unwrap()
}
