//! The server as Windows' compiler sees it: what is for Windows alone is seen by no other check.

use crate::cargo::cargo;
use crate::error::{Error, Result};
use crate::run::Run;
use crate::workspace;

const TARGET: &str = "x86_64-pc-windows-gnu";

/// Clippy on the server, for Windows.
///
/// # Errors
/// What it found; that there is no MinGW, whose compiler builds what is C.
pub(crate) fn run() -> Result<()> {
    let root = workspace::root()?;
    Run::new("rustup", &root).args("target add").arg(TARGET).run()?;
    let compiler = Run::new("x86_64-w64-mingw32-gcc", &root).arg("--version").ask();
    compiler.map_err(|error| Error::Found(format!("{error} (on Debian: apt-get install gcc-mingw-w64-x86-64)")))?;
    cargo("clippy --locked -p lakeport-server --target")?.arg(TARGET).args("-- -D warnings").run()
}
