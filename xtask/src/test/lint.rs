//! Linters for Rust and Python. Warnings are errors.

use crate::cargo::cargo;
use crate::error::Result;
use crate::run::Run;
use crate::{tools, workspace};

/// Runs clippy on all targets, including tests.
pub(super) fn clippy() -> Result<()> {
    cargo("clippy --workspace --all-targets --locked -- -D warnings")?.run()
}

/// Runs rustdoc, which detects broken links.
pub(super) fn docs() -> Result<()> {
    cargo("doc --workspace --no-deps --locked")?.env("RUSTDOCFLAGS", "-Dwarnings").run()
}

/// Checks format, lint and types of the Python files in `tests`.
pub(super) fn python() -> Result<()> {
    let (tools, root) = (tools::installed()?, workspace::root()?);
    let ruff = || Run::new(tools.ruff(), &root);
    ruff().args("format --check --no-cache --line-length 120 tests").run()?;
    ruff()
        .args("check --no-cache --line-length 120 --select A,B,C4,E,F,I,N,PL,RET,RUF,SIM,UP,W --ignore PLR2004 tests")
        .run()?;
    // The lakeFS SDK has functions without type annotations.
    Run::new(tools.mypy(), &root).args("--strict --allow-untyped-calls --cache-dir target/mypy tests").run()
}
