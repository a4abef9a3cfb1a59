//! The tests in TypeScript.

use super::{ADDRESS, create_empty};
use crate::error::{Error, Result};
use crate::run::Run;
use crate::tools::plugins;
use crate::{templates, workspace};
use std::path::{Path, PathBuf};

/// Files of the package that are compiled or that say how.
const PACKAGE: [&str; 2] = ["package.json", "tsconfig.json"];

/// The tests, with generated code.
pub(super) struct TypeScript {
    /// Package of the tests.
    tests: PathBuf,
    /// Copy of the package with the generated code and a link to its dependencies.
    copy: PathBuf,
    /// Directory of the dependencies.
    node_modules: PathBuf,
}

impl TypeScript {
    /// Copies the tests into `directory` and generates the code there.
    pub(super) fn generate(directory: &Path) -> Result<Self> {
        create_empty(directory)?;
        let (tests, copy) = (workspace::root()?.join("tests/languages/typescript"), directory.to_owned());
        PACKAGE.into_iter().try_for_each(|file| copy_file(&tests.join(file), &copy.join(file)))?;
        copy_directory(&tests.join("src"), &copy.join("src"))?;
        templates::generate("typescript", &plugins::typescript()?, &copy.join("src/gen"))?;
        let (node_modules, link) = (plugins::node_modules()?, copy.join("node_modules"));
        std::os::unix::fs::symlink(&node_modules, &link).map_err(Error::file(&link))?;
        Ok(Self { tests, copy, node_modules })
    }

    /// Runs prettier, and compiles with all checks of types.
    pub(super) fn check(&self) -> Result<()> {
        let tool = |name: &str, directory: &Path| Run::new(self.node_modules.join(".bin").join(name), directory);
        tool("prettier", &self.tests).args("--check .").run()?;
        tool("tsc", &self.copy).run()
    }

    /// Runs the compiled tests against the server at `address`.
    pub(super) fn test(&self, address: &str) -> Result<()> {
        Run::new("node", &self.copy.join("out")).args("--test --test-reporter spec").env(ADDRESS, address).run()
    }
}

/// Copies the files of a directory without subdirectories.
fn copy_directory(from: &Path, to: &Path) -> Result<()> {
    create_empty(to)?;
    for entry in std::fs::read_dir(from).map_err(Error::file(from))? {
        let path = entry.map_err(Error::file(from))?.path();
        copy_file(&path, &to.join(path.file_name().unwrap_or_default()))?;
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> Result<()> {
    std::fs::copy(from, to).map(drop).map_err(Error::file(from))
}
