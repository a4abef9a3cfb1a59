//! PostgreSQL, which the tests start themselves.

use crate::error::{Error, Result};
use crate::run::Run;
use crate::workspace;
use std::path::Path;

/// Installation directory on Debian.
const DEBIAN: &str = "/usr/lib/postgresql";

/// Installs PostgreSQL with apt-get if its programs do not exist.
///
/// # Errors
/// `Check` if the installation fails.
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
    // A new machine has no package lists.
    update.run().and_then(|()| install.env("DEBIAN_FRONTEND", "noninteractive").run()).map_err(|error| {
        Error::Check(format!(
            "cannot install PostgreSQL, which the tests need: {error}; install PostgreSQL 12 or newer"
        ))
    })
}
