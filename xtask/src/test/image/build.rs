//! Builds the static binary.

use crate::cargo::{self, cargo};
use crate::error::{Error, Result};
use crate::run::Run;
use crate::workspace;
use std::path::PathBuf;

const PACKAGE: &str = "lakeport-server";

/// No library is loaded, not even to look for a source of random numbers: the kernel is asked. `deploy/image/Containerfile` has the
/// same flags.
pub(in crate::test) const STATIC: &str = "-C target-feature=+crt-static --cfg getrandom_backend=\"linux_getrandom\"";

/// Builds the server with no library left to load, and tells where it is.
pub(super) fn server() -> Result<PathBuf> {
    let target = host()?;
    // With a target of its own name the flags reach neither build scripts nor the folder of other builds.
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

/// The triple of this machine.
pub(in crate::test) fn host() -> Result<String> {
    let version = Run::new("rustc", &workspace::root()?).arg("-vV").read()?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| Error::Found("rustc does not tell its host".to_owned()))
}
