//! `cargo xtask cancellations`: cancels thousands of calls with each client, and checks that they leave nothing behind.

use crate::cargo::{cargo, metadata};
use crate::error::Result;
use crate::run::Run;
use crate::test::clients::Fixture;
use crate::test::{go, python_client, typescript};
use crate::tools::plugins;
use crate::{tools, workspace};
use clap::ValueEnum;

/// The scenarios, which begin with the same word.
const SCENARIOS: [&str; 2] = ["cancelled_reads_leave_nothing_behind", "cancelled_writes_leave_nothing_behind"];

/// Size of the run. With the defaults, each client takes up to ten minutes on two cores.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Number of reads to cancel, and of writes.
    #[arg(long, default_value_t = 10_000)]
    calls: u32,
    /// The clients. Default: all.
    languages: Vec<Language>,
}

/// A client.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Language {
    Rust,
    Python,
    Go,
    Typescript,
}

/// Runs the scenarios with each client, and shows what each process uses before and after.
///
/// # Errors
/// A client holds a resource of a cancelled call, or does not work after all of them.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let chosen = if arguments.languages.is_empty() { Language::value_variants() } else { &arguments.languages };
    let fixture = Fixture::build()?;
    let results = tempfile::NamedTempFile::new().map_err(crate::error::Error::file(&std::env::temp_dir()))?;
    for language in chosen {
        let runner = language.runner()?.env("LAKEPORT_TEST_CANCELLATIONS", arguments.calls.to_string());
        fixture.configure(runner, results.path()).run()?;
    }
    Ok(())
}

impl Language {
    /// Returns the command that runs the scenarios.
    fn runner(self) -> Result<Run> {
        Ok(match self {
            Self::Rust => SCENARIOS.iter().fold(cargo("test --locked -p lakeport-tests --test clients --")?, Run::arg),
            Self::Python => {
                let package = workspace::root()?.join("client/python");
                let environment = tools::python_client()?;
                let installed = python_client::install(&environment, &package, &metadata()?.target_directory)?;
                Run::new(environment.join("bin/python"), &package)
                    .args("-m pytest -q -s -p no:cacheprovider tests/test_scenarios.py -k")
                    .arg(SCENARIOS.join(" or "))
                    .env("PYTHONPATH", installed)
            }
            Self::Go => {
                go::go(&workspace::root()?.join("client/go/scenarios"), "test -count=1 -v -parallel 1 -timeout 1h")
                    .arg("-run")
                    .arg(format!("TestScenarios/^({})$", SCENARIOS.join("|")))
            }
            Self::Typescript => {
                typescript::build()?;
                Run::new("node", &plugins::typescript_package()?)
                    .arg("--test-name-pattern")
                    .arg(format!("^({})$", SCENARIOS.join("|")))
                    .arg("out/tests/scenarios.test.js")
            }
        })
    }
}
