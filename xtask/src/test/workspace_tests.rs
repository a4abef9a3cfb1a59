//! Runs the Rust tests: unit, conformance and end-to-end tests.

use crate::cargo::cargo;
use crate::error::Result;
use crate::tools;

/// Runs all tests of the workspace. Environment variables name the tools that the tests call.
pub(super) fn run() -> Result<()> {
    let tools = tools::installed()?;
    tools::postgres::ensure()?;
    cargo("test --workspace --locked")?
        .env("LAKEPORT_TEST_GRPCURL", tools.grpcurl())
        .env("LAKEPORT_TEST_PYTHON", tools.python())
        .run()
}
