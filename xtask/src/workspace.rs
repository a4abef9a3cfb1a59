//! The workspace: where it is, and which files are its own.

use crate::error::{Error, Result};
use crate::run::Run;
use std::path::PathBuf;

/// The root of the workspace that xtask was started in.
///
/// # Errors
/// `Found` if xtask was not started by cargo.
pub(crate) fn root() -> Result<PathBuf> {
    // Asked at run time: a binary that is found in a shared target folder may have been built in another checkout.
    let package = std::env::var_os("CARGO_MANIFEST_DIR")
        .ok_or_else(|| Error::Found("start it by cargo: `cargo xtask`".to_owned()))?;
    let package = PathBuf::from(package);
    let root = package.ancestors().nth(1).ok_or_else(|| Error::Found("xtask is not at xtask".to_owned()))?;
    Ok(root.to_owned())
}

/// The files that are in git or could be, by their paths from the root; ignored files are not among them.
///
/// # Errors
/// As git's.
pub(crate) fn files() -> Result<Vec<PathBuf>> {
    let root = root()?;
    let listed = Run::new("git", &root).args("ls-files -z --cached --others --exclude-standard").read()?;
    let files = listed.split('\0').filter(|path| !path.is_empty()).map(PathBuf::from);
    // What is deleted but not committed yet is still listed.
    Ok(files.filter(|path| root.join(path).exists()).collect())
}
