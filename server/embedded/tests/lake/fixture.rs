//! A lake with a client, in this process or in its own.

use http_body_util::{BodyExt, Full};
use lakeport_embedded::{Faults, Lake, serve};
use lakeport_lakefs::{Bytes, Client, Credentials, Lakefs, NewCommit, NewObject, Timeouts};
use lakeport_types::{BranchName, ObjectPath, Ref, RepositoryId};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use tokio::net::TcpListener;

pub(crate) fn repository() -> RepositoryId {
    "lake".try_into().unwrap()
}

pub(crate) fn main_branch() -> BranchName {
    "main".try_into().unwrap()
}

pub(crate) async fn put(lakefs: &Lakefs, path: &str, text: String) -> lakeport_lakefs::Result<()> {
    let object = NewObject { size: Some(text.len() as u64), ..NewObject::default() };
    let body = Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed_unsync();
    let path = ObjectPath::try_from(path).unwrap();
    lakefs.upload(&repository(), &main_branch(), &path, &object, body).await.map(drop)
}

pub(crate) async fn get(lakefs: &Lakefs, at: &str, path: &str) -> Option<String> {
    let (at, path) = (Ref::try_from(at).unwrap(), ObjectPath::try_from(path).unwrap());
    let download = lakefs.download(&repository(), &at, &path, None).await.ok()?;
    Some(String::from_utf8(download.body.collect().await.unwrap().to_bytes().to_vec()).unwrap())
}

pub(crate) async fn commit(lakefs: &Lakefs, message: String) -> lakeport_lakefs::Result<String> {
    let new = NewCommit { message, ..NewCommit::default() };
    Ok(lakefs.commit(&repository(), &main_branch(), &new).await?.id)
}

/// Server process and a client for it.
pub(crate) struct Process {
    child: Child,
    pub(crate) lakefs: Lakefs,
}

impl Process {
    pub(crate) fn start(dir: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_lakeport-embedded"))
            .args(["--data-dir", dir.to_str().unwrap(), "serve", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut word = || lines.next().unwrap().unwrap().split_whitespace().last().unwrap().to_owned();
        let (url, id, secret) = (word(), word(), word());
        let client = Client::new(&url, Timeouts::default()).unwrap();
        Self { child, lakefs: client.acting_as(Credentials::key_pair(&id, &secret)) }
    }

    /// Starts a server with an empty repository.
    pub(crate) async fn with_repository(dir: &Path) -> Self {
        let server = Self::start(dir);
        server.lakefs.create_repository(&repository(), "local://lake", &main_branch(), false).await.unwrap();
        server
    }

    /// Kills the server, as a crash would.
    pub(crate) fn kill(self) {
        drop(self);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command of the program on the lake in `dir`. Returns whether it succeeded, and its output.
pub(crate) fn command(dir: &Path, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lakeport-embedded"));
    let output = command.args(["--data-dir", dir.to_str().unwrap()]).args(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

/// Returns the file with the bytes of an object on the branch `main`.
pub(crate) async fn blob_file(lakefs: &Lakefs, dir: &Path, path: &str) -> PathBuf {
    let path = ObjectPath::try_from(path).unwrap();
    let stats = lakefs.stat(&repository(), &Ref::from(&main_branch()), &path).await.unwrap();
    let id = stats.physical_address.rsplit('/').next().unwrap().to_owned();
    dir.join("blobs").join(&id[..2]).join(id)
}

/// Inverts all bits of one byte of a file.
pub(crate) fn flip(file: &Path, at: u64) {
    let mut file = File::options().read(true).write(true).open(file).unwrap();
    let mut byte = [0];
    file.seek(SeekFrom::Start(at)).unwrap();
    file.read_exact(&mut byte).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(&[!byte[0]]).unwrap();
}

/// Runs a statement on the database of a lake.
pub(crate) async fn sql(dir: &Path, statement: &'static str) {
    let options = SqliteConnectOptions::new().filename(dir.join("lake.db"));
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let changed = sqlx::raw_sql(statement).execute(&mut connection).await.unwrap().rows_affected();
    assert!(changed > 0 || !statement.starts_with("UPDATE"), "{statement} changed nothing");
    connection.close().await.unwrap();
}

/// Creates a lake with a repository, and serves it in this process.
pub(crate) async fn in_process(dir: &Path) -> (Arc<Lake>, Lakefs) {
    let (lake, lakefs) = reopened(dir).await;
    lakefs.create_repository(&repository(), "local://lake", &main_branch(), false).await.unwrap();
    (lake, lakefs)
}

/// Serves an existing lake in this process.
pub(crate) async fn reopened(dir: &Path) -> (Arc<Lake>, Lakefs) {
    let lake = Arc::new(Lake::open(dir).await.unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let serving = serve(Arc::clone(&lake), listener, Faults::default()).unwrap();
    let client = Client::new(&format!("http://{}", serving.address()), Timeouts::default()).unwrap();
    let account = lake.account();
    let lakefs = client.acting_as(Credentials::key_pair(&account.access_key_id, &account.secret_access_key));
    (lake, lakefs)
}
