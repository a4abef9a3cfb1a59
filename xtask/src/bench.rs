//! `cargo xtask bench`: builds the server and the bench in release, and runs the one against the other.

use crate::cargo::{cargo, metadata};
use crate::error::Result;
use crate::run::Run;
use crate::workspace;

/// What to hand on to the bench.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Arguments of the bench: --rounds N, --mebibytes N, --only NAME.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Measures.
///
/// # Errors
/// When something does not build, or the bench fails.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    cargo("build --release --locked -p lakeport-server -p lakeport-bench")?.run()?;
    let built = metadata()?.target_directory.join("release");
    let bench =
        Run::new(built.join("lakeport-bench"), &workspace::root()?).arg("--server").arg(built.join("lakeport-server"));
    arguments.rest.iter().fold(bench, Run::arg).run()
}
