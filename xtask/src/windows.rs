//! Lints the server for Windows, because no other check compiles the code that is only for Windows.

use crate::cargo::cargo;
use crate::error::{Error, Result};
use crate::run::Run;
use crate::workspace;

const TARGET: &str = "x86_64-pc-windows-gnu";

/// Runs clippy on the server for the Windows target.
///
/// # Errors
/// Fails if clippy reports a warning, or if MinGW is missing. Dependencies with C code need MinGW's compiler.
pub(crate) fn run() -> Result<()> {
    let root = workspace::root()?;
    Run::new("rustup", &root).args("target add").arg(TARGET).run()?;
    let compiler = Run::new("x86_64-w64-mingw32-gcc", &root).arg("--version").try_read();
    compiler.map_err(|error| Error::Check(format!("{error} (on Debian: apt-get install gcc-mingw-w64-x86-64)")))?;
    cargo("clippy --locked -p lakeport-server --target")?.arg(TARGET).args("-- -D warnings").run()
}
