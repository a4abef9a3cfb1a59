//! The server under test, as a process in front of an origin or with an embedded lake.

use crate::Result;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running server.
pub(crate) struct Lakeport {
    child: Child,
    /// URL of its gRPC listener.
    pub(crate) url: String,
}

impl Lakeport {
    /// Starts a server that uses the lakeFS at `lakefs`.
    pub(crate) fn in_front_of(server: &Path, data_dir: &Path, lakefs: &str) -> Result<Self> {
        let account = ["--lakefs-access-key-id", "bench", "--lakefs-secret-access-key", "bench", "--auth", "service"];
        Self::start(Command::new(server).args(["--lakefs-url", lakefs]).args(account), data_dir)
    }

    /// Starts a server with an embedded lake.
    pub(crate) fn embedded(server: &Path, data_dir: &Path) -> Result<Self> {
        Self::start(&mut Command::new(server), data_dir)
    }

    fn start(command: &mut Command, data_dir: &Path) -> Result<Self> {
        let any = "127.0.0.1:0";
        let mut child = command
            .args(["--listen", any, "--admin-listen", any, "--log", "warn", "--data-dir"])
            .arg(data_dir)
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().ok_or("the server's standard output is not available")?;
        let line = BufReader::new(output).lines().map_while(std::io::Result::ok).find(|line| line.contains("gRPC"));
        let address = line.as_deref().and_then(|line| line.split_whitespace().nth(1)).map(str::to_owned);
        let address = address.ok_or("the server did not print its gRPC address")?;
        Ok(Self { child, url: format!("http://{address}") })
    }

    /// Returns the process ID.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Lakeport {
    fn drop(&mut self) {
        // Errors are ignored: the process may have exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
