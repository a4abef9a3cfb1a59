//! Unix socket that only the user of the server can open. The server deletes the file of the socket at shutdown.

use rand::RngExt;
use std::fs::{self, Metadata, Permissions};
use std::io::{Error, ErrorKind, Result};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::SocketAddr;
use std::path::{Path, PathBuf};
use tokio::net::{UnixListener, UnixStream};

/// Maximum number of connections that wait to be accepted. The system may have a lower limit.
const BACKLOG: u32 = 1024;

/// Listening Unix socket.
#[derive(Debug)]
pub struct UnixSocket {
    /// Dropped before the listener, so that a client that finds the file can connect.
    file: SocketFile,
    pub(super) listener: UnixListener,
}

/// File of a socket. Dropping it deletes the file, unless another server has replaced the file.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

/// Parses the path of a socket.
///
/// # Errors
/// Returns the rule that the path violates.
pub(super) fn socket_path(text: &str) -> std::result::Result<PathBuf, &'static str> {
    let path = Path::new(text);
    if !path.is_absolute() || path.file_name().is_none() || text.ends_with('/') {
        return Err("the path of a Unix socket must be absolute, such as unix:/run/user/1000/lakeport.sock");
    }
    // The maximum length depends on the system. It applies to the path and to the temporary path.
    if SocketAddr::from_pathname(path).and(SocketAddr::from_pathname(temporary(path))).is_err() {
        return Err("the path is too long for a Unix socket: use fewer than 100 bytes");
    }
    Ok(path.to_owned())
}

/// Returns a random path in the same directory, for a socket that is not listening yet.
fn temporary(path: &Path) -> PathBuf {
    path.with_file_name(format!(".{:08x}", rand::rng().random::<u32>()))
}

impl UnixSocket {
    /// Listens at a path. Replaces a socket that a stopped server left at the path.
    ///
    /// # Errors
    /// Returns an error if another server accepts connections at the path, if the path is not a socket, or if the directory
    /// does not exist.
    pub(super) async fn bind(path: &Path) -> Result<Self> {
        ensure_replaceable(path).await?;
        let socket = tokio::net::UnixSocket::new_stream()?;
        let temporary = temporary(path);
        socket.bind(&temporary).map_err(|error| match error.kind() {
            ErrorKind::NotFound => Error::new(error.kind(), "the directory of the socket does not exist"),
            _ => error,
        })?;
        let mut file = SocketFile::at(temporary)?;
        // The permissions are set before the socket listens, so that other users can never connect.
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

/// Returns an error unless the path is free, or is a socket without a server. Only such a socket may be replaced.
async fn ensure_replaceable(path: &Path) -> Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(file) if file.file_type().is_socket() => {}
        Ok(_) => return Err(Error::new(ErrorKind::AlreadyExists, "a file exists at this path and is not a socket")),
    }
    match UnixStream::connect(path).await {
        Ok(_) => {
            let message = "another server listens on this socket: stop that server, or use another path";
            Err(Error::new(ErrorKind::AddrInUse, message))
        }
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
        let is_ours = |file: Metadata| identity(&file) == self.identity;
        if fs::symlink_metadata(&self.path).is_ok_and(is_ours) {
            // If this fails, the next server replaces the file.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_user_can_open_the_socket_and_its_file_is_deleted_with_the_server() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let socket = UnixSocket::bind(&path).await.unwrap();
        assert_eq!(fs::symlink_metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "the temporary file still exists");
        UnixStream::connect(&path).await.unwrap();
        drop(socket);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced_but_not_a_socket_in_use_or_another_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        // The socket is closed, but its file stays.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let socket = UnixSocket::bind(&path).await.unwrap();
        let refused = UnixSocket::bind(&path).await.unwrap_err();
        assert!(refused.to_string().contains("another server listens"), "{refused}");
        UnixStream::connect(&path).await.unwrap();
        drop(socket);
        fs::write(&path, "precious").unwrap();
        assert!(UnixSocket::bind(&path).await.is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        let nowhere = UnixSocket::bind(&folder.path().join("none/s")).await.unwrap_err();
        assert!(nowhere.to_string().contains("directory"), "{nowhere}");
    }

    #[tokio::test]
    async fn the_file_of_another_server_is_not_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let first = UnixSocket::bind(&path).await.unwrap();
        // Keep the file, so that the next file cannot have the same inode number.
        fs::rename(&path, folder.path().join("moved")).unwrap();
        let second = UnixSocket::bind(&path).await.unwrap();
        drop(first);
        UnixStream::connect(second.path()).await.unwrap();
    }
}
