//! One transaction in four languages.

use crate::cargo::cargo;
use crate::error::Result;
use crate::test::typescript;
use crate::tools::{self, chromium};
use crate::workspace;

/// Builds the programs, and runs the test.
pub(super) fn run() -> Result<()> {
    typescript::build()?;
    cargo("test --locked -p lakeport-tests --test together")?
        .env("LAKEPORT_TEST_PYTHON", tools::python_client()?.join("bin/python"))
        .env("PYTHONPATH", workspace::root()?.join("client/python/src"))
        .env("LAKEPORT_TEST_WEB_ORIGIN", typescript::free_origin()?)
        .env("LAKEPORT_TEST_CHROMIUM", chromium::installed()?)
        .run()
}
