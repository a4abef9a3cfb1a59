//! A directory with the same content as the image: the server binary and a data directory.

use crate::error::{Error, Result};
use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// User ID and group ID in the image.
const USER: u32 = 65532;

/// Possible paths of `chroot`. The command runs with an empty environment, so `PATH` cannot be used to find it.
const CHROOT: [&str; 2] = ["/usr/sbin/chroot", "/usr/bin/chroot"];

/// The directory. It is deleted on drop.
pub(super) struct Sandbox {
    directory: TempDir,
    /// Whether the server runs in a chroot as the image's user. This requires root.
    chrooted: bool,
}

impl Sandbox {
    /// Creates a sandbox that contains `binary`.
    pub(super) fn with(binary: &Path) -> Result<Self> {
        let directory = tempfile::tempdir().map_err(Error::file(&std::env::temp_dir()))?;
        let path = directory.path();
        let chrooted = path.metadata().map_err(Error::file(path))?.uid() == 0;
        let sandbox = Self { chrooted, directory };
        sandbox.populate(binary)?;
        if !chrooted {
            println!("not root: the server runs as the current user, without a chroot");
        }
        Ok(sandbox)
    }

    fn populate(&self, binary: &Path) -> Result<()> {
        let root = self.directory.path();
        let data = root.join("data");
        std::fs::copy(binary, root.join("lakeport-server")).map_err(Error::file(binary))?;
        std::fs::create_dir(&data).map_err(Error::file(&data))?;
        if self.chrooted {
            chown(&data, Some(USER), Some(USER)).map_err(Error::file(&data))?;
        }
        // As in the image, whose root is read-only, other users can read the sandbox but not write to it.
        std::fs::set_permissions(root, Permissions::from_mode(0o755)).map_err(Error::file(root))
    }

    /// Returns the path of the data directory as the server sees it.
    pub(super) fn data(&self) -> PathBuf {
        if self.chrooted { PathBuf::from("/data") } else { self.directory.path().join("data") }
    }

    /// Returns the server command without arguments, with an empty environment and, if possible, in a chroot as the image's
    /// user.
    pub(super) fn server(&self) -> Command {
        let root = self.directory.path();
        let mut command = if self.chrooted { chroot_command(root) } else { Command::new(root.join("lakeport-server")) };
        command.env_clear().current_dir(root);
        command
    }
}

fn chroot_command(root: &Path) -> Command {
    let chroot = CHROOT.iter().find(|path| Path::new(path).exists()).unwrap_or(&CHROOT[0]);
    let mut command = Command::new(chroot);
    command.arg(format!("--userspec={USER}:{USER}")).arg("--groups=").arg(root).arg("/lakeport-server");
    command
}
