//! PostgreSQL, which the tests run for themselves.

use crate::error::{Error, Result};
use crate::run::Run;
use crate::workspace;
use std::path::Path;

/// Where Debian has it.
const DEBIAN: &str = "/usr/lib/postgresql";

/// Installs PostgreSQL's programs where there are none, as the system does.
///
/// # Errors
/// `Found` where it cannot be installed.
pub(crate) fn ensure() -> Result<()> {
    let on_path = std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| folder.join("initdb").exists() && folder.join("pg_ctl").exists())
    });
    if on_path || Path::new(DEBIAN).exists() {
        return Ok(());
    }
    let root = workspace::root()?;
    let update = Run::new("apt-get", &root).args("update --quiet");
    let install = Run::new("apt-get", &root).args("install --yes --no-install-recommends postgresql");
    // A new machine has no list of packages.
    update.run().and_then(|()| install.env("DEBIAN_FRONTEND", "noninteractive").run()).map_err(|error| {
        Error::Found(format!(
            "the tests run a PostgreSQL of their own ({error}): install PostgreSQL, version 12 or newer"
        ))
    })
}
