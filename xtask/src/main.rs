//! `cargo xtask`: what is more than one cargo command. A subcommand is a file.

mod bench;
mod cargo;
mod error;
mod faults;
mod mutants;
mod run;
mod stubs;
mod test;
mod tools;
mod windows;
mod workspace;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// The project's own commands.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run every check of the project, cheap ones first; stop at the first that fails.
    Test(test::Arguments),
    /// Measure speed and memory against nginx, in release builds.
    Bench(bench::Arguments),
    /// Do damage for hours, and hold what clients were told against what the lake says.
    Faults(faults::Arguments),
    /// Make the generated code of other languages anew, from the contract.
    Stubs,
    /// Leave out one rule of the protocol after the other, and show that a test notices each.
    Mutants(mutants::Arguments),
    /// Lint the server as it is built for Windows.
    Windows,
}

fn main() -> ExitCode {
    let ended = match Arguments::parse().command {
        Command::Test(arguments) => test::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Faults(arguments) => faults::run(&arguments),
        Command::Stubs => stubs::run(),
        Command::Mutants(arguments) => mutants::run(&arguments),
        Command::Windows => windows::run(),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
