//! `cargo xtask bench`: builds the server and the benchmarks in release mode and runs the benchmarks.

use crate::cargo::{cargo, metadata};
use crate::error::Result;
use crate::run::Run;
use crate::workspace;

/// Arguments that are passed on to the benchmarks.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Arguments for the benchmarks: --rounds N, --mebibytes N, --only NAME; for --only clients also --languages, --job, --go, --node
    /// and --python.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Builds the server and the benchmarks in release mode, then runs the benchmarks.
///
/// # Errors
/// Fails if a build or the benchmarks fail.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    cargo("build --release --locked -p lakeport-server -p lakeport-bench")?.run()?;
    let built = metadata()?.target_directory.join("release");
    let bench =
        Run::new(built.join("lakeport-bench"), &workspace::root()?).arg("--server").arg(built.join("lakeport-server"));
    arguments.rest.iter().fold(bench, Run::arg).run()
}
