//! `cargo xtask test`: all checks of the project. Most steps have their own file.

pub(crate) mod clients;
mod contract;
mod deny;
mod generate;
pub(crate) mod go;
mod image;
mod layers;
mod lint;
mod manifests;
mod process;
pub(crate) mod python_client;
mod rust_client;
mod server;
mod together;
pub(crate) mod typescript;
mod wheels;
mod workspace_tests;

use crate::cargo::cargo;
use crate::error::{Error, Result};
use crate::mutants;
use crate::tools;
use clap::builder::PossibleValuesParser;
use std::time::Instant;

/// One check. Its output goes directly to the terminal.
struct Step {
    name: &'static str,
    checks: &'static str,
    run: fn() -> Result<()>,
}

/// The steps in execution order. Fast steps come first, so that simple mistakes are reported within a second.
const STEPS: [Step; 20] = [
    Step { name: "format", checks: "Rust code is formatted", run: format },
    Step { name: "tools", checks: "pinned tools are installed", run: install },
    Step {
        name: "contract",
        checks: "protobuf files pass lint and format checks and are compatible with the baseline",
        run: contract::run,
    },
    Step { name: "generate", checks: "code of other languages is generated", run: generate::run },
    Step { name: "layers", checks: "crates have only allowed dependencies", run: layers::run },
    Step { name: "mutations", checks: "each mutation still applies to the code", run: mutants::check_applicable },
    Step { name: "clippy", checks: "Rust code has no clippy warnings", run: lint::clippy },
    Step { name: "docs", checks: "Rust documentation builds without warnings", run: lint::docs },
    Step {
        name: "python",
        checks: "Python code of the tests is formatted and passes lint and type checks",
        run: lint::python,
    },
    Step { name: "deny", checks: "licenses, duplicates and sources of dependencies are allowed", run: deny::run },
    Step { name: "tests", checks: "Rust tests pass", run: workspace_tests::run },
    Step { name: "rust-client", checks: "Rust client passes the scenarios of all clients", run: rust_client::run },
    Step { name: "python-client", checks: "Python client passes its checks and tests", run: python_client::run },
    Step { name: "go", checks: "Go client passes its checks, its tests and the scenarios", run: go::run },
    Step {
        name: "typescript",
        checks: "TypeScript client passes its checks, its tests and the scenarios",
        run: typescript::run,
    },
    Step { name: "together", checks: "one transaction passes through four languages", run: together::run },
    Step { name: "clients", checks: "each client ran all scenarios", run: clients::run },
    Step { name: "manifests", checks: "deployment manifests are valid", run: manifests::run },
    Step { name: "image", checks: "static binary starts and stops as in its image", run: image::run },
    Step { name: "wheels", checks: "Python wheels install and work on their own", run: wheels::run },
];

/// Selects the steps to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Run only this step; can be repeated.
    #[arg(long, value_name = "STEP", value_parser = PossibleValuesParser::new(STEPS.iter().map(|step| step.name)))]
    only: Vec<String>,
    /// Leave this step out; can be repeated. For machines that lack a language.
    #[arg(long, value_name = "STEP", value_parser = PossibleValuesParser::new(STEPS.iter().map(|step| step.name)))]
    skip: Vec<String>,
    /// List the steps without running them.
    #[arg(long)]
    list: bool,
}

impl Arguments {
    fn chosen(&self) -> Vec<&'static Step> {
        let is_chosen = |name: &str| self.only.is_empty() || self.only.iter().any(|only| only == name);
        let is_skipped = |name: &str| self.skip.iter().any(|skip| skip == name);
        STEPS.iter().filter(|step| is_chosen(step.name) && !is_skipped(step.name)).collect()
    }
}

/// Runs the selected steps in execution order until one fails.
///
/// # Errors
/// `Check` with the name and the error of the step that failed.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if arguments.list {
        STEPS.iter().for_each(|step| println!("{:<13} {}", step.name, step.checks));
        return Ok(());
    }
    let steps = arguments.chosen();
    for (passed, step) in steps.iter().enumerate() {
        if let Err(error) = run_step(step) {
            println!("\n{passed} passed, 1 failed");
            return Err(Error::Check(format!("step `{}` failed: {error}", step.name)));
        }
    }
    println!("\n{} passed, 0 failed", steps.len());
    Ok(())
}

fn run_step(step: &Step) -> Result<()> {
    println!("\n==> {}: {}", step.name, step.checks);
    let started = Instant::now();
    let result = (step.run)();
    let verdict = if result.is_ok() { "ok" } else { "FAILED" };
    println!("<== {}: {verdict} in {:.1} s", step.name, started.elapsed().as_secs_f64());
    result
}

fn format() -> Result<()> {
    cargo("fmt --all --check")?.run()
}

fn install() -> Result<()> {
    let tools = tools::installed()?;
    println!("in {}", tools.directory.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selected_steps_run_in_the_declared_order() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let chosen = |only: &[&str], skip: &[&str]| {
            let arguments = Arguments { only: names(only), skip: names(skip), list: false };
            arguments.chosen().iter().map(|step| step.name).collect::<Vec<_>>()
        };
        assert_eq!(chosen(&["layers", "format"], &[]), ["format", "layers"]);
        assert_eq!(chosen(&["layers", "format"], &["layers"]), ["format"]);
        assert_eq!(chosen(&[], &["go"]).len(), STEPS.len() - 1);
    }

    #[test]
    fn step_names_are_unique() {
        let mut names: Vec<_> = STEPS.iter().map(|step| step.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), STEPS.len());
    }
}
