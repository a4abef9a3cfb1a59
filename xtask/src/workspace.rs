//! Root directory and files of the workspace.

use crate::error::{Error, Result};
use crate::run::Run;
use std::path::PathBuf;

/// Returns the root of the workspace in which xtask was started.
///
/// # Errors
/// `Check` if xtask was not started by cargo.
pub(crate) fn root() -> Result<PathBuf> {
    // Read at run time: with a shared target directory, this binary may have been built in another checkout.
    let package = std::env::var_os("CARGO_MANIFEST_DIR")
        .ok_or_else(|| Error::Check("CARGO_MANIFEST_DIR is not set: start xtask with `cargo xtask`".to_owned()))?;
    let package = PathBuf::from(package);
    let root = package
        .ancestors()
        .nth(1)
        .ok_or_else(|| Error::Check("the directory of xtask has no parent directory".to_owned()))?;
    Ok(root.to_owned())
}

/// Returns all tracked and untracked files, relative to the root, without ignored files.
///
/// # Errors
/// Fails if git fails.
pub(crate) fn files() -> Result<Vec<PathBuf>> {
    let root = root()?;
    let listed = Run::new("git", &root).args("ls-files -z --cached --others --exclude-standard").read()?;
    let files = listed.split('\0').filter(|path| !path.is_empty()).map(PathBuf::from);
    // git still lists files that are deleted in the working tree.
    Ok(files.filter(|path| root.join(path).exists()).collect())
}
