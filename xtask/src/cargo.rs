//! Cargo as xtask calls it.

use crate::error::{Error, Result};
use crate::run::Run;
use crate::workspace;
use serde::Deserialize;
use std::path::PathBuf;

/// `cargo <arguments>` in the workspace.
///
/// # Errors
/// As `workspace::root`.
pub(crate) fn cargo(arguments: &str) -> Result<Run> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    Ok(Run::new(cargo, &workspace::root()?).args(arguments))
}

/// What `cargo metadata` says, as far as xtask asks.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    /// Where cargo builds.
    pub(crate) target_directory: PathBuf,
    /// Every package of the tree.
    pub(crate) packages: Vec<Package>,
    /// Who depends on whom.
    pub(crate) resolve: Resolve,
}

/// One package.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    /// What `Node` calls it.
    pub(crate) id: String,
    /// What people call it.
    pub(crate) name: String,
}

/// Who depends on whom.
#[derive(Debug, Deserialize)]
pub(crate) struct Resolve {
    /// One for each package.
    pub(crate) nodes: Vec<Node>,
}

/// What one package depends on.
#[derive(Debug, Deserialize)]
pub(crate) struct Node {
    /// The package's.
    pub(crate) id: String,
    /// Its direct dependencies.
    pub(crate) deps: Vec<Dependency>,
}

/// A direct dependency.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    /// The package's ID.
    pub(crate) pkg: String,
    /// What it is needed for.
    pub(crate) dep_kinds: Vec<DependencyKind>,
}

/// What a dependency is needed for.
#[derive(Debug, Deserialize)]
pub(crate) struct DependencyKind {
    /// `dev` or `build`; nothing for a normal one.
    pub(crate) kind: Option<String>,
}

/// Asks cargo for the tree of this workspace, for every platform.
///
/// # Errors
/// As cargo's; `Json` if its answer has another shape.
pub(crate) fn metadata() -> Result<Metadata> {
    let answer = cargo("metadata --locked --format-version 1")?.read()?;
    serde_json::from_str(&answer).map_err(|source| Error::Json { what: "cargo metadata", source })
}
