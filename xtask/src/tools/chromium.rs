//! The browser of the tests: Debian's package of Chromium.

use super::apt;
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

/// Where Debian's package has the browser.
const PROGRAM: &str = "/usr/bin/chromium";

/// Installs the browser if it is missing.
///
/// # Errors
/// `Check` if it cannot be installed.
pub(crate) fn installed() -> Result<PathBuf> {
    if !Path::new(PROGRAM).exists() {
        apt::install("chromium")
            .map_err(|error| Error::Check(format!("cannot install Chromium: {error}; install {PROGRAM}")))?;
    }
    Ok(PathBuf::from(PROGRAM))
}
