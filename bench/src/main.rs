//! What the server costs, as ratios against nginx and against direct HTTP in the same run.
//!
//! Rounds are interleaved: each way of a scenario runs once in every round, and a ratio is the median of the rounds' own ratios. CPU is
//! that of the process between origin and client, from the kernel's clock. `docs/performance.md` has the figures and says what
//! they mean.

mod http;
mod origin;
mod peer;
mod process;
mod scenarios;
mod table;

use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;

/// Any error.
type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// The result of anything here.
type Result<T> = std::result::Result<T, BoxError>;

/// Measures a release build of the server.
#[derive(Debug, Parser)]
struct Arguments {
    /// The server to measure.
    #[arg(long)]
    server: PathBuf,
    /// Rounds behind one to warm up; medians are of these.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Bytes of the large object, in MiB.
    #[arg(long, default_value_t = 1024)]
    mebibytes: u64,
    /// Only scenarios whose name contains this.
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
