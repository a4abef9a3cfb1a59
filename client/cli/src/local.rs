//! Local files: paths of keys, listing and writing.

mod write;

use crate::failure::{Context as _, Failure, Result};
use std::path::{Path, PathBuf};

pub(crate) use write::Output;

/// A file below a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LocalFile {
    /// Path relative to the directory, separated by `/`.
    pub(crate) relative: String,
    /// Full path.
    pub(crate) path: PathBuf,
    /// Size in bytes.
    pub(crate) size_bytes: u64,
}

/// Returns the path of a key below `directory`.
///
/// # Errors
/// The key is absolute, or contains an empty segment, `.`, `..` or a character with a special meaning in paths. Such a key would be
/// written outside of `directory`, or to the same file as another key. lakeFS treats keys as opaque, so these keys can exist.
pub(crate) fn below(directory: &Path, key: &str) -> Result<PathBuf> {
    let is_safe = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\0') && !has_path_syntax(part);
    if !key.split('/').all(is_safe) {
        let why = "it is absolute, or has an empty segment, `.`, `..` or a character that file names cannot contain";
        return Err(Failure::Refused(format!("cannot write the key {key:?} to a local file: {why}")));
    }
    Ok(key.split('/').fold(directory.to_owned(), |path, part| path.join(part)))
}

/// Returns whether this system interprets the segment as more than a file name, such as `C:` or `a\b` on Windows.
fn has_path_syntax(part: &str) -> bool {
    cfg!(windows) && part.contains(['\\', ':'])
}

/// Lists all files below a directory, sorted by relative path. Follows symbolic links to files, but not to directories, because
/// those may form a loop. Fails if a directory cannot be read, or if a name is not UTF-8.
pub(crate) fn files_below(directory: &Path) -> Result<Vec<LocalFile>> {
    let mut files = Vec::new();
    collect(directory, "", &mut files)?;
    files.sort_by(|one, other| one.relative.cmp(&other.relative));
    Ok(files)
}

fn collect(directory: &Path, prefix: &str, files: &mut Vec<LocalFile>) -> Result<()> {
    let reading = || format!("read the directory {}", directory.display());
    for entry in std::fs::read_dir(directory).with_context(reading)? {
        let entry = entry.with_context(reading)?;
        let path = entry.path();
        let name = entry.file_name();
        let Some(name) = name.to_str() else {
            return Err(Failure::Refused(format!("cannot use {} as a key: its name is not UTF-8", path.display())));
        };
        let relative = format!("{prefix}{name}");
        if entry.file_type().with_context(reading)?.is_dir() {
            collect(&path, &format!("{relative}/"), files)?;
            continue;
        }
        let metadata = std::fs::metadata(&path).with_context(|| format!("read {}", path.display()))?;
        if metadata.is_file() {
            files.push(LocalFile { relative, path, size_bytes: metadata.len() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_written_below_the_target_directory() {
        for (key, path) in [("a", "/t/a"), ("a/b", "/t/a/b"), ("...", "/t/..."), ("a/..b", "/t/a/..b"), ("-", "/t/-")] {
            assert_eq!(below(Path::new("/t"), key).unwrap(), Path::new(path), "{key}");
        }
        for key in ["", "..", "../a", "a/../../b", "a/..", "/etc/passwd", "a//b", "a/", "./a", "a/./b", "a\0b"] {
            assert!(matches!(below(Path::new("/t"), key), Err(Failure::Refused(_))), "{key}");
        }
    }

    #[test]
    fn files_are_listed_in_order() {
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
    fn symbolic_link_to_a_directory_is_not_followed() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("a"), "a").unwrap();
        std::os::unix::fs::symlink(root.path(), root.path().join("circle")).unwrap();
        std::os::unix::fs::symlink(root.path().join("a"), root.path().join("b")).unwrap();
        let files = files_below(root.path()).unwrap();
        assert_eq!(files.iter().map(|file| file.relative.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    }
}
