//! A folder that is to the server what the image is: the binary, a place for data, and nothing else.

use crate::error::{Error, Result};
use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The user and the group of the image.
const NOBODY: u32 = 65532;

/// Where `chroot` is; the server's empty environment has no search path.
const CHROOT: [&str; 2] = ["/usr/sbin/chroot", "/usr/bin/chroot"];

/// The folder; removed when it is dropped.
pub(super) struct Room {
    directory: TempDir,
    /// Whether the server can be locked in and be somebody else; only root can do that.
    locked: bool,
}

impl Room {
    /// A room with `binary` in it.
    pub(super) fn with(binary: &Path) -> Result<Self> {
        let directory = tempfile::tempdir().map_err(Error::file(&std::env::temp_dir()))?;
        let path = directory.path();
        let locked = path.metadata().map_err(Error::file(path))?.uid() == 0;
        let room = Self { locked, directory };
        room.furnish(binary)?;
        if !locked {
            println!("not root: the server runs as this user and sees all files");
        }
        Ok(room)
    }

    fn furnish(&self, binary: &Path) -> Result<()> {
        let root = self.directory.path();
        let data = root.join("data");
        std::fs::copy(binary, root.join("lakeport-server")).map_err(Error::file(binary))?;
        std::fs::create_dir(&data).map_err(Error::file(&data))?;
        if self.locked {
            chown(&data, Some(NOBODY), Some(NOBODY)).map_err(Error::file(&data))?;
        }
        // Others may look into the room but leave nothing there: the image's root is read-only.
        std::fs::set_permissions(root, Permissions::from_mode(0o755)).map_err(Error::file(root))
    }

    /// The place for data, as the server sees it.
    pub(super) fn data(&self) -> PathBuf {
        if self.locked { PathBuf::from("/data") } else { self.directory.path().join("data") }
    }

    /// The server, without arguments: in an empty environment and, if possible, locked in as the image's user.
    pub(super) fn server(&self) -> Command {
        let root = self.directory.path();
        let mut command = if self.locked { locked_in(root) } else { Command::new(root.join("lakeport-server")) };
        command.env_clear().current_dir(root);
        command
    }
}

fn locked_in(root: &Path) -> Command {
    let chroot = CHROOT.iter().find(|path| Path::new(path).exists()).unwrap_or(&CHROOT[0]);
    let mut command = Command::new(chroot);
    command.arg(format!("--userspec={NOBODY}:{NOBODY}")).arg("--groups=").arg(root).arg("/lakeport-server");
    command
}
