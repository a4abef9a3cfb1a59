//! The server that the tests of all languages call.

use crate::cargo::{cargo, metadata};
use crate::error::{Error, Result};
use crate::test::process::Process;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Maximum time until the server listens, on a busy machine.
const START: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

/// A running server. Dropping it kills the process and deletes its data.
pub(super) struct Server {
    address: String,
    // Dropped in this order.
    _process: Process,
    _directory: TempDir,
}

impl Server {
    /// Builds the server and starts it on a free port. Pages of `web_origin` may call it.
    pub(super) fn start(web_origin: Option<&str>) -> Result<Self> {
        // With the features that lakeport-tests enables, cargo reuses the packages that it built for the Rust tests.
        cargo("build --locked -p lakeport-server -p lakeport-tests --bin lakeport-server")?.run()?;
        let directory = tempfile::tempdir().map_err(Error::file(&std::env::temp_dir()))?;
        let address_file = directory.path().join("address");
        let mut process = Process::start(
            Command::new(metadata()?.target_directory.join("debug/lakeport-server"))
                // Without settings of the server, which the environment may contain.
                .env_clear()
                .args(["--listen", "127.0.0.1:0", "--admin-listen", "off", "--log", "warn", "--address-file"])
                .arg(&address_file)
                .arg("--data-dir")
                .arg(directory.path().join("data"))
                .args(web_origin.iter().flat_map(|origin| ["--web-origin", origin])),
        )?;
        let address = wait(&address_file, &mut process)?;
        Ok(Self { address, _process: process, _directory: directory })
    }

    /// Returns the address on which the server listens.
    pub(super) fn address(&self) -> &str {
        &self.address
    }
}

/// Waits until the server has written its address to `file`. The server creates the file with its content.
fn wait(file: &Path, process: &mut Process) -> Result<String> {
    let started = Instant::now();
    while !file.exists() {
        process.check_running()?;
        if started.elapsed() > START {
            return Err(Error::Check(format!("the server does not listen after {} s", START.as_secs())));
        }
        sleep(POLL);
    }
    let address = std::fs::read_to_string(file).map_err(Error::file(file))?;
    Ok(address.trim_end().to_owned())
}
