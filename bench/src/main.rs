//! Benchmarks of the server, as ratios to nginx and to direct HTTP in the same run.
//!
//! Rounds are interleaved: every round runs each variant of a scenario once. A reported ratio is the median of the per-round
//! ratios. CPU time is that of the process between origin and client, as the kernel counts it. `docs/performance.md` lists
//! and explains the figures.

mod http;
mod origin;
mod peer;
mod process;
mod scenarios;
mod table;

use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Result<T> = std::result::Result<T, BoxError>;

/// Measure a release build of the server.
#[derive(Debug, Parser)]
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
    /// Run only scenarios whose name contains this text.
    #[arg(long, default_value = "")]
    only: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    match scenarios::run(&Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}
