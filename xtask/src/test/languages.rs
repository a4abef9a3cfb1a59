//! Tests in other languages, which call a server with an embedded lake through generated code.

mod go;
mod server;
mod typescript;

use crate::cargo::metadata;
use crate::error::{Error, Result};
use go::Go;
use server::Server;
use std::path::Path;
use typescript::TypeScript;

/// Name of the environment variable with the address of the server.
const ADDRESS: &str = "LAKEPORT_TEST_ADDRESS";

/// Generates and checks the code of each language, then runs the tests against one server.
pub(super) fn run() -> Result<()> {
    let target = metadata()?.target_directory;
    let directory = target.join("languages");
    let go = Go::generate(&directory.join("go"))?;
    let typescript = TypeScript::generate(&directory.join("typescript"))?;
    go.check()?;
    typescript.check()?;
    let server = Server::start(&target)?;
    go.test(server.address())?;
    typescript.test(server.address())
}

/// Creates the empty directory `directory`. Deletes an old one.
fn create_empty(directory: &Path) -> Result<()> {
    if directory.exists() {
        std::fs::remove_dir_all(directory).map_err(Error::file(directory))?;
    }
    std::fs::create_dir_all(directory).map_err(Error::file(directory))
}
