//! Cargo's tests: unit tests, conformance, end to end.

use crate::cargo::cargo;
use crate::error::Result;
use crate::tools;

/// All tests of the workspace. They are told where the tools are that they call.
pub(super) fn run() -> Result<()> {
    let tools = tools::installed()?;
    tools::postgres::ensure()?;
    cargo("test --workspace --locked")?
        .env("LAKEPORT_TEST_GRPCURL", tools.grpcurl())
        .env("LAKEPORT_TEST_PYTHON", tools.python())
        .run()
}
