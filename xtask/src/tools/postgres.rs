//! PostgreSQL, which the tests start themselves.

use super::apt;
use crate::error::{Error, Result};
use std::path::Path;

/// Installation directory on Debian.
const DEBIAN: &str = "/usr/lib/postgresql";

/// Installs PostgreSQL with apt-get if its programs do not exist.
///
/// # Errors
/// `Check` if the installation fails.
pub(crate) fn ensure() -> Result<()> {
    if Path::new(DEBIAN).exists() || (apt::on_path("initdb") && apt::on_path("pg_ctl")) {
        return Ok(());
    }
    apt::install("postgresql").map_err(|error| {
        Error::Check(format!(
            "cannot install PostgreSQL, which the tests need: {error}; install PostgreSQL 12 or newer"
        ))
    })
}
