//! Generated code that is checked in: the tests check that it is up to date.

use crate::error::{Error, Result};
use crate::run::Run;
use crate::tools::plugins;
use crate::{templates, tools, workspace};
use std::path::{Path, PathBuf};

/// Generated code of one language.
pub(crate) struct Generated {
    /// Folder of the code, which contains no other files.
    folder: &'static str,
    /// Generates the code into a directory, as a subfolder with the last name of `folder`.
    generate: fn(&Path) -> Result<()>,
}

pub(crate) const PYTHON: Generated = Generated { folder: "client/python/src/lakeport/v1", generate: python };
pub(crate) const GO: Generated = Generated { folder: "client/go/lakeportv1", generate: go };
pub(crate) const TYPESCRIPT: Generated = Generated { folder: "client/typescript/src/gen", generate: typescript };

/// Files of the Python package `lakeport.v1`, without extension.
const PYTHON_FILES: [&str; 5] = ["changes", "errors", "files", "transactions", "versions"];

/// Regenerates all code in place.
///
/// # Errors
/// Fails if a tool fails.
pub(crate) fn run() -> Result<()> {
    [PYTHON, GO, TYPESCRIPT].iter().try_for_each(Generated::replace)
}

impl Generated {
    fn replace(&self) -> Result<()> {
        let folder = workspace::root()?.join(self.folder);
        let fresh = self.fresh()?;
        if folder.exists() {
            std::fs::remove_dir_all(&folder).map_err(Error::file(&folder))?;
        }
        let copied = Run::new("cp", fresh.path()).arg("--recursive").arg(self.name()).arg(&folder);
        copied.run()
    }

    /// Generates the code into a temporary directory and compares it with the checked-in code.
    ///
    /// # Errors
    /// `Check` if the checked-in code differs from the generated code.
    pub(crate) fn check(&self) -> Result<()> {
        let fresh = self.fresh()?;
        let compared = Run::new("diff", fresh.path())
            .args("--recursive --brief --exclude=__pycache__")
            .arg(self.name())
            .arg(workspace::root()?.join(self.folder));
        compared.run().map_err(|_| Error::Check(format!("{} is out of date: run `cargo xtask generate`", self.folder)))
    }

    /// Generates the code into a temporary directory.
    fn fresh(&self) -> Result<tempfile::TempDir> {
        let directory = tempfile::tempdir().map_err(Error::file(&std::env::temp_dir()))?;
        (self.generate)(directory.path())?;
        Ok(directory)
    }

    /// Returns the name of the folder.
    fn name(&self) -> &str {
        self.folder.rsplit('/').next().unwrap_or(self.folder)
    }
}

fn go(into: &Path) -> Result<()> {
    templates::generate("go", &plugins::go()?, into)
}

fn typescript(into: &Path) -> Result<()> {
    templates::generate("typescript", &plugins::typescript()?, &into.join("gen"))
}

/// The compiler is an old version on purpose: generated code does not run with a protobuf runtime that is older than the compiler.
fn python(into: &Path) -> Result<()> {
    let proto = workspace::root()?.join("proto");
    let python = tools::python_client()?;
    let plugins = std::env::join_paths([python.join("bin"), PathBuf::from("/usr/bin"), PathBuf::from("/bin")]);
    let plugins = plugins.map_err(|error| Error::Check(error.to_string()))?;
    let source = tempfile::tempdir().map_err(Error::file(&std::env::temp_dir()))?;
    let mut protoc = Run::new(python.join("bin/python"), &proto)
        .env("PATH", plugins)
        .args("-m grpc_tools.protoc -I. -I../third_party/googleapis");
    for kind in ["python", "pyi", "grpc_python", "mypy_grpc"] {
        protoc = protoc.arg(format!("--{kind}_out={}", source.path().display()));
    }
    PYTHON_FILES.iter().fold(protoc, |protoc, file| protoc.arg(format!("lakeport/v1/{file}.proto"))).run()?;
    let package = source.path().join("lakeport/v1");
    Run::new("cp", into).arg("--recursive").arg(package).arg("v1").run()
}
