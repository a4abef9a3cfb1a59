//! The generated code of other languages: made from the contract, checked in, and compared by the tests.

use crate::error::{Error, Result};
use crate::run::Run;
use crate::{tools, workspace};
use std::path::{Path, PathBuf};

/// Where Python's is, and where its files are below the folder that is generated into.
const PYTHON: &str = "client/python/src";
const PACKAGE: &str = "lakeport/v1";

/// Makes it anew, in its place.
///
/// # Errors
/// When a tool fails.
pub(crate) fn run() -> Result<()> {
    generate(&workspace::root()?.join(PYTHON))
}

/// Makes it anew, elsewhere, and compares.
///
/// # Errors
/// When what is checked in is not what is made.
pub(crate) fn are_as_generated() -> Result<()> {
    let made = tempfile::tempdir().map_err(Error::file(&std::env::temp_dir()))?;
    generate(made.path())?;
    let kept = workspace::root()?.join(PYTHON).join(PACKAGE);
    let compared = Run::new("diff", made.path())
        .args("--recursive --brief --exclude=__pycache__")
        .arg(made.path().join(PACKAGE))
        .arg(&kept)
        .run();
    compared.map_err(|_| Error::Found(format!("{} is not of this contract: cargo xtask stubs", kept.display())))
}

/// An old compiler on purpose: generated code refuses a runtime that is older than itself.
fn generate(into: &Path) -> Result<()> {
    let proto = workspace::root()?.join("proto");
    let python = tools::python_client()?;
    let plugins = std::env::join_paths([python.join("bin"), PathBuf::from("/usr/bin"), PathBuf::from("/bin")]);
    let plugins = plugins.map_err(|error| Error::Found(error.to_string()))?;
    let mut protoc =
        Run::new(python.join("bin/python"), &proto).env("PATH", plugins).args("-m grpc_tools.protoc -I. -Ithird_party");
    for kind in ["python", "pyi", "grpc_python", "mypy_grpc"] {
        protoc = protoc.arg(format!("--{kind}_out={}", into.display()));
    }
    ["errors", "files", "transactions", "versions"]
        .iter()
        .fold(protoc, |protoc, file| protoc.arg(format!("{PACKAGE}/{file}.proto")))
        .run()
}
