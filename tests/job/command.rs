//! Runs other programs, each with a timeout. A program that exceeds its timeout is killed.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Timeout of a command, far longer than any command takes. A command that hangs is reported by name.
const LIMIT: Duration = Duration::from_secs(120);

/// Runs a program without input and returns its output.
pub(crate) async fn run(command: Command, limit: Duration) -> Output {
    run_with_input(command, b"", limit).await
}

/// Runs a program with standard input and returns its output.
pub(crate) async fn run_with_input(mut command: Command, input: &[u8], limit: Duration) -> Output {
    let named = format!("{:?}", command.as_std());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot run {named}: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    let ended = async {
        // Errors are ignored: a program that does not read its input may have exited already.
        let write = async {
            let _ = stdin.write_all(input).await;
            drop(stdin);
        };
        let ((), output) = tokio::join!(write, child.wait_with_output());
        output.unwrap()
    };
    tokio::time::timeout(limit, ended)
        .await
        .unwrap_or_else(|_| panic!("the command does not end within {limit:?}: {named}"))
}

/// Runs a program that must succeed and returns its standard output.
pub(crate) async fn succeed(command: Command, limit: Duration) -> Vec<u8> {
    let named = format!("{:?}", command.as_std());
    let output = run(command, limit).await;
    assert!(output.status.success(), "{named}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Runs commands and scripts, isolated from the configuration of the current user.
pub(crate) struct Shell {
    binary: PathBuf,
    endpoint: String,
    home: PathBuf,
}

/// Result of a command.
pub(crate) struct Finished {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Shell {
    /// Creates a shell whose commands use the server at `endpoint`.
    pub(crate) fn new(endpoint: String, home: &Path) -> Self {
        Self { binary: lakeport_tests::cli::lakeport().to_owned(), endpoint, home: home.to_owned() }
    }

    /// Runs `lakeport` with arguments and standard input.
    pub(crate) async fn lakeport(&self, arguments: &[&str], input: &[u8]) -> Finished {
        let mut command = Command::new(&self.binary);
        command.args(arguments);
        self.ended(command, input).await
    }

    /// Runs a script. Its `PATH` starts with the directory of `lakeport`.
    pub(crate) async fn script(&self, script: &Path, arguments: &[&str]) -> Finished {
        let mut command = Command::new("sh");
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let here = self.binary.parent().unwrap().to_owned();
        let path = std::env::join_paths([here].into_iter().chain(std::env::split_paths(&inherited))).unwrap();
        command.arg(script).args(arguments).env_clear().env("PATH", path);
        self.ended(command, b"").await
    }

    async fn ended(&self, mut command: Command, input: &[u8]) -> Finished {
        for name in
            ["LAKECTL_CREDENTIALS_ACCESS_KEY_ID", "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY", "LAKECTL_CONFIG_FILE"]
        {
            command.env_remove(name);
        }
        command.env("LAKEPORT_ENDPOINT", &self.endpoint).env("HOME", &self.home).current_dir(&self.home);
        let output = run_with_input(command, input, LIMIT).await;
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Finished {
            code: output.status.code().expect("the command was ended by a signal"),
            stdout: output.stdout,
            stderr,
        }
    }
}
