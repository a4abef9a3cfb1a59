//! The baseline: a committed image of the contract that clients were built against. Changes must stay compatible with it.

use crate::error::Result;
use crate::run::Run;
use crate::{tools, workspace};

/// Path of the image, relative to the root of the workspace.
const IMAGE: &str = "proto/baseline.binpb";

/// Writes the image of the current contract, which accepts all of its changes.
///
/// # Errors
/// Fails if the contract does not compile.
pub(crate) fn run() -> Result<()> {
    Run::new(tools::installed()?.buf(), &workspace::root()?)
        // Breaking changes are not in comments, and line numbers would change the image with each edit.
        .args("build proto --exclude-source-info --output")
        .arg(IMAGE)
        .run()
}

/// Checks that the current contract is compatible with the image.
///
/// # Errors
/// Fails if buf finds an incompatible change.
pub(crate) fn check() -> Result<()> {
    Run::new(tools::installed()?.buf(), &workspace::root()?).args("breaking proto --against").arg(IMAGE).run()
}
