//! `cargo xtask test`: all checks of the project. Most steps have their own file.

mod clients;
mod contract;
mod deny;
mod generate;
mod image;
mod languages;
mod layers;
mod lint;
mod manifests;
mod process;
mod python_client;
mod rust_client;
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
const STEPS: [Step; 18] = [
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
    Step { name: "clients", checks: "each client ran all scenarios", run: clients::run },
    Step { name: "languages", checks: "generated code of other languages works with a server", run: languages::run },
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
    /// List the steps without running them.
    #[arg(long)]
    list: bool,
}

impl Arguments {
    fn chosen(&self) -> Vec<&'static Step> {
        let all = self.only.is_empty();
        STEPS.iter().filter(|step| all || self.only.iter().any(|name| name == step.name)).collect()
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
        let arguments = Arguments { only: vec!["layers".to_owned(), "format".to_owned()], list: false };
        let names: Vec<_> = arguments.chosen().iter().map(|step| step.name).collect();
        assert_eq!(names, ["format", "layers"]);
    }

    #[test]
    fn step_names_are_unique() {
        let mut names: Vec<_> = STEPS.iter().map(|step| step.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), STEPS.len());
    }
}
