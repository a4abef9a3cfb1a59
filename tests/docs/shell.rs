//! Runs commands as a person would, in bash, in a folder of their own.

use lakeport_server::listen::Address;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::timeout;

/// Where the document says that the server is.
const SHOWN_ADDRESS: &str = "localhost:50051";
/// Far above what any of them needs: one that hangs shall be named.
const LIMIT: Duration = Duration::from_secs(120);

/// What a command did.
pub(crate) struct Ran {
    pub(crate) succeeded: bool,
    /// Its output, then its errors.
    pub(crate) printed: String,
}

/// Where commands run.
pub(crate) struct Shell {
    address: Address,
    work: PathBuf,
    /// With the grpcurl that is asked for first.
    path: OsString,
}

impl Shell {
    pub(crate) async fn new(dir: &Path, address: &Address) -> Self {
        let (bin, work) = (dir.join("bin"), dir.join("work"));
        std::fs::create_dir(&bin).unwrap();
        std::fs::create_dir(&work).unwrap();
        if let Some(grpcurl) = std::env::var_os("LAKEPORT_TEST_GRPCURL") {
            let grpcurl = std::path::absolute(grpcurl).unwrap();
            assert!(grpcurl.exists(), "LAKEPORT_TEST_GRPCURL names {}, which is not there", grpcurl.display());
            std::os::unix::fs::symlink(grpcurl, bin.join("grpcurl")).unwrap();
        }
        std::os::unix::fs::symlink(lakeport_tests::cli::lakeport(), bin.join("lakeport")).unwrap();
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths([bin].into_iter().chain(std::env::split_paths(&inherited))).unwrap();
        let shell = Self { address: address.clone(), work, path };
        let version = shell.run("grpcurl -version").await;
        let advice = "name it in LAKEPORT_TEST_GRPCURL, put it on PATH, or run `cargo xtask test`, which installs it";
        assert!(version.succeeded, "there is no grpcurl: {advice}\n{}", version.printed);
        shell
    }

    pub(crate) async fn run(&self, command: &str) -> Ran {
        let running = Command::new("bash")
            .args(["-euo", "pipefail", "-c", &command.replace(SHOWN_ADDRESS, &self.address.to_string())])
            .current_dir(&self.work)
            .env("PATH", &self.path)
            .env("HOME", &self.work)
            .env("LAKEPORT_ENDPOINT", self.address.endpoint())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let Ok(output) = timeout(LIMIT, running).await else { panic!("does not end:\n{command}") };
        let output = output.expect("the commands need bash");
        let printed = [output.stdout, output.stderr].concat();
        Ran { succeeded: output.status.success(), printed: String::from_utf8_lossy(&printed).into_owned() }
    }
}
