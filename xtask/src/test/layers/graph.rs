//! Checks the dependencies between crates.

use super::is_grpc;
use crate::cargo::Metadata;
use crate::error::{Error, Result};
use std::collections::{BTreeSet, HashMap};

/// Crates with the workspace crates that they may depend on.
const ALLOWED: [(&str, &[&str]); 8] = [
    ("lakeport-types", &[]),
    ("lakeport-waiting", &[]),
    ("lakeport-transactions", &["lakeport-types", "lakeport-waiting"]),
    ("lakeport-lakefs", &["lakeport-types", "lakeport-waiting"]),
    ("lakeport-embedded", &["lakeport-types"]),
    ("lakeport-proto", &[]),
    ("lakeport-client", &["lakeport-proto"]),
    ("lakeport-cli", &["lakeport-client", "lakeport-proto"]),
];
/// Crates that must not depend on gRPC.
const WITHOUT_GRPC: [&str; 4] = ["lakeport-types", "lakeport-transactions", "lakeport-lakefs", "lakeport-embedded"];

/// Normal dependencies, by package name.
pub(super) struct Graph<'a>(HashMap<&'a str, Vec<&'a str>>);

impl<'a> Graph<'a> {
    pub(super) fn of(metadata: &'a Metadata) -> Self {
        let names: HashMap<_, _> =
            metadata.packages.iter().map(|package| (&package.id, package.name.as_str())).collect();
        let name = |id: &String| names.get(id).copied().unwrap_or_default();
        let mut direct: HashMap<_, Vec<_>> = HashMap::new();
        for node in &metadata.resolve.nodes {
            // All versions of a package share one entry, because the rules apply to every version.
            let normal =
                node.deps.iter().filter(|dependency| dependency.dep_kinds.iter().any(|kind| kind.kind.is_none()));
            direct.entry(name(&node.id)).or_default().extend(normal.map(|dependency| name(&dependency.pkg)));
        }
        Self(direct)
    }

    /// Returns the direct and transitive dependencies of `package`.
    fn reached(&self, package: &'a str) -> BTreeSet<&'a str> {
        let mut reached = BTreeSet::new();
        let mut next = vec![package];
        while let Some(package) = next.pop() {
            let direct = self.0.get(package).into_iter().flatten();
            next.extend(direct.filter(|dependency| reached.insert(**dependency)));
        }
        reached
    }

    /// Returns one finding for each dependency that is not allowed.
    ///
    /// # Errors
    /// `Check` if a package in the rules does not exist, because its rule would then check nothing.
    pub(super) fn findings(&self) -> Result<Vec<String>> {
        let mut findings = Vec::new();
        for (package, allowed) in ALLOWED {
            if !self.0.contains_key(package) {
                return Err(Error::Check(format!("the workspace has no package {package}")));
            }
            let reached = self.reached(package);
            let is_without_grpc = WITHOUT_GRPC.contains(&package);
            let wrong = reached.iter().filter(|name| {
                (name.starts_with("lakeport-") && !allowed.contains(name)) || (is_without_grpc && is_grpc(name, '-'))
            });
            findings.extend(wrong.map(|name| format!("{package} depends on {name}")));
        }
        Ok(findings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    /// `edges` are (package, dependency, kind); the kind `null` is a normal dependency.
    fn findings(edges: &[(&str, &str, &str)]) -> Result<Vec<String>> {
        let others = ["lakeport-server", "middle", "tonic", "prost-types"];
        let names: Vec<&str> = ALLOWED.map(|(name, _)| name).into_iter().chain(others).collect();
        let packages: Vec<_> = names.iter().map(|name| serde_json::json!({"id": name, "name": name})).collect();
        let nodes: Vec<_> = names
            .iter()
            .map(|name| {
                let deps: Vec<_> = edges
                    .iter()
                    .filter(|edge| edge.0 == *name)
                    .map(|edge| serde_json::json!({"pkg": edge.1, "dep_kinds": [{"kind": serde_json::from_str::<serde_json::Value>(edge.2).unwrap()}]}))
                    .collect();
                serde_json::json!({"id": name, "deps": deps})
            })
            .collect();
        let metadata = serde_json::json!({"target_directory": "/", "packages": packages, "resolve": {"nodes": nodes}});
        let metadata: Metadata = serde_json::from_value(metadata).unwrap();
        Graph::of(&metadata).findings()
    }

    #[test]
    fn transitive_dependencies_are_found() {
        let found = findings(&[("lakeport-transactions", "middle", "null"), ("middle", "tonic", "null")]).unwrap();
        assert_eq!(found, ["lakeport-transactions depends on tonic"]);
    }

    #[test]
    fn crates_with_the_prefix_of_a_grpc_crate_count_as_grpc() {
        let found = findings(&[("lakeport-lakefs", "prost-types", "null")]).unwrap();
        assert_eq!(found, ["lakeport-lakefs depends on prost-types"]);
    }

    #[test]
    fn transactions_must_not_depend_on_lakefs() {
        let found = findings(&[("lakeport-transactions", "lakeport-lakefs", "null")]).unwrap();
        assert_eq!(found, ["lakeport-transactions depends on lakeport-lakefs"]);
    }

    #[test]
    fn clients_must_not_depend_on_the_server() {
        let found = findings(&[("lakeport-cli", "lakeport-server", "null")]).unwrap();
        assert_eq!(found, ["lakeport-cli depends on lakeport-server"]);
    }

    #[test]
    fn dev_dependencies_are_unrestricted() {
        assert!(findings(&[("lakeport-transactions", "tonic", "\"dev\"")]).unwrap().is_empty());
    }

    #[test]
    fn a_missing_package_is_an_error() {
        let empty = Metadata {
            target_directory: "/".into(),
            packages: Vec::new(),
            resolve: crate::cargo::Resolve { nodes: Vec::new() },
        };
        assert!(matches!(Graph::of(&empty).findings(), Err(Error::Check(_))));
    }
}
