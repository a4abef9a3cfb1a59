//! The linters of each language, with warnings as errors.

use crate::cargo::cargo;
use crate::error::Result;
use crate::run::Run;
use crate::{tools, workspace};

/// Clippy on everything, tests too.
pub(super) fn clippy() -> Result<()> {
    cargo("clippy --workspace --all-targets --locked -- -D warnings")?.run()
}

/// Rustdoc, which finds links that lead nowhere.
pub(super) fn docs() -> Result<()> {
    cargo("doc --workspace --no-deps --locked")?.env("RUSTDOCFLAGS", "-Dwarnings").run()
}

/// Format, lints and types of the Python that there is.
pub(super) fn python() -> Result<()> {
    let (tools, root) = (tools::installed()?, workspace::root()?);
    let ruff = || Run::new(tools.ruff(), &root);
    ruff().args("format --check --no-cache --line-length 120 tests").run()?;
    ruff()
        .args("check --no-cache --line-length 120 --select A,B,C4,E,F,I,N,PL,RET,RUF,SIM,UP,W --ignore PLR2004 tests")
        .run()?;
    // The SDK has functions without types.
    Run::new(tools.mypy(), &root).args("--strict --allow-untyped-calls --cache-dir target/mypy tests").run()
}
