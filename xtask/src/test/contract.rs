//! Checks that the protobuf files pass lint, are formatted, and stay compatible with the baseline.

use crate::error::Result;
use crate::run::Run;
use crate::{baseline, tools, workspace};

/// Runs `buf lint`, `buf format` and `buf breaking`.
pub(super) fn run() -> Result<()> {
    let (buf, root) = (tools::installed()?.buf(), workspace::root()?);
    Run::new(&buf, &root).arg("lint").run()?;
    // Not in third_party, whose files are copies.
    Run::new(&buf, &root).args("format proto --diff --exit-code").run()?;
    baseline::check()
}
