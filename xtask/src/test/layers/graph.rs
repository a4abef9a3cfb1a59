//! Which crates a crate depends on.

use super::is_wire;
use crate::cargo::Metadata;
use crate::error::{Error, Result};
use std::collections::{BTreeSet, HashMap};

/// Crates below the server, with the crates of the workspace that they may depend on.
const ONE_WAY: [(&str, &[&str]); 7] = [
    ("lakeport-types", &[]),
    ("lakeport-transactions", &["lakeport-types"]),
    ("lakeport-lakefs", &["lakeport-types"]),
    ("lakeport-embedded", &["lakeport-types"]),
    ("lakeport-proto", &[]),
    ("lakeport-client", &["lakeport-proto"]),
    ("lakeport-cli", &["lakeport-client", "lakeport-proto"]),
];
/// Those that name no gRPC.
const WIRELESS: [&str; 4] = ["lakeport-types", "lakeport-transactions", "lakeport-lakefs", "lakeport-embedded"];

/// Normal dependencies, by names of packages.
pub(super) struct Graph<'a>(HashMap<&'a str, Vec<&'a str>>);

impl<'a> Graph<'a> {
    pub(super) fn of(metadata: &'a Metadata) -> Self {
        let names: HashMap<_, _> =
            metadata.packages.iter().map(|package| (&package.id, package.name.as_str())).collect();
        let name = |id: &String| names.get(id).copied().unwrap_or_default();
        let mut direct: HashMap<_, Vec<_>> = HashMap::new();
        for node in &metadata.resolve.nodes {
            // Two versions of a package are one entry: neither may be depended on.
            let normal =
                node.deps.iter().filter(|dependency| dependency.dep_kinds.iter().any(|kind| kind.kind.is_none()));
            direct.entry(name(&node.id)).or_default().extend(normal.map(|dependency| name(&dependency.pkg)));
        }
        Self(direct)
    }

    /// What `package` depends on, however far.
    fn reached(&self, package: &'a str) -> BTreeSet<&'a str> {
        let mut reached = BTreeSet::new();
        let mut next = vec![package];
        while let Some(package) = next.pop() {
            let direct = self.0.get(package).into_iter().flatten();
            next.extend(direct.filter(|dependency| reached.insert(**dependency)));
        }
        reached
    }

    /// Each dependency that should not be.
    ///
    /// # Errors
    /// `Found` if one of the crates is gone: a check that finds nothing to check has not passed.
    pub(super) fn findings(&self) -> Result<Vec<String>> {
        let mut findings = Vec::new();
        for (package, allowed) in ONE_WAY {
            if !self.0.contains_key(package) {
                return Err(Error::Found(format!("there is no package {package}")));
            }
            let reached = self.reached(package);
            let is_wireless = WIRELESS.contains(&package);
            let wrong = reached.iter().filter(|name| {
                (name.starts_with("lakeport-") && !allowed.contains(name)) || (is_wireless && is_wire(name, '-'))
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

    /// `edges`: who, on whom, what for (`null` is a normal dependency).
    fn findings(edges: &[(&str, &str, &str)]) -> Result<Vec<String>> {
        let others = ["lakeport-server", "middle", "tonic", "prost-types"];
        let names: Vec<&str> = ONE_WAY.map(|(name, _)| name).into_iter().chain(others).collect();
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
    fn a_dependency_is_found_however_far_it_is() {
        let found = findings(&[("lakeport-transactions", "middle", "null"), ("middle", "tonic", "null")]).unwrap();
        assert_eq!(found, ["lakeport-transactions depends on tonic"]);
    }

    #[test]
    fn relatives_of_the_wire_count_as_the_wire() {
        let found = findings(&[("lakeport-lakefs", "prost-types", "null")]).unwrap();
        assert_eq!(found, ["lakeport-lakefs depends on prost-types"]);
    }

    #[test]
    fn session_and_lakefs_do_not_meet() {
        let found = findings(&[("lakeport-transactions", "lakeport-lakefs", "null")]).unwrap();
        assert_eq!(found, ["lakeport-transactions depends on lakeport-lakefs"]);
    }

    #[test]
    fn no_client_depends_on_the_server() {
        let found = findings(&[("lakeport-cli", "lakeport-server", "null")]).unwrap();
        assert_eq!(found, ["lakeport-cli depends on lakeport-server"]);
    }

    #[test]
    fn tests_may_depend_on_anything() {
        assert!(findings(&[("lakeport-transactions", "tonic", "\"dev\"")]).unwrap().is_empty());
    }

    #[test]
    fn nothing_to_check_is_an_error() {
        let empty = Metadata {
            target_directory: "/".into(),
            packages: Vec::new(),
            resolve: crate::cargo::Resolve { nodes: Vec::new() },
        };
        assert!(matches!(Graph::of(&empty).findings(), Err(Error::Found(_))));
    }
}
