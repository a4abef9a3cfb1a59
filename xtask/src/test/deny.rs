//! What the tree of dependencies may contain; `deny.toml` says it.

use crate::cargo::cargo;
use crate::error::Result;
use crate::run::Run;
use crate::{tools, workspace};

/// Checks licenses, duplicates and sources. Advisories are left out: they are a database in a git repository, and this must pass
/// where only package registries can be reached.
pub(super) fn run() -> Result<()> {
    let tools = tools::installed()?;
    // Offline, it needs the sources for all platforms, also those that are not built here.
    cargo("fetch --locked --quiet")?.run()?;
    Run::new(tools.cargo_deny(), &workspace::root()?)
        .args("--offline check --hide-inclusion-graph licenses bans sources")
        .run()
}
