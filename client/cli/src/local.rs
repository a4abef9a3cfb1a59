//! Files here: finding them, and never writing outside the target.

use crate::failure::{Failure, Result, While as _};
use std::path::{Path, PathBuf};
use tempfile::{Builder, NamedTempFile};

/// A file below a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LocalFile {
    /// Its path below the directory, with `/`.
    pub(crate) relative: String,
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Bytes.
    pub(crate) size_bytes: u64,
}

/// Where a key belongs below `directory`.
///
/// # Errors
/// When the key would be written elsewhere, or not be told from another one: it is absolute, or has an empty part, `.` or
/// `..`. Keys are opaque to lakeFS, so all of these exist.
pub(crate) fn below(directory: &Path, key: &str) -> Result<PathBuf> {
    let is_safe = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\0') && !is_foreign(part);
    if !key.split('/').all(is_safe) {
        let why = "it is absolute, or has `..`, `.` or an empty part, and would not be written where it belongs";
        return Err(Failure::Refused(format!("the key {key:?} cannot be a file here: {why}")));
    }
    Ok(key.split('/').fold(directory.to_owned(), |path, part| path.join(part)))
}

/// What means something other than a name on this system, such as `C:` or `a\b`.
fn is_foreign(part: &str) -> bool {
    cfg!(windows) && part.contains(['\\', ':'])
}

/// All files below a directory, by their relative paths. Links to files are followed, those to directories are not, since
/// they may lead in a circle.
///
/// # Errors
/// When a directory cannot be read, and for names that no key can have.
pub(crate) fn files_below(directory: &Path) -> Result<Vec<LocalFile>> {
    let mut files = Vec::new();
    collect(directory, "", &mut files)?;
    files.sort_by(|one, other| one.relative.cmp(&other.relative));
    Ok(files)
}

fn collect(directory: &Path, prefix: &str, files: &mut Vec<LocalFile>) -> Result<()> {
    let reading = || format!("read the directory {}", directory.display());
    for entry in std::fs::read_dir(directory).during(reading)? {
        let entry = entry.during(reading)?;
        let path = entry.path();
        let name = entry.file_name();
        let Some(name) = name.to_str() else {
            return Err(Failure::Refused(format!("the name of {} is not UTF-8, as keys are", path.display())));
        };
        let relative = format!("{prefix}{name}");
        if entry.file_type().during(reading)?.is_dir() {
            collect(&path, &format!("{relative}/"), files)?;
            continue;
        }
        let metadata = std::fs::metadata(&path).during(|| format!("look at {}", path.display()))?;
        if metadata.is_file() {
            files.push(LocalFile { relative, path, size_bytes: metadata.len() });
        }
    }
    Ok(())
}

/// A file that appears when it is whole.
#[derive(Debug)]
pub(crate) struct NewFile {
    temporary: NamedTempFile,
    target: PathBuf,
}

impl NewFile {
    /// Begins a file beside its target, whose directories are made.
    ///
    /// # Errors
    /// When that cannot be written to.
    pub(crate) fn begin(target: &Path) -> Result<(Self, tokio::fs::File)> {
        let writing = || format!("write {}", target.display());
        let directory = match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        std::fs::create_dir_all(directory).during(writing)?;
        let mut builder = Builder::new();
        builder.prefix(".lakeport-").suffix(".part");
        readable(&mut builder);
        let temporary = builder.tempfile_in(directory).during(writing)?;
        let file = temporary.as_file().try_clone().during(writing)?;
        Ok((Self { temporary, target: target.to_owned() }, tokio::fs::File::from_std(file)))
    }

    /// Puts the file into its place; another one there is replaced, unless `create_only`. Without this call nothing is left.
    ///
    /// # Errors
    /// When it cannot be moved there.
    pub(crate) fn finish(self, create_only: bool) -> Result<()> {
        let Self { temporary, target } = self;
        let moved = match create_only {
            true => temporary.persist_noclobber(&target),
            false => temporary.persist(&target),
        };
        moved.map(drop).map_err(|error| error.error).during(|| format!("write {}", target.display()))
    }
}

/// Temporary files are for their owner alone; this one becomes a common file, as the umask has it.
#[cfg(unix)]
fn readable(builder: &mut Builder<'_, '_>) {
    use std::os::unix::fs::PermissionsExt as _;
    builder.permissions(std::fs::Permissions::from_mode(0o666));
}

#[cfg(not(unix))]
fn readable(_: &mut Builder<'_, '_>) {}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt as _;

    #[test]
    fn a_key_stays_below_the_target() {
        for (key, path) in [("a", "/t/a"), ("a/b", "/t/a/b"), ("...", "/t/..."), ("a/..b", "/t/a/..b"), ("-", "/t/-")] {
            assert_eq!(below(Path::new("/t"), key).unwrap(), Path::new(path), "{key}");
        }
        for key in ["", "..", "../a", "a/../../b", "a/..", "/etc/passwd", "a//b", "a/", "./a", "a/./b", "a\0b"] {
            assert!(matches!(below(Path::new("/t"), key), Err(Failure::Refused(_))), "{key}");
        }
    }

    #[test]
    fn files_are_found_in_order() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("b/c")).unwrap();
        for file in ["b/c/2", "a", "b/1"] {
            std::fs::write(root.path().join(file), file).unwrap();
        }
        let files = files_below(root.path()).unwrap();
        let found: Vec<_> = files.iter().map(|file| (file.relative.as_str(), file.size_bytes)).collect();
        assert_eq!(found, [("a", 1), ("b/1", 3), ("b/c/2", 5)]);
        assert_eq!(files_below(&root.path().join("missing")).unwrap_err().exit(), crate::failure::Exit::NotFound);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_leads_in_a_circle_is_not_followed() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("a"), "a").unwrap();
        std::os::unix::fs::symlink(root.path(), root.path().join("circle")).unwrap();
        std::os::unix::fs::symlink(root.path().join("a"), root.path().join("b")).unwrap();
        let files = files_below(root.path()).unwrap();
        assert_eq!(files.iter().map(|file| file.relative.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    }

    #[tokio::test]
    async fn a_file_appears_when_it_is_whole() {
        let root = tempfile::tempdir().unwrap();
        let target = root.path().join("sub/a");
        let (new, mut file) = NewFile::begin(&target).unwrap();
        file.write_all(b"hello").await.unwrap();
        file.flush().await.unwrap();
        assert!(!target.exists());
        new.finish(true).unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"hello");

        let (again, _) = NewFile::begin(&target).unwrap();
        assert_eq!(again.finish(true).unwrap_err().exit(), crate::failure::Exit::Conflict);
        drop(NewFile::begin(&target).unwrap());
        assert_eq!(std::fs::read_dir(root.path().join("sub")).unwrap().count(), 1, "a partial file was left");
    }
}
