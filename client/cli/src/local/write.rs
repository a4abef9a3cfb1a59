//! Writes of local files.

use crate::failure::{Context as _, Failure, Result};
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use tempfile::{Builder, NamedTempFile};

/// Maximum length of a chain of symbolic links, as in Linux.
const MAX_LINKS: usize = 40;

/// A local file, pipe or device that receives an object.
#[derive(Debug)]
pub(crate) enum Output {
    /// A file, which is replaced when the new one is complete.
    Atomic(AtomicFile),
    /// A pipe or device.
    InPlace,
}

/// A file that is written to a temporary file, and moved to its target when it is complete. If dropped before that, the temporary
/// file is deleted.
#[derive(Debug)]
pub(crate) struct AtomicFile {
    temporary: NamedTempFile,
    target: PathBuf,
}

/// What exists at a target, after symbolic links.
enum Existing {
    Nothing,
    File(Metadata),
    /// A pipe or device.
    Special,
    /// A file that a process has open, named in `/proc`.
    Descriptor,
}

impl Output {
    /// Opens a target for writing. Follows symbolic links, which may point to a file that does not exist yet. A pipe or device is
    /// opened itself. A file keeps its mode and, if permitted, its owner. Creates missing parent directories.
    ///
    /// # Errors
    /// [`Failure::Refused`] if the target is a directory, if a parent is not a directory, or if a name is too long.
    pub(crate) async fn open(target: &Path) -> Result<(Self, tokio::fs::File)> {
        let writing = || format!("write {}", target.display());
        let path = follow_links(target)?;
        match existing(&path).map_err(|error| explain(target, &path, error))? {
            Existing::Nothing => {
                create_directory(parent(&path))?;
                AtomicFile::begin(&path, None).with_context(writing)
            }
            Existing::File(metadata) => AtomicFile::begin(&path, Some(&metadata)).with_context(writing),
            special => {
                let is_descriptor = matches!(special, Existing::Descriptor);
                let mut options = tokio::fs::OpenOptions::new();
                // A shell may have opened the file with `>>`.
                options.write(true).append(is_descriptor);
                // Opening a pipe waits for its reader.
                Ok((Self::InPlace, options.open(&path).await.with_context(writing)?))
            }
        }
    }

    /// Moves a complete file to its target. If the target exists, replaces it, or fails with `create_only`.
    pub(crate) fn finish(self, create_only: bool) -> Result<()> {
        match self {
            Self::Atomic(file) => file.finish(create_only),
            Self::InPlace => Ok(()),
        }
    }
}

impl AtomicFile {
    /// Creates the temporary file in the directory of the target.
    fn begin(target: &Path, replaced: Option<&Metadata>) -> io::Result<(Output, tokio::fs::File)> {
        let mut builder = Builder::new();
        builder.prefix(".lakeport-").suffix(".part");
        set_mode(&mut builder, replaced);
        let temporary = builder.tempfile_in(parent(target))?;
        if let Some(replaced) = replaced {
            copy_owner_and_mode(temporary.as_file(), replaced)?;
        }
        let file = temporary.as_file().try_clone()?;
        Ok((Output::Atomic(Self { temporary, target: target.to_owned() }), tokio::fs::File::from_std(file)))
    }

    fn finish(self, create_only: bool) -> Result<()> {
        let Self { temporary, target } = self;
        let moved = match create_only {
            true => temporary.persist_noclobber(&target),
            false => temporary.persist(&target),
        };
        moved.map(drop).map_err(|error| error.error).with_context(|| format!("write {}", target.display()))
    }
}

/// Creates a directory and its parents.
///
/// # Errors
/// [`Failure::Refused`] if the path or a parent is a file, or if a name is too long.
pub(crate) fn create_directory(directory: &Path) -> Result<()> {
    std::fs::create_dir_all(directory).map_err(|error| explain(directory, directory, error))
}

/// Deletes the directories below `path`, and `path` itself, if they contain no files. Keeps all other directories.
pub(crate) fn remove_empty_directories(path: &Path) {
    let Ok(entries) = std::fs::read_dir(path) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        remove_empty_directories(&entry.path());
    }
    // Fails if the directory is not empty.
    let _ = std::fs::remove_dir(path);
}

/// Returns the path that the symbolic links at `target` lead to. Stops at a link in `/proc`, which is an open file of a
/// process.
fn follow_links(target: &Path) -> Result<PathBuf> {
    let mut path = target.to_owned();
    for _ in 0..MAX_LINKS {
        let is_link = path.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink());
        if !is_link || is_descriptor(&path) {
            return match path == target || parent(&path).is_dir() {
                true => Ok(path),
                false => {
                    Err(refused(target, &format!("it is a link to {}, whose directory does not exist", path.display())))
                }
            };
        }
        let next = path.read_link().with_context(|| format!("read the link {}", path.display()))?;
        path = parent(&path).join(next);
    }
    Err(refused(target, "its symbolic links form a loop"))
}

fn existing(path: &Path) -> io::Result<Existing> {
    match path.metadata() {
        Ok(metadata) if metadata.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(metadata) if !metadata.is_file() => Ok(Existing::Special),
        Ok(_) if path.is_symlink() => Ok(Existing::Descriptor),
        Ok(metadata) => Ok(Existing::File(metadata)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Existing::Nothing),
        Err(error) => Err(error),
    }
}

