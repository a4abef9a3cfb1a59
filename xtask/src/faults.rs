//! `cargo xtask faults`: the tests that do damage, for as long as it takes to believe them.

use crate::cargo::cargo;
use crate::error::{Error, Result};
use crate::run::Run;
use crate::tools;

/// How much of it. The defaults take some two hours on two cores.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Deaths of a server under eight writers.
    #[arg(long, default_value_t = 2000)]
    kills: u32,
    /// Transactions of each of the 32 who commit into one base.
    #[arg(long, default_value_t = 200)]
    transactions: u32,
    /// Uploads that are cut at a random byte.
    #[arg(long, default_value_t = 20_000)]
    uploads: u32,
    /// Reads of a lakeFS that lies.
    #[arg(long, default_value_t = 20_000)]
    reads: u32,
    /// Repeats a run: the number that it printed.
    #[arg(long)]
    seed: Option<u64>,
    /// Only tests whose names contain this.
    only: Option<String>,
}

/// Runs them one after the other, and shows what they count.
///
/// # Errors
/// When one fails.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    tools::postgres::ensure()?;
    if let Some(only) = &arguments.only {
        let listed = cargo("test --workspace --locked --test faults")?.arg("--").arg("--list").arg(only).read()?;
        if !listed.lines().any(|line| line.ends_with(": test")) {
            return Err(Error::Found(format!("no test of the faults has {only:?} in its name")));
        }
    }
    let test = cargo("test --workspace --locked --test faults")?
        .env("LAKEPORT_FAULT_KILLS", arguments.kills.to_string())
        .env("LAKEPORT_FAULT_TRANSACTIONS", arguments.transactions.to_string())
        .env("LAKEPORT_FAULT_UPLOADS", arguments.uploads.to_string())
        .env("LAKEPORT_FAULT_READS", arguments.reads.to_string());
    let test = arguments.seed.iter().fold(test, |test, seed| test.env("LAKEPORT_FAULT_SEED", seed.to_string()));
    let test = test.args("-- --nocapture --test-threads 1");
    arguments.only.iter().fold(test, Run::arg).run()
}
