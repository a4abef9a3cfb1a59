//! `lakeport completion`.

use crate::failure::{Failure, Result};
use clap::CommandFactory as _;
use clap_complete::Shell;
use std::io::Write as _;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Shell to complete commands in
    shell: Shell,
}

/// Prints the completion script.
pub(super) fn run(args: &Args) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::Cli::command(), "lakeport", &mut script);
    std::io::stdout().write_all(&script).map_err(Failure::output)
}
