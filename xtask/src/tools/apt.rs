//! Packages of Debian. They are installed for the whole system, so other sources are preferred.

use crate::error::Result;
use crate::run::Run;
use crate::workspace;

/// Installs `package` with apt-get.
///
/// # Errors
/// Fails if apt-get fails or does not exist.
pub(super) fn install(package: &str) -> Result<()> {
    let root = workspace::root()?;
    // A new machine has no package lists.
    Run::new("apt-get", &root).args("update --quiet").run()?;
    Run::new("apt-get", &root)
        .args("install --yes --no-install-recommends")
        .arg(package)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .run()
}

/// Returns whether the search path contains `program`.
pub(super) fn on_path(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|directory| directory.join(program).exists()))
}
