//! Generated code of other languages. It is generated from the protobuf files and checked in; the tests check that it is up
//! to date.

use crate::error::{Error, Result};
use crate::run::Run;
use crate::{tools, workspace};
use std::path::{Path, PathBuf};

/// Output directory of the Python code.
const PYTHON: &str = "client/python/src";
/// Subdirectory of the generated files in the output directory, and of the protobuf files in `proto`.
const PACKAGE: &str = "lakeport/v1";

/// Regenerates the code in place.
///
/// # Errors
/// Fails if a tool fails.
pub(crate) fn run() -> Result<()> {
    generate(&workspace::root()?.join(PYTHON))
}

/// Generates the code into a temporary directory and compares it with the checked-in code.
///
/// # Errors
/// `Check` if the checked-in code differs from the generated code.
pub(crate) fn check_up_to_date() -> Result<()> {
    let generated = tempfile::tempdir().map_err(Error::file(&std::env::temp_dir()))?;
    generate(generated.path())?;
    let checked_in = workspace::root()?.join(PYTHON).join(PACKAGE);
    let compared = Run::new("diff", generated.path())
        .args("--recursive --brief --exclude=__pycache__")
        .arg(generated.path().join(PACKAGE))
        .arg(&checked_in)
        .run();
    compared.map_err(|_| Error::Check(format!("{} is out of date: run `cargo xtask stubs`", checked_in.display())))
}

/// Generates the Python code into `into`. The compiler is an old version on purpose: generated code does not run with a
/// protobuf runtime that is older than the compiler.
fn generate(into: &Path) -> Result<()> {
    let proto = workspace::root()?.join("proto");
    let python = tools::python_client()?;
    let plugins = std::env::join_paths([python.join("bin"), PathBuf::from("/usr/bin"), PathBuf::from("/bin")]);
    let plugins = plugins.map_err(|error| Error::Check(error.to_string()))?;
    let mut protoc = Run::new(python.join("bin/python"), &proto)
        .env("PATH", plugins)
        .args("-m grpc_tools.protoc -I. -I../third_party/googleapis");
    for kind in ["python", "pyi", "grpc_python", "mypy_grpc"] {
        protoc = protoc.arg(format!("--{kind}_out={}", into.display()));
    }
    ["changes", "errors", "files", "transactions", "versions"]
        .iter()
        .fold(protoc, |protoc, file| protoc.arg(format!("{PACKAGE}/{file}.proto")))
        .run()
}