/// Returns whether a link is a file descriptor in `/proc`, such as the target of `/dev/stdout`.
fn is_descriptor(link: &Path) -> bool {
    parent(link).canonicalize().is_ok_and(|directory| directory.starts_with("/proc"))
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Converts an error that the names of `path` cause to [`Failure::Refused`].
fn explain(target: &Path, path: &Path, error: io::Error) -> Failure {
    use io::ErrorKind as K;
    let file = path.ancestors().find(|ancestor| ancestor.symlink_metadata().is_ok());
    match (error.kind(), file) {
        (K::IsADirectory, _) => refused(target, "it is a directory"),
        (K::NotADirectory | K::AlreadyExists, Some(file)) => {
            refused(target, &format!("{} is not a directory", file.display()))
        }
        (K::InvalidFilename, _) => refused(target, "a name is too long for the local file system"),
        _ => Failure::Local { what: format!("write {}", target.display()), error },
    }
}

fn refused(target: &Path, why: &str) -> Failure {
    Failure::Refused(format!("cannot write {}: {why}", target.display()))
}

/// Temporary files are readable only by their owner. This one becomes a regular file: its mode follows the umask, and is never
/// more permissive than that of the file that it replaces.
#[cfg(unix)]
fn set_mode(builder: &mut Builder<'_, '_>, replaced: Option<&Metadata>) {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = replaced.map_or(0o666, |replaced| replaced.permissions().mode() & 0o777);
    builder.permissions(std::fs::Permissions::from_mode(mode));
}

#[cfg(unix)]
fn copy_owner_and_mode(file: &std::fs::File, replaced: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
    let new = file.metadata()?;
    if (new.uid(), new.gid()) != (replaced.uid(), replaced.gid()) {
        // Only root can change the owner. Others may change the group to one of their groups.
        if fchown(file, Some(replaced.uid()), Some(replaced.gid())).is_err() {
            let _ = fchown(file, None, Some(replaced.gid()));
        }
    }
    file.set_permissions(std::fs::Permissions::from_mode(replaced.permissions().mode() & 0o777))
}

#[cfg(not(unix))]
fn set_mode(_: &mut Builder<'_, '_>, _: Option<&Metadata>) {}

#[cfg(not(unix))]
fn copy_owner_and_mode(_: &std::fs::File, _: &Metadata) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt as _;

    async fn write(target: &Path, text: &str) -> Result<()> {
        let (output, mut file) = Output::open(target).await?;
        file.write_all(text.as_bytes()).await.unwrap();
        file.flush().await.unwrap();
        output.finish(false)
    }

    #[tokio::test]
    async fn target_appears_when_the_file_is_complete() {
        let root = tempfile::tempdir().unwrap();
        let target = root.path().join("sub/a");
        let (new, mut file) = Output::open(&target).await.unwrap();
        file.write_all(b"hello").await.unwrap();
        file.flush().await.unwrap();
        assert!(!target.exists());
        new.finish(true).unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"hello");

        let (again, _) = Output::open(&target).await.unwrap();
        assert_eq!(again.finish(true).unwrap_err().exit(), crate::failure::Exit::Conflict);
        drop(Output::open(&target).await.unwrap());
        assert_eq!(std::fs::read_dir(root.path().join("sub")).unwrap().count(), 1, "a partial file was left");
    }

    #[tokio::test]
    async fn targets_that_cannot_be_files_are_rejected_with_the_reason() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("file"), "").unwrap();
        let long = "x".repeat(300);
        for (name, why) in [
            ("", "it is a directory"),
            ("file/a", "file is not a directory"),
            ("file/a/b", "file is not a directory"),
            (&long, "too long"),
            (&format!("{long}/a"), "too long"),
        ] {
            let failure = write(&root.path().join(name), "x").await.unwrap_err();
            assert!(matches!(&failure, Failure::Refused(text) if text.contains(why)), "{name}: {failure}");
        }
        for name in ["file", "file/a", &long] {
            assert!(matches!(create_directory(&root.path().join(name)), Err(Failure::Refused(_))), "{name}");
        }
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 1);
    }

    #[test]
    fn only_empty_directories_are_removed() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("a/b/c")).unwrap();
        std::fs::create_dir_all(root.path().join("d/e")).unwrap();
        std::fs::write(root.path().join("d/x"), "").unwrap();
        remove_empty_directories(&root.path().join("a"));
        remove_empty_directories(&root.path().join("d"));
        assert!(!root.path().join("a").exists() && !root.path().join("d/e").exists());
        assert!(root.path().join("d/x").exists());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn links_are_followed_and_modes_are_kept() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        std::fs::create_dir(at("d")).unwrap();
        std::fs::write(at("d/file"), "old").unwrap();
        std::fs::set_permissions(at("d/file"), std::fs::Permissions::from_mode(0o600)).unwrap();
        for (link, to) in [("one", "d/file"), ("two", "one"), ("new", "d/new"), ("nowhere", "e/new"), ("self", "self")]
        {
            symlink(to, at(link)).unwrap();
        }
        write(&at("two"), "text").await.unwrap();
        write(&at("new"), "new").await.unwrap();
        assert_eq!(std::fs::read(at("d/file")).unwrap(), b"text");
        assert_eq!(std::fs::metadata(at("d/file")).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(std::fs::read(at("d/new")).unwrap(), b"new");
        assert!(at("one").is_symlink() && at("two").is_symlink() && at("new").is_symlink());
        for name in ["nowhere", "self"] {
            assert!(matches!(write(&at(name), "x").await, Err(Failure::Refused(_))), "{name}");
        }
        assert!(!at("e").exists());
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn open_file_is_extended() {
        use std::os::fd::AsRawFd as _;
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "one ").unwrap();
        write(Path::new(&format!("/dev/fd/{}", file.as_file().as_raw_fd())), "two").await.unwrap();
        assert_eq!(std::fs::read(file.path()).unwrap(), b"one two");
    }
}
