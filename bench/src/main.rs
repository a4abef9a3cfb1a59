//! Benchmarks of the server, as ratios to nginx and to direct HTTP in the same run, and of the clients of all languages, as ratios to
//! the Rust client in the same run.
//!
//! Rounds are interleaved: every round runs each variant of a scenario once. A reported ratio is the median of the per-round
//! ratios. CPU time is that of the process between origin and client, as the kernel counts it. `docs/performance.md` lists
//! and explains the figures.

mod delay;
mod http;
mod job;
mod languages;
mod origin;
mod peer;
mod process;
mod scenarios;
mod table;
mod worker;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Result<T> = std::result::Result<T, BoxError>;

/// Measure a release build of the server, and the clients.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Program {
    #[command(flatten)]
    arguments: Option<Arguments>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run jobs with the Rust client: the scenario `clients` starts this.
    #[command(hide = true)]
    Worker(worker::Arguments),
}

/// What to measure.
#[derive(Debug, clap::Args)]
struct Arguments {
    /// The server binary to measure.
    #[arg(long)]
    server: PathBuf,
    /// The number of measured rounds, after one warm-up round.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Size of the large object, in MiB.
    #[arg(long, default_value_t = 1024)]
    mebibytes: u64,
    /// Run only scenarios whose name contains this text. The scenario `clients` runs only if this selects it.
    #[arg(long, default_value = "")]
    only: String,
    #[command(flatten)]
    clients: languages::Arguments,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Program::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(program: Program) -> Result<()> {
    match (program.command, program.arguments) {
        (Some(Command::Worker(arguments)), _) => worker::run(&arguments).await,
        (None, Some(arguments)) => scenarios::run(&arguments).await,
        (None, None) => Err("name the server binary with --server".into()),
    }
}
