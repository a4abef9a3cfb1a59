//! Builds the static server binary.

use crate::cargo::{self, cargo};
use crate::error::{Error, Result};
use crate::run::Run;
use crate::workspace;
use std::path::PathBuf;

const PACKAGE: &str = "lakeport-server";

/// Compiler flags for a binary that loads no libraries: it is static and gets random numbers from the kernel directly.
/// `deploy/image/Containerfile` has the same flags.
pub(in crate::test) const STATIC: &str = "-C target-feature=+crt-static --cfg getrandom_backend=\"linux_getrandom\"";

/// Builds the static server binary and returns its path.
pub(super) fn server() -> Result<PathBuf> {
    let target = host()?;
    // With an explicit target, the flags do not apply to build scripts, and the build does not share a directory with other
    // builds.
    cargo("build --release --locked --package")?
        .arg(PACKAGE)
        .args("--bin")
        .arg(PACKAGE)
        .args("--target")
        .arg(&target)
        .env("RUSTFLAGS", STATIC)
        .run()?;
    Ok(cargo::metadata()?.target_directory.join(target).join("release").join(PACKAGE))
}

/// Returns the target triple of this machine.
pub(in crate::test) fn host() -> Result<String> {
    let version = Run::new("rustc", &workspace::root()?).arg("-vV").read()?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| Error::Check("`rustc -vV` does not print its host".to_owned()))
}
