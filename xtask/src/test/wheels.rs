//! Builds the wheels of the client and the server and tests them in an empty environment.

use super::image;
use crate::error::{Error, Result};
use crate::run::Run;
use crate::{tools, workspace};

/// Builds both wheels and runs the tests of the installed packages.
pub(super) fn run() -> Result<()> {
    let (environment, root) = (tools::python_client()?, workspace::root()?);
    let wheels = tempfile::tempdir().map_err(Error::file(&std::env::temp_dir()))?;
    let package = root.join("client/python");
    Run::new(environment.join("bin/python"), &package)
        .args("-m pip --disable-pip-version-check wheel --quiet --no-deps --no-build-isolation --wheel-dir")
        .arg(wheels.path())
        .arg(".")
        .run()?;
    // The same settings as for the image, so that cargo reuses that build.
    let maturin = Run::new(environment.join("bin/maturin"), &package.join("server"));
    let build = maturin.args("build --release --quiet --target").arg(image::host()?);
    image::statically(build.arg("--out").arg(wheels.path())).run()?;
    Run::new(environment.join("bin/python"), &package)
        .args("-m pytest -q -p no:cacheprovider tests/installed.py")
        .env("LAKEPORT_TEST_WHEELS", wheels.path())
        .run()
}
