//! Checks generated code, format, lint and types of the Python client, and runs its tests, which start a server.

use crate::cargo::metadata;
use crate::error::{Error, Result};
use crate::run::Run;
use crate::test::clients::{self, Fixture};
use crate::{generated, tools, workspace};
use std::path::Path;

/// Runs all checks of the Python client.
pub(super) fn run() -> Result<()> {
    generated::PYTHON.check()?;
    let (environment, root) = (tools::python_client()?, workspace::root()?);
    let package = root.join("client/python");
    let tool = |name: &str| Run::new(environment.join("bin").join(name), &package);
    tool("ruff")
        .args("format --config pyproject.toml --check --no-cache src tests bench ../../docs/examples/python")
        .run()?;
    tool("ruff").args("check --config pyproject.toml --no-cache src tests bench ../../docs/examples/python").run()?;
    let built = metadata()?.target_directory;
    tool("mypy").arg("--cache-dir").arg(built.join("mypy-client")).run()?;
    // Also check the types of code that runs only on Windows, because no test here runs it.
    tool("mypy").args("--platform win32 --cache-dir").arg(built.join("mypy-client-windows")).arg("src").run()?;
    tool("basedpyright").arg("--pythonpath").arg(environment.join("bin/python")).run()?;
    let fixture = Fixture::build()?;
    let installed = install(&environment, &package, &built)?;
    let tests = tool("python")
        .args("-m pytest -q -p no:cacheprovider --durations=10")
        .env("PYTHONPATH", &installed)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("LAKEPORT_TEST_SERVER", built.join("debug/server-with-faults"))
        .env("LAKEPORT_TEST_LAKE", built.join("debug/counted-lake"));
    fixture.configure(tests, &clients::empty_results("python")?).run()
}

/// Installs the package with pip into a directory of this checkout.
pub(crate) fn install(environment: &Path, package: &Path, built: &Path) -> Result<std::path::PathBuf> {
    let into = built.join("python-client");
    if into.exists() {
        std::fs::remove_dir_all(&into).map_err(Error::file(&into))?;
    }
    Run::new(environment.join("bin/python"), package)
        .args("-m pip --disable-pip-version-check install --quiet --no-deps --no-build-isolation --target")
        .arg(&into)
        .arg(".")
        .run()?;
    Ok(into)
}
