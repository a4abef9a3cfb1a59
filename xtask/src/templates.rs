//! Templates of buf, which generate code of other languages.

use crate::error::Result;
use crate::run::Run;
use crate::{tools, workspace};
use std::path::Path;

/// Generates the code of `language` into the directory `into`, with the plugins in the directory `plugins`.
///
/// # Errors
/// Fails if buf fails, for example because a plugin is missing.
pub(crate) fn generate(language: &str, plugins: &Path, into: &Path) -> Result<()> {
    Run::new(tools::installed()?.buf(), &workspace::root()?)
        .args("generate --template")
        .arg(format!("proto/gen/{language}.yaml"))
        .arg("--output")
        .arg(into)
        .search(plugins)?
        .run()
}
