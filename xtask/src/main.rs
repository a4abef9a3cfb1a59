//! `cargo xtask`: the commands of this project that need more than one cargo command. Each subcommand has its own file.

mod baseline;
mod bench;
mod cancellations;
mod cargo;
mod error;
mod faults;
mod generated;
mod mutants;
mod run;
mod templates;
mod test;
mod tools;
mod windows;
mod workspace;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Commands of the lakeport project.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run all checks, fast ones first; stop at the first failure.
    Test(test::Arguments),
    /// Measure speed and memory against nginx, in release builds.
    Bench(bench::Arguments),
    /// Run the fault injection tests for hours and check the responses of clients against the lake's history.
    Faults(faults::Arguments),
    /// Cancel thousands of calls with each client and check that they leave nothing behind.
    Cancellations(cancellations::Arguments),
    /// Regenerate the code of other languages from the protobuf files.
    Generate,
    /// Accept the current contract as the baseline that later changes must stay compatible with.
    Baseline,
    /// Break one rule of the transaction protocol at a time and check that a test fails.
    Mutants(mutants::Arguments),
    /// Run clippy on the server for Windows.
    Windows,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Test(arguments) => test::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Faults(arguments) => faults::run(&arguments),
        Command::Cancellations(arguments) => cancellations::run(&arguments),
        Command::Generate => generated::run(),
        Command::Baseline => baseline::run(),
        Command::Mutants(arguments) => mutants::run(&arguments),
        Command::Windows => windows::run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
