//! The server under test, as a process before an origin or with a lake of its own.

use crate::Result;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running server.
pub(crate) struct Lakeport {
    child: Child,
    /// Where it answers.
    pub(crate) url: String,
}

impl Lakeport {
    /// Before a lakeFS.
    pub(crate) fn before(server: &Path, data_dir: &Path, lakefs: &str) -> Result<Self> {
        let account = ["--lakefs-access-key-id", "bench", "--lakefs-secret-access-key", "bench", "--auth", "service"];
        Self::start(Command::new(server).args(["--lakefs-url", lakefs]).args(account), data_dir)
    }

    /// With a lake of its own.
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
        let output = child.stdout.take().ok_or("the server has no output")?;
        let line = BufReader::new(output).lines().map_while(std::io::Result::ok).find(|line| line.contains("gRPC"));
        let address = line.as_deref().and_then(|line| line.split_whitespace().nth(1)).map(str::to_owned);
        let address = address.ok_or("the server did not say where it listens")?;
        Ok(Self { child, url: format!("http://{address}") })
    }

    /// The process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Lakeport {
    fn drop(&mut self) {
        // A process that is gone already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
