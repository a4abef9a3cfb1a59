//! `cargo xtask faults`: long runs of the fault injection tests.

use crate::cargo::cargo;
use crate::error::{Error, Result};
use crate::run::Run;
use crate::tools;

/// Size of the run. The defaults take about two hours on two cores.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Number of times to kill a server that has eight writers.
    #[arg(long, default_value_t = 2000)]
    kills: u32,
    /// Transactions of each of the 32 clients that commit to one base branch.
    #[arg(long, default_value_t = 200)]
    transactions: u32,
    /// Number of uploads to cut off at a random byte.
    #[arg(long, default_value_t = 20_000)]
    uploads: u32,
    /// Number of reads through a proxy that corrupts lakeFS's responses.
    #[arg(long, default_value_t = 20_000)]
    reads: u32,
    /// Size of the file that is uploaded in parts while its server and its client are killed, in MiB.
    #[arg(long, default_value_t = 2048)]
    upload_mib: u32,
    /// Time for which 32 callers commit while one of two replicas is killed every second, in seconds.
    #[arg(long, default_value_t = 120)]
    wait_seconds: u32,
    /// Repeat a run with the seed that it printed.
    #[arg(long)]
    seed: Option<u64>,
    /// Run only tests whose names contain this text.
    only: Option<String>,
}

/// Runs the fault tests one after the other and shows their output.
///
/// # Errors
/// Fails if a test fails, or if no test name contains `only`.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    tools::postgres::ensure()?;
    if let Some(only) = &arguments.only {
        let listed = cargo("test --workspace --locked --test faults")?.arg("--").arg("--list").arg(only).read()?;
        if !listed.lines().any(|line| line.ends_with(": test")) {
            return Err(Error::Check(format!("no fault test has {only:?} in its name")));
        }
    }
    let test = cargo("test --workspace --locked --test faults")?
        .env("LAKEPORT_FAULT_KILLS", arguments.kills.to_string())
        .env("LAKEPORT_FAULT_TRANSACTIONS", arguments.transactions.to_string())
        .env("LAKEPORT_FAULT_UPLOADS", arguments.uploads.to_string())
        .env("LAKEPORT_FAULT_READS", arguments.reads.to_string())
        .env("LAKEPORT_FAULT_UPLOAD_MIB", arguments.upload_mib.to_string())
        .env("LAKEPORT_FAULT_WAIT_SECONDS", arguments.wait_seconds.to_string());
    let test = arguments.seed.iter().fold(test, |test, seed| test.env("LAKEPORT_FAULT_SEED", seed.to_string()));
    let test = test.args("-- --nocapture --test-threads 1");
    arguments.only.iter().fold(test, Run::arg).run()
}
