//! Checks the dependencies against the rules in `deny.toml`.

use crate::cargo::cargo;
use crate::error::Result;
use crate::run::Run;
use crate::{tools, workspace};

/// Checks licenses, duplicates and sources. Advisories are not checked: their database is a git repository, and this check
/// must also pass on machines that can reach only package registries.
pub(super) fn run() -> Result<()> {
    let tools = tools::installed()?;
    // In offline mode, cargo-deny needs the sources for all platforms, including those that are not built here.
    cargo("fetch --locked --quiet")?.run()?;
    Run::new(tools.cargo_deny(), &workspace::root()?)
        .args("--offline check --hide-inclusion-graph licenses bans sources")
        .run()
}
