//! Runs cargo and reads its metadata.

use crate::error::{Error, Result};
use crate::run::Run;
use crate::workspace;
use serde::Deserialize;
use std::path::PathBuf;

/// Returns the command `cargo <arguments>`, to run in the workspace root.
///
/// # Errors
/// The errors of `workspace::root`.
pub(crate) fn cargo(arguments: &str) -> Result<Run> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    Ok(Run::new(cargo, &workspace::root()?).args(arguments))
}

/// The parts of the output of `cargo metadata` that xtask uses.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    /// Cargo's target directory.
    pub(crate) target_directory: PathBuf,
    /// All packages of the dependency graph.
    pub(crate) packages: Vec<Package>,
    /// The resolved dependency graph.
    pub(crate) resolve: Resolve,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    /// ID, as `Node` and `Dependency` refer to it.
    pub(crate) id: String,
    pub(crate) name: String,
}

/// The resolved dependency graph.
#[derive(Debug, Deserialize)]
pub(crate) struct Resolve {
    /// One node for each package.
    pub(crate) nodes: Vec<Node>,
}

/// A package with its direct dependencies.
#[derive(Debug, Deserialize)]
pub(crate) struct Node {
    /// ID of the package.
    pub(crate) id: String,
    pub(crate) deps: Vec<Dependency>,
}

/// A direct dependency.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    /// ID of the package that is depended on.
    pub(crate) pkg: String,
    pub(crate) dep_kinds: Vec<DependencyKind>,
}

/// Kind of a dependency: normal, development or build.
#[derive(Debug, Deserialize)]
pub(crate) struct DependencyKind {
    /// `dev` or `build`; `None` for a normal dependency.
    pub(crate) kind: Option<String>,
}

/// Returns the metadata of this workspace, with the dependencies of all platforms.
///
/// # Errors
/// Fails if cargo fails; `Json` if its output cannot be parsed.
pub(crate) fn metadata() -> Result<Metadata> {
    let output = cargo("metadata --locked --format-version 1")?.read()?;
    serde_json::from_str(&output).map_err(|source| Error::Json { what: "cargo metadata", source })
}
