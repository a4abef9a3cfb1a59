//! A server with a repository, and the command line at it.

use crate::command::{Ended, Shell};
use lakeport_server::app::{App, Serving};
use lakeport_tests::{lakefs, server};
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A lake to work on.
pub(crate) struct Desk {
    /// `lakefs://REPOSITORY`.
    pub(crate) lake: String,
    pub(crate) shell: Shell,
    serving: Serving,
    namespaces: String,
    dir: tempfile::TempDir,
}

impl Desk {
    /// A server of its own, and an empty repository in it.
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
        let desk = Self { lake, shell, serving, namespaces, dir };
        desk.ok(&["repo", "create", &desk.lake, "--storage-namespace", &desk.namespace(&desk.lake)]).await;
        desk
    }

    /// Where a new repository shall keep its objects; empty where the lake knows.
    pub(crate) fn namespace(&self, repository: &str) -> String {
        let name = repository.trim_start_matches("lakefs://");
        if self.namespaces.is_empty() { String::new() } else { format!("{}/{name}", self.namespaces) }
    }

    /// `lakefs://REPOSITORY/` and what stands behind it.
    pub(crate) fn at(&self, rest: &str) -> String {
        format!("{}/{rest}", self.lake)
    }

    /// A place for files.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// What a command printed that has to succeed.
    pub(crate) async fn bytes(&self, arguments: &[&str]) -> Vec<u8> {
        self.fed(arguments, b"").await
    }

    /// The same, with standard input.
    pub(crate) async fn fed(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let ended = self.shell.lakeport(arguments, input).await;
        assert!(ended.code == 0, "{arguments:?} ended with {}: {}", ended.code, ended.stderr);
        ended.stdout
    }

    /// The same, as a line of text.
    pub(crate) async fn ok(&self, arguments: &[&str]) -> String {
        String::from_utf8(self.bytes(arguments).await).unwrap().trim_end().to_owned()
    }

    /// The same, as the objects of `-o json`.
    pub(crate) async fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let printed = self.bytes(&[arguments, &["-o", "json"]].concat()).await;
        serde_json::Deserializer::from_slice(&printed).into_iter().map(Result::unwrap).collect()
    }

    /// How a command ended that has to fail, and what it said.
    pub(crate) async fn refused(&self, arguments: &[&str]) -> (i32, String) {
        let Ended { code, stderr, .. } = self.shell.lakeport(arguments, b"").await;
        assert_ne!(code, 0, "{arguments:?} must be refused");
        (code, stderr)
    }

    /// The commit that a branch points to.
    pub(crate) async fn head(&self, branch: &str) -> String {
        self.json(&["branch", "show", &self.at(branch)]).await[0]["commit_id"].as_str().unwrap().to_owned()
    }

    /// Paths below a ref or a transaction.
    pub(crate) async fn paths(&self, version: &str) -> Vec<String> {
        paths(&self.json(&["ls", "-r", &self.at(version)]).await)
    }

    /// Ends the server as a signal would.
    pub(crate) async fn stop(self) {
        self.serving.drain(Duration::from_secs(10)).await;
    }
}

/// The paths of what was printed.
pub(crate) fn paths(printed: &[Value]) -> Vec<String> {
    printed.iter().map(|one| one["path"].as_str().unwrap().to_owned()).collect()
}

/// A path as an argument.
pub(crate) fn argument(path: &Path) -> &str {
    path.to_str().unwrap()
}
