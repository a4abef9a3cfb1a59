//! Checks and tests the Go client, its adapters and its runner of the scenarios.

use crate::error::{Error, Result, fail_on_findings};
use crate::run::Run;
use crate::test::clients::{self, Fixture};
use crate::test::server::Server;
use crate::tools::plugins;
use crate::{generated, workspace};
use std::path::{Path, PathBuf};

/// The modules.
const MODULES: [&str; 3] = ["client/go", "client/go/lakeportblob", "client/go/scenarios"];

/// Runs all checks of the Go client.
pub(super) fn run() -> Result<()> {
    generated::GO.check()?;
    let root = workspace::root()?;
    let modules = MODULES.map(|module| root.join(module));
    for module in &modules {
        check(module)?;
    }
    let (server, fixture) = (Server::start(None)?, Fixture::build()?);
    let results = clients::empty_results("go")?;
    for module in &modules {
        // A cached result would be of another server.
        let tests = go(module, "test -race -count=1 ./...").env("LAKEPORT_TEST_ADDRESS", server.address());
        fixture.configure(tests, &results).run()?;
    }
    Ok(())
}

/// Checks the format, the code and the list of dependencies of a module.
fn check(module: &Path) -> Result<()> {
    let unformatted = Run::new("gofmt", module).args("-l .").read().map_err(Error::hint(plugins::GO))?;
    let findings = unformatted.lines().map(|file| format!("{}: run gofmt -w", module.join(file).display()));
    fail_on_findings(&findings.collect::<Vec<_>>())?;
    go(module, "vet ./...").run()?;
    Run::new(staticcheck()?, module).arg("./...").run()?;
    go(module, "mod tidy -diff").run()
}

/// Returns a go command in a module.
pub(crate) fn go(module: &Path, arguments: &str) -> Run {
    Run::new("go", module).args(arguments).env("GOWORK", "off")
}

fn staticcheck() -> Result<PathBuf> {
    Ok(plugins::go()?.join("staticcheck"))
}
