//! Builds the static server binary.

use crate::cargo::{self, cargo};
use crate::error::{Error, Result};
use crate::run::Run;
use crate::workspace;
use std::path::PathBuf;

const PACKAGE: &str = "lakeport-server";

/// Compiler flags for a binary that loads no libraries: it is static and gets random numbers from the kernel directly.
/// `deploy/image/Containerfile` has the same flags.
const STATIC: &str = "-C target-feature=+crt-static --cfg getrandom_backend=\"linux_getrandom\"";

/// Sets the environment of a build of a static binary. The optimizations of a release would take minutes, and do not change what these
/// tests check.
pub(in crate::test) fn statically(build: Run) -> Run {
    build
        .env("RUSTFLAGS", STATIC)
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
}

/// Builds the static server binary and returns its path.
pub(super) fn server() -> Result<PathBuf> {
    let target = host()?;
    // With an explicit target, the flags do not apply to build scripts, and the build does not share a directory with other
    // builds.
    let build = cargo("build --release --locked --package")?.arg(PACKAGE).args("--bin").arg(PACKAGE);
    statically(build.args("--target").arg(&target)).run()?;
    Ok(cargo::metadata()?.target_directory.join(target).join("release").join(PACKAGE))
}

/// Returns the target triple of this machine.
pub(in crate::test) fn host() -> Result<String> {
    let version = Run::new("rustc", &workspace::root()?).arg("-vV").read()?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| Error::Check("`rustc -vV` does not print its host".to_owned()))
}
