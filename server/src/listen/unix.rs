//! A Unix socket that only its user may open, and whose file goes with its server.

use rand::RngExt;
use std::fs::{self, Metadata, Permissions};
use std::io::{Error, ErrorKind, Result};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::SocketAddr;
use std::path::{Path, PathBuf};
use tokio::net::{UnixListener, UnixStream};

/// Connections that wait to be accepted; the system may allow fewer.
const BACKLOG: u32 = 1024;

/// A socket that is listened on.
#[derive(Debug)]
pub struct UnixSocket {
    /// Dropped first: who finds it is served.
    file: SocketFile,
    pub(super) listener: UnixListener,
}

/// The file of a socket, which goes with it unless another server has put its own there.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

/// A path that a socket can have.
///
/// # Errors
/// The rule that it breaks.
pub(super) fn socket_path(text: &str) -> std::result::Result<PathBuf, &'static str> {
    let path = Path::new(text);
    if !path.is_absolute() || path.file_name().is_none() || text.ends_with('/') {
        return Err("the path of a Unix socket must be absolute, such as unix:/run/user/1000/lakeport.sock");
    }
    // How much the system takes differs, and it has to take both names.
    if SocketAddr::from_pathname(path).and(SocketAddr::from_pathname(unfinished(path))).is_err() {
        return Err("no Unix socket can have so long a path: keep it below 100 bytes");
    }
    Ok(path.to_owned())
}

/// A name in the same folder for a socket that is not to be found yet.
fn unfinished(path: &Path) -> PathBuf {
    path.with_file_name(format!(".{:08x}", rand::rng().random::<u32>()))
}

impl UnixSocket {
    /// Listens at a path, in the place of a socket that a server left there.
    ///
    /// # Errors
    /// When somebody answers there, when something else is there, or when there is no such folder.
    pub(super) async fn bind(path: &Path) -> Result<Self> {
        refuse_what_is_in_use(path).await?;
        let socket = tokio::net::UnixSocket::new_stream()?;
        let unfinished = unfinished(path);
        socket.bind(&unfinished).map_err(|error| match error.kind() {
            ErrorKind::NotFound => Error::new(error.kind(), "its folder is not there"),
            _ => error,
        })?;
        let mut file = SocketFile::at(unfinished)?;
        // Before it listens and has its name: nobody else can open it even for a moment.
        fs::set_permissions(&file.path, Permissions::from_mode(0o600))?;
        let listener = socket.listen(BACKLOG)?;
        fs::rename(&file.path, path)?;
        path.clone_into(&mut file.path);
        Ok(Self { file, listener })
    }

    pub(super) fn path(&self) -> &Path {
        &self.file.path
    }
}

/// A socket at which nobody answers was left there, and may be replaced. Nothing else may.
async fn refuse_what_is_in_use(path: &Path) -> Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(there) if there.file_type().is_socket() => {}
        Ok(_) => return Err(Error::new(ErrorKind::AlreadyExists, "what is there is no socket")),
    }
    match UnixStream::connect(path).await {
        Ok(_) => Err(Error::new(ErrorKind::AddrInUse, "another server answers there: end that, or name another path")),
        Err(error) if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound) => Ok(()),
        Err(error) => Err(error),
    }
}

impl SocketFile {
    fn at(path: PathBuf) -> Result<Self> {
        let identity = identity(&fs::symlink_metadata(&path)?);
        Ok(Self { path, identity })
    }
}

fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let is_ours = |there: Metadata| identity(&there) == self.identity;
        if fs::symlink_metadata(&self.path).is_ok_and(is_ours) {
            // A file that stays is replaced by the next server.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_is_of_its_user_alone_and_goes_with_its_server() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let socket = UnixSocket::bind(&path).await.unwrap();
        assert_eq!(fs::symlink_metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "its first name is still there");
        UnixStream::connect(&path).await.unwrap();
        drop(socket);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn what_was_left_is_replaced_and_what_is_in_use_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        // Closed, and its file stays.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let socket = UnixSocket::bind(&path).await.unwrap();
        let refused = UnixSocket::bind(&path).await.unwrap_err();
        assert!(refused.to_string().contains("another server answers"), "{refused}");
        UnixStream::connect(&path).await.unwrap();
        drop(socket);
        fs::write(&path, "precious").unwrap();
        assert!(UnixSocket::bind(&path).await.is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        let nowhere = UnixSocket::bind(&folder.path().join("none/s")).await.unwrap_err();
        assert!(nowhere.to_string().contains("folder"), "{nowhere}");
    }

    #[tokio::test]
    async fn the_file_of_another_server_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let first = UnixSocket::bind(&path).await.unwrap();
        // Kept, so that its number is not given to the next.
        fs::rename(&path, folder.path().join("moved")).unwrap();
        let second = UnixSocket::bind(&path).await.unwrap();
        drop(first);
        UnixStream::connect(second.path()).await.unwrap();
    }
}
