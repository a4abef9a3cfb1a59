//! The tests in Go.

use super::{ADDRESS, create_empty};
use crate::error::{Error, Result, fail_on_findings};
use crate::run::Run;
use crate::tools::plugins;
use crate::{templates, workspace};
use std::path::{Path, PathBuf};

/// Module of the generated code: the prefix of the contract's `go_package` that the template removes.
const MODULE: &str = "module github.com/lakeport/lakeport/client/go\n\ngo 1.26.0\n";

/// The tests, with generated code.
pub(super) struct Go {
    /// Module of the tests.
    tests: PathBuf,
    /// Workspace file that adds the module of the generated code.
    workspace: PathBuf,
}

impl Go {
    /// Generates the code into `directory`.
    pub(super) fn generate(directory: &Path) -> Result<Self> {
        create_empty(directory)?;
        let generated = directory.join("generated");
        templates::generate("go", &plugins::go()?, &generated)?;
        let module = generated.join("go.mod");
        std::fs::write(&module, MODULE).map_err(Error::file(&module))?;
        let (tests, workspace) = (workspace::root()?.join("tests/languages/go"), directory.join("go.work"));
        let text = format!("go 1.26.0\n\nuse (\n\t./generated\n\t{tests:?}\n)\n");
        std::fs::write(&workspace, text).map_err(Error::file(&workspace))?;
        Ok(Self { tests, workspace })
    }

    /// Runs gofmt and `go vet`.
    pub(super) fn check(&self) -> Result<()> {
        let unformatted = Run::new("gofmt", &self.tests).args("-l .").read().map_err(Error::hint(plugins::GO))?;
        let findings = unformatted.lines().map(|file| format!("tests/languages/go/{file}: run gofmt -w"));
        fail_on_findings(&findings.collect::<Vec<_>>())?;
        self.go("vet ./...").run().map_err(Error::hint(plugins::GO))
    }

    /// Runs the tests against the server at `address`.
    pub(super) fn test(&self, address: &str) -> Result<()> {
        // A cached result would be of another server.
        self.go("test -count=1 ./...").env(ADDRESS, address).run()
    }

    fn go(&self, arguments: &str) -> Run {
        Run::new("go", &self.tests).args(arguments).env("GOWORK", &self.workspace)
    }
}
