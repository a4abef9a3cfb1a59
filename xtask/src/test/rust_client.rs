//! Runs the scenarios of the clients with the Rust client.

use crate::cargo::cargo;
use crate::error::Result;
use crate::test::clients;

/// Runs all scenarios.
pub(super) fn run() -> Result<()> {
    let results = clients::empty_results("rust")?;
    cargo("test --locked -p lakeport-tests --test clients")?.env("LAKEPORT_TEST_RESULTS", results).run()
}
