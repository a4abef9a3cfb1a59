//! A PostgreSQL cluster for tests, in a temporary directory and on a free port of 127.0.0.1.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a panic fails the test that calls it")]

use std::fmt::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Directory of the programs of Debian's package, which does not put all of them on `PATH`.
const DEBIAN: &str = "/usr/lib/postgresql";

/// A running PostgreSQL cluster. Dropping it stops the cluster and deletes its files.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    folder: tempfile::TempDir,
    port: u16,
    /// User ID and group ID that PostgreSQL runs as if the current user is root, because PostgreSQL does not run as root.
    user: Option<(u32, u32)>,
    databases: AtomicU32,
}

/// Cluster that the tests of one program share.
static SHARED: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());

impl Postgres {
    /// Returns the cluster that the tests of this program share. Starts it if no test uses it.
    ///
    /// # Panics
    /// Panics if PostgreSQL is not installed or does not start.
    pub fn shared() -> Arc<Self> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let started = Arc::new(Self::start());
            *shared = Arc::downgrade(&started);
            started
        })
    }

    /// Starts a cluster for one test, which may crash and restart it.
    ///
    /// # Panics
    /// Panics if PostgreSQL is not installed or does not start.
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("lakeport-postgres-").tempdir().unwrap();
        let user = unprivileged_user();
        if let Some((user, group)) = user {
            chown(folder.path(), Some(user), Some(group)).unwrap();
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let postgres = Self { programs: programs(), folder, port, user, databases: AtomicU32::default() };
        postgres.run("initdb", &["--username=lakeport", "--auth=trust", "--encoding=UTF8", "--no-sync"]);
        postgres.resume();
        postgres
    }

    /// Starts the cluster again after [`crash`](Self::crash).
    ///
    /// # Panics
    /// Panics if PostgreSQL does not start.
    pub fn resume(&self) {
        // fsync is off: the files are deleted after the test, so data in the kernel's cache is durable enough.
        let mut options = "-c fsync=off -c listen_addresses=127.0.0.1 -c max_connections=200".to_owned();
        write!(options, " -c port={} -c unix_socket_directories=", self.port).unwrap();
        let log = self.folder.path().join("log").display().to_string();
        self.run("pg_ctl", &["start", "--wait", "--silent", "--log", &log, "--options", &options]);
    }

    /// Stops the cluster like a crash: connections break, and committed transactions are kept.
    ///
    /// # Panics
    /// Panics if PostgreSQL does not stop.
    pub fn crash(&self) {
        self.run("pg_ctl", &["stop", "--mode=immediate", "--silent"]);
    }

    /// Creates an empty database and returns its URL.
    ///
    /// # Panics
    /// Panics if the database cannot be created.
    pub fn database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let port = self.port.to_string();
        let created = self.command("createdb").args(["-h", "127.0.0.1", "-p", &port, "-U", "lakeport", &name]).output();
        let created = created.unwrap();
        assert!(created.status.success(), "createdb: {}", String::from_utf8_lossy(&created.stderr));
        format!("postgres://lakeport@127.0.0.1:{port}/{name}")
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let data = self.folder.path().join("data");
        // Errors go to a file: the started server inherits standard error, so a pipe would stay open.
        let errors = self.folder.path().join(format!("{program}.errors"));
        let mut command = self.command(program);
        command.arg("--pgdata").arg(data).args(arguments).stdout(Stdio::null());
        let status = command.stderr(std::fs::File::create(&errors).unwrap()).status().unwrap();
        let text = || std::fs::read_to_string(&errors).unwrap_or_default();
        assert!(status.success(), "{program} {arguments:?}: {}", text());
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let data = self.folder.path().join("data");
        // Errors are ignored: the cluster may be stopped already.
        let _ =
            self.command("pg_ctl").arg("--pgdata").arg(data).args(["stop", "--mode=immediate", "--silent"]).output();
    }
}

/// Returns the IDs of an unprivileged user and group if the current user is root.
fn unprivileged_user() -> Option<(u32, u32)> {
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    is_root.then(|| {
        let users = std::fs::read_to_string("/etc/passwd").unwrap();
        let ids = |name: &str| {
            let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
            let mut fields = line.split(':').skip(2);
            Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
        };
        ids("postgres")
            .or_else(|| ids("nobody"))
            .expect("PostgreSQL does not run as root, and there is no user `postgres` or `nobody`")
    })
}

/// Returns the directory of PostgreSQL's programs. Prefers the newest Debian installation, then `PATH`.
fn programs() -> PathBuf {
    let has_all = |folder: &PathBuf| ["initdb", "pg_ctl", "createdb"].iter().all(|name| folder.join(name).exists());
    let debian = || {
        let mut folders: Vec<PathBuf> =
            std::fs::read_dir(Path::new(DEBIAN)).ok()?.flatten().map(|f| f.path()).collect();
        folders.sort();
        folders.into_iter().rev().map(|folder| folder.join("bin")).find(has_all)
    };
    let on_path = || std::env::split_paths(&std::env::var_os("PATH")?).find(has_all);
    let missing = "the tests need initdb, pg_ctl and createdb of PostgreSQL (on Debian: apt-get install postgresql)";
    debian().or_else(on_path).expect(missing)
}
