//! The command line as a process that uploads a file in parts, and that can be interrupted and killed.

use crate::lake::{BASE, Lake};
use crate::process::{Process, Replica};
use crate::until;
use lakeport_embedded::{Fault, Faults, Fired, On};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;
use tokio::process::{Child, Command};

/// Key of the destination.
pub(crate) const KEY: &str = "big file.bin";
const MIB: u64 = 1 << 20;

/// A file, and a server to upload it to.
pub(crate) struct Uploader {
    pub(crate) lake: Lake,
    pub(crate) file: PathBuf,
    replica: Replica,
    part_bytes: u64,
    retry_for: &'static str,
    faults: Faults,
    received: Fired,
    folder: tempfile::TempDir,
}

/// Result of a command.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stderr: String,
}

impl Uploader {
    /// Creates a file of random bytes. The lake stores each part after `delay`.
    pub(crate) async fn new(mib: u64, part_bytes: u64, delay: Duration, seed: u64) -> Self {
        let (lake, faults) = Lake::with_faults().await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("big file.bin");
        write_random(&file, mib, seed);
        let replica = Replica::new(&lake, folder.path().join("data"), None);
        let received = faults.arm(On::upload().containing("lakeport-tx-"), Fault::Delay(delay), 1, usize::MAX);
        Self { lake, faults, file, replica, part_bytes, retry_for: "60s", received, folder }
    }

    /// Makes the commands fail at the first error, without retries.
    pub(crate) fn without_retries(self) -> Self {
        Self { retry_for: "0s", ..self }
    }

    /// Makes the server wait as long as in production.
    pub(crate) fn without_haste(self) -> Self {
        Self { replica: self.replica.with_haste(1), ..self }
    }

    pub(crate) async fn start_server(&self) -> Process {
        self.replica.start("").await
    }

    /// Number of parts that the lake has received so far.
    pub(crate) fn received_parts(&self) -> usize {
        self.received.count()
    }

    pub(crate) fn destination(&self) -> String {
        format!("lakefs://{}/{BASE}/{KEY}", self.lake.repository)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(lakeport_tests::cli::lakeport());
        command
            .args(arguments)
            .env_clear()
            .env("LAKEPORT_ENDPOINT", format!("http://{}", self.replica.address))
            .env("LAKEPORT_PARTS_ABOVE", "0")
            .env("LAKEPORT_PART_BYTES", self.part_bytes.to_string())
            .env("LAKEPORT_RETRY_FOR", self.retry_for);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    /// Starts an upload; `options` are options of `cp`. Two parts are sent at a time, unless they contain `-p`.
    pub(crate) fn start(&self, options: &[&str]) -> Child {
        let (file, to) = (self.file.to_str().unwrap(), self.destination());
        let parallelism: &[&str] = if options.contains(&"-p") { &[] } else { &["-p", "2"] };
        self.command(&[&["cp"], parallelism, options, &[file, &to]].concat()).spawn().unwrap()
    }

    /// Uploads the file, and returns the result of the command.
    pub(crate) async fn upload(&self, options: &[&str]) -> Ended {
        ended(self.start(options)).await
    }

    /// Runs a command.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Ended {
        ended(self.command(arguments).spawn().unwrap()).await
    }

    /// Delays the response after an object is stored on the base.
    pub(crate) fn delay_response(&self, delay: Duration) -> Fired {
        let on = On::upload().containing(&format!("/branches/{BASE}/"));
        self.faults.arm(on, Fault::ApplyThenDelay(delay), 1, 1)
    }

    /// Runs a command that must succeed, and returns the JSON objects that it prints.
    pub(crate) async fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let Output { status, stdout, stderr } =
            self.command(&[arguments, &["-o", "json"]].concat()).output().await.unwrap();
        assert!(status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&stderr));
        serde_json::Deserializer::from_slice(&stdout).into_iter().map(Result::unwrap).collect()
    }

    /// Returns the ID of the only open upload.
    pub(crate) async fn open_upload(&self) -> String {
        let label = format!("upload-path={KEY}");
        let open = self.json(&["tx", "ls", "--state", "open", "--label", &label]).await;
        assert_eq!(open.len(), 1, "{open:?}");
        open[0]["transaction_id"].as_str().unwrap().to_owned()
    }

    /// Returns the number of stored parts of an upload.
    pub(crate) async fn stored_parts(&self, id: &str) -> usize {
        self.json(&["ls", "-r", &format!("lakefs://{}/tx:{id}", self.lake.repository)]).await.len()
    }

    /// Waits until the lake has received this number of parts.
    pub(crate) async fn wait_for_parts(&self, count: usize) {
        until("parts are uploaded", async || self.received_parts() >= count).await;
    }

    /// Checks that the object equals the file, and that the server has no transaction any more.
    pub(crate) async fn check_complete(&self) {
        let copy = self.folder.path().join("copy");
        let output = self.command(&["cp", &self.destination(), copy.to_str().unwrap()]).output().await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let compared = Command::new("cmp").arg(&self.file).arg(&copy).output().await.unwrap();
        assert!(compared.status.success(), "the object differs: {}", String::from_utf8_lossy(&compared.stdout));
        assert_eq!(self.lake.uncommitted().await, [KEY], "other objects are on the base");
        self.check_no_parts().await;
    }

    /// Checks that the parts of all uploads were deleted.
    pub(crate) async fn check_no_parts(&self) {
        assert_eq!(self.json(&["tx", "ls", "--state", "open"]).await, [Value::Null; 0]);
        until("no branch of a transaction is left", async || self.lake.branches().await.is_empty()).await;
    }
}

/// Waits for the end of a command.
pub(crate) async fn ended(child: Child) -> Ended {
    let output = child.wait_with_output().await.unwrap();
    Ended { code: output.status.code(), stderr: String::from_utf8(output.stderr).unwrap() }
}

/// Sends SIGINT, like Ctrl-C.
pub(crate) async fn interrupt(child: Child) -> Ended {
    let id = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().await.unwrap().success());
    ended(child).await
}

impl Ended {
    /// Returns the ID in the printed command that resumes the upload.
    pub(crate) fn resume_id(&self) -> &str {
        let command = self.stderr.lines().find_map(|line| line.strip_prefix("resume with: lakeport cp --resume "));
        command.unwrap_or_else(|| panic!("no command resumes the upload: {self:?}")).split(' ').next().unwrap()
    }
}

/// Writes whole MiB and one more byte, so that the last part is short.
fn write_random(path: &Path, mib: u64, seed: u64) {
    let (mut rng, mut file) = (StdRng::seed_from_u64(seed), BufWriter::new(File::create(path).unwrap()));
    let mut buffer = vec![0; usize::try_from(MIB).unwrap()];
    for _ in 0..mib {
        rng.fill_bytes(&mut buffer);
        file.write_all(&buffer).unwrap();
    }
    file.write_all(b"!").unwrap();
    file.flush().unwrap();
}
