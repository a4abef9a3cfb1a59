//! A server in a process of its own, whose data directory is a disk of its own. The disk can be full, or hang.
//!
//! The disk is visible only to that process and its parent. No thread of the test ever waits for it: a process that does cannot be ended.

use crate::fixture::eventually;
use bytes::Bytes;
use lakeport_proto::v1::file_service_client::FileServiceClient;
use lakeport_proto::v1::transaction_service_client::TransactionServiceClient;
use lakeport_proto::v1::version_service_client::VersionServiceClient;
use lakeport_proto::v1::*;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

/// Repository that the server makes at its first start.
pub(crate) const REPOSITORY: &str = "quickstart";
/// Size of a disk that can hang.
const IMAGE_BYTES: u64 = 64 << 20;

/// Mounts a tmpfs of $1 bytes, and starts the server.
const SMALL: &str = r#"mount -t tmpfs -o "size=$1" none "$2" && exec "$3" </dev/null >/dev/null"#;

/// Mounts the image $1, and starts the server. A second process, which does not use the disk, freezes and thaws it, as the words on stdin
/// say. It prints each word that is done. At the end of stdin it thaws the disk.
const FREEZABLE: &str = r#"
mkfs.ext4 -qF "$1" && mount -o loop "$1" "$2" || exit 1
exec 3<&0
(while read -r word; do fsfreeze "--$word" "$2" && echo "$word"; done; fsfreeze --unfreeze "$2" 2>/dev/null) <&3 &
exec "$3" 3<&- </dev/null >/dev/null
"#;

/// A server with its disk.
pub(crate) struct OwnDisk {
    pub(crate) admin: SocketAddr,
    pub(crate) address: SocketAddr,
    pub(crate) files: FileServiceClient<Channel>,
    pub(crate) transactions: TransactionServiceClient<Channel>,
    pub(crate) versions: VersionServiceClient<Channel>,
    /// The data directory as this process sees it.
    pub(crate) seen: PathBuf,
    child: Child,
    words: Option<ChildStdin>,
    done: BufReader<ChildStdout>,
    _dir: tempfile::TempDir,
}

impl Drop for OwnDisk {
    fn drop(&mut self) {
        // A process that waits for a frozen disk cannot be killed.
        drop(self.words.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the options of `unshare` with which this command succeeds: as any user, or only as root. `None` if neither does.
fn namespace(command: &[&str]) -> Option<&'static str> {
    let can_mount = |options: &&str| {
        let mounted = Command::new("unshare").arg(options).args(command).output();
        mounted.is_ok_and(|output| output.status.success())
    };
    ["-Urm", "-m"].into_iter().find(can_mount)
}

impl OwnDisk {
    /// Starts a server with a disk of `bytes`. Prints why and returns `None` if this system does not permit to make one.
    pub(crate) async fn small(bytes: usize) -> Option<Self> {
        let Some(options) = namespace(&["mount", "-t", "tmpfs", "none", "/mnt"]) else {
            eprintln!(
                "skipped: this system permits neither user namespaces nor mounts, so the test cannot make a disk"
            );
            return None;
        };
        Some(Self::start(options, SMALL, bytes.to_string(), tempfile::tempdir().unwrap()).await)
    }

    /// Starts a server with a disk that can hang. Prints why and returns `None` if this system does not permit to make one.
    pub(crate) async fn freezable() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let image = dir.path().join("image");
        File::create(&image).unwrap().set_len(IMAGE_BYTES).unwrap();
        let image = image.to_str().unwrap().to_owned();
        let mount =
            "mkfs.ext4 -qF \"$1\" && mount -o loop \"$1\" /mnt && fsfreeze --freeze /mnt && fsfreeze --unfreeze /mnt";
        let Some(options) = namespace(&["sh", "-c", mount, "sh", &image]) else {
            eprintln!(
                "skipped: this system does not permit to mount and freeze a file, so the test has no disk that can hang"
            );
            return None;
        };
        Some(Self::start(options, FREEZABLE, image, dir).await)
    }

    async fn start(options: &str, script: &str, disk: String, dir: tempfile::TempDir) -> Self {
        let data = dir.path().join("data");
        fs::create_dir(&data).unwrap();
        let listeners = [(); 2].map(|()| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
        let [address, admin] = listeners.map(|listener| listener.local_addr().unwrap());
        let mut child = Command::new("unshare")
            .args([options, "sh", "-c", script, "sh", &disk])
            .arg(&data)
            .arg(env!("CARGO_BIN_EXE_server-with-faults"))
            .env("LAKEPORT_LISTEN", address.to_string())
            .env("LAKEPORT_ADMIN_LISTEN", admin.to_string())
            .env("LAKEPORT_DATA_DIR", &data)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        assert!(eventually(async || endpoint.connect().await.is_ok()).await, "the server did not start");
        let channel = endpoint.connect().await.unwrap();
        Self {
            admin,
            address,
            files: FileServiceClient::new(channel.clone()),
            transactions: TransactionServiceClient::new(channel.clone()),
            versions: VersionServiceClient::new(channel),
            seen: PathBuf::from(format!("/proc/{}/root", child.id())).join(data.strip_prefix("/").unwrap()),
            words: child.stdin.take(),
            done: BufReader::new(child.stdout.take().unwrap()),
            child,
            _dir: dir,
        }
    }

    /// Makes each access that changes the disk wait.
    pub(crate) fn freeze(&mut self) {
        self.tell("freeze");
    }

    /// Ends this.
    pub(crate) fn thaw(&mut self) {
        self.tell("unfreeze");
    }

    fn tell(&mut self, word: &str) {
        writeln!(self.words.as_mut().unwrap(), "{word}").unwrap();
        let mut done = String::new();
        self.done.read_line(&mut done).unwrap();
        assert_eq!(done.trim_end(), word, "fsfreeze failed");
    }

    pub(crate) async fn write(&self, transaction: &str, path: &str, bytes: usize) -> Result<(), Status> {
        let at = if transaction.is_empty() { (REPOSITORY, "main") } else { ("", "") };
        let header = WriteRequest {
            repository: at.0.into(),
            r#ref: at.1.into(),
            transaction_id: transaction.into(),
            path: path.into(),
            ..Default::default()
        };
        let piece = Bytes::from(vec![7; bytes.min(1 << 20)]);
        let pieces =
            (0..bytes.div_ceil(1 << 20)).map(move |_| WriteRequest { data: piece.clone(), ..Default::default() });
        let end = WriteRequest { finish_write: true, ..Default::default() };
        let messages: Vec<_> = [header].into_iter().chain(pieces).chain([end]).collect();
        self.files.clone().write(tokio_stream::iter(messages)).await.map(drop)
    }

    pub(crate) async fn begin(&self, id: &str) -> Result<(), Status> {
        let request = BeginTransactionRequest {
            repository: REPOSITORY.into(),
            base_branch: "main".into(),
            transaction_id: id.into(),
            ..Default::default()
        };
        self.transactions.clone().begin_transaction(request).await.map(drop)
    }

    pub(crate) async fn commit(&self) -> Result<(), Status> {
        let request = CreateCommitRequest {
            repository: REPOSITORY.into(),
            r#ref: "main".into(),
            message: "m".repeat(40_000),
            ..Default::default()
        };
        self.versions.clone().create_commit(request).await.map(drop)
    }
}
