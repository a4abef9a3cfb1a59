//! Runs commands in bash, in a temporary directory.

use lakeport_server::listen::Address;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::timeout;

/// Server address in the documents.
const SHOWN_ADDRESS: &str = "localhost:50051";
/// Timeout of a command, far longer than any command takes. A command that hangs is reported by name.
const LIMIT: Duration = Duration::from_secs(120);

/// Result of a command.
pub(crate) struct CommandOutput {
    pub(crate) succeeded: bool,
    /// Standard output, then standard error.
    pub(crate) printed: String,
}

/// Environment in which commands run.
pub(crate) struct Shell {
    address: Address,
    work: PathBuf,
    /// Value of `PATH`. It starts with the directory that contains lakeport and the configured grpcurl.
    path: OsString,
}

impl Shell {
    pub(crate) async fn new(dir: &Path, address: &Address) -> Self {
        let (bin, work) = (dir.join("bin"), dir.join("work"));
        std::fs::create_dir(&bin).unwrap();
        std::fs::create_dir(&work).unwrap();
        if let Some(grpcurl) = std::env::var_os("LAKEPORT_TEST_GRPCURL") {
            let grpcurl = std::path::absolute(grpcurl).unwrap();
            assert!(grpcurl.exists(), "LAKEPORT_TEST_GRPCURL names {}, which does not exist", grpcurl.display());
            std::os::unix::fs::symlink(grpcurl, bin.join("grpcurl")).unwrap();
        }
        std::os::unix::fs::symlink(lakeport_tests::cli::lakeport(), bin.join("lakeport")).unwrap();
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths([bin].into_iter().chain(std::env::split_paths(&inherited))).unwrap();
        let shell = Self { address: address.clone(), work, path };
        let version = shell.run("grpcurl -version").await;
        let advice = "set LAKEPORT_TEST_GRPCURL, put grpcurl on PATH, or run `cargo xtask test`, which installs it";
        assert!(version.succeeded, "cannot run grpcurl: {advice}\n{}", version.printed);
        shell
    }

    pub(crate) async fn run(&self, command: &str) -> CommandOutput {
        let running = Command::new("bash")
            .args(["-euo", "pipefail", "-c", &command.replace(SHOWN_ADDRESS, &self.address.to_string())])
            .current_dir(&self.work)
            .env("PATH", &self.path)
            .env("HOME", &self.work)
            .env("LAKEPORT_ENDPOINT", self.address.endpoint())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let Ok(output) = timeout(LIMIT, running).await else {
            panic!("the command does not end within {LIMIT:?}:\n{command}")
        };
        let output = output.expect("cannot run bash, which the commands need");
        let printed = [output.stdout, output.stderr].concat();
        CommandOutput { succeeded: output.status.success(), printed: String::from_utf8_lossy(&printed).into_owned() }
    }
}
