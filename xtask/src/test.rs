//! `cargo xtask test`: every check of the project. A step is a file.

mod contract;
mod deny;
mod image;
mod layers;
mod lint;
mod manifests;
mod python_client;
mod wheels;
mod workspace_tests;

use crate::cargo::cargo;
use crate::error::{Error, Result};
use crate::mutants;
use crate::tools;
use clap::builder::PossibleValuesParser;
use std::time::Instant;

/// One check. What it prints is seen as it comes.
struct Step {
    name: &'static str,
    what: &'static str,
    run: fn() -> Result<()>,
}

/// The steps in their order: cheap ones first, so that a slip is told within a second.
const STEPS: [Step; 14] = [
    Step { name: "format", what: "Rust is formatted", run: format },
    Step { name: "tools", what: "pinned tools are installed", run: install },
    Step { name: "contract", what: "the contract is clean and breaks nobody", run: contract::run },
    Step { name: "layers", what: "dependencies point one way", run: layers::run },
    Step { name: "mutations", what: "what the tests have to notice still applies", run: mutants::still_apply },
    Step { name: "clippy", what: "no lint of Rust", run: lint::clippy },
    Step { name: "docs", what: "the documentation of Rust builds", run: lint::docs },
    Step { name: "python", what: "no lint of Python, and its types agree", run: lint::python },
    Step { name: "deny", what: "licenses, duplicates and sources of dependencies", run: deny::run },
    Step { name: "tests", what: "cargo's tests", run: workspace_tests::run },
    Step { name: "python-client", what: "the Python client does what it says", run: python_client::run },
    Step { name: "manifests", what: "what is deployed is valid", run: manifests::run },
    Step { name: "image", what: "the static binary runs as in its image", run: image::run },
    Step { name: "wheels", what: "the wheels of Python install and work alone", run: wheels::run },
];

/// What `cargo xtask test` can be told.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Run only this step; may be given more than once.
    #[arg(long, value_name = "STEP", value_parser = PossibleValuesParser::new(STEPS.iter().map(|step| step.name)))]
    only: Vec<String>,
    /// Name the steps and run none.
    #[arg(long)]
    list: bool,
}

impl Arguments {
    fn chosen(&self) -> Vec<&'static Step> {
        let all = self.only.is_empty();
        STEPS.iter().filter(|step| all || self.only.iter().any(|name| name == step.name)).collect()
    }
}

/// Runs the steps that are asked for, in their order, until one fails.
///
/// # Errors
/// What the failing step said, with the step's name.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if arguments.list {
        STEPS.iter().for_each(|step| println!("{:<13} {}", step.name, step.what));
        return Ok(());
    }
    let steps = arguments.chosen();
    for (passed, step) in steps.iter().enumerate() {
        if let Err(error) = take(step) {
            println!("\n{passed} passed, 1 failed");
            return Err(Error::Found(format!("step `{}` failed: {error}", step.name)));
        }
    }
    println!("\n{} passed, 0 failed", steps.len());
    Ok(())
}

fn take(step: &Step) -> Result<()> {
    println!("\n==> {}: {}", step.name, step.what);
    let started = Instant::now();
    let ended = (step.run)();
    let verdict = if ended.is_ok() { "ok" } else { "FAILED" };
    println!("<== {}: {verdict} in {:.1} s", step.name, started.elapsed().as_secs_f64());
    ended
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
    fn what_is_asked_for_runs_in_the_order_of_the_steps() {
        let arguments = Arguments { only: vec!["layers".to_owned(), "format".to_owned()], list: false };
        let names: Vec<_> = arguments.chosen().iter().map(|step| step.name).collect();
        assert_eq!(names, ["format", "layers"]);
    }

    #[test]
    fn every_step_has_its_own_name() {
        let mut names: Vec<_> = STEPS.iter().map(|step| step.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), STEPS.len());
    }
}
