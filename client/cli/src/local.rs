//! Local files: paths of keys, listing and writing.

mod walk;
mod write;

use crate::failure::{Failure, Result};
use std::path::{Path, PathBuf};

pub(crate) use walk::{Links, LocalFile, Skipped, walk};
pub(crate) use write::{Output, create_directory, remove_empty_directories};

/// Returns the path of a key below `directory`. If the key is empty or ends in `/`, so does the path, which is that of a directory.
///
/// # Errors
/// The key is absolute, or contains an empty segment, `.`, `..` or a character with a special meaning in paths. Such a key would be
/// written outside of `directory`, or to the same file as another key. lakeFS treats keys as opaque, so these keys can exist.
pub(crate) fn below(directory: &Path, key: &str) -> Result<PathBuf> {
    if key.is_empty() {
        return Ok(directory.join(""));
    }
    let segments = key.strip_suffix('/').unwrap_or(key);
    match segments.split('/').find_map(invalid) {
        _ if key.starts_with('/') => Err(unusable(key, "it is absolute")),
        Some(why) => Err(unusable(key, why)),
        None => Ok(key.split('/').fold(directory.to_owned(), |path, part| path.join(part))),
    }
}

/// Returns whether a path of [`below`] is that of a directory.
pub(crate) fn is_directory_path(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().last().is_some_and(|byte| std::path::is_separator(char::from(*byte)))
}

/// Returns why a segment of a key is not a file name.
fn invalid(segment: &str) -> Option<&'static str> {
    match segment {
        "" => Some("it has an empty segment"),
        "." => Some("it has the segment `.`"),
        ".." => Some("it has the segment `..`"),
        _ if segment.contains('\0') || has_path_syntax(segment) => {
            Some("it has a character that file names cannot contain")
        }
        _ => None,
    }
}

fn unusable(key: &str, why: &str) -> Failure {
    Failure::Refused(format!("cannot write the key {key:?} to a local file: {why}"))
}

/// Returns whether this system interprets the segment as more than a file name, such as `C:` or `a\b` on Windows.
fn has_path_syntax(part: &str) -> bool {
    cfg!(windows) && part.contains(['\\', ':'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_written_below_the_target_directory() {
        for (key, path) in [
            ("a", "/t/a"),
            ("a/b", "/t/a/b"),
            ("...", "/t/..."),
            ("a/..b", "/t/a/..b"),
            ("-", "/t/-"),
            ("a/", "/t/a/"),
            ("", "/t/"),
        ] {
            assert_eq!(below(Path::new("/t"), key).unwrap().as_os_str(), path, "{key}");
        }
        for (key, why) in [
            ("..", "`..`"),
            ("../a", "`..`"),
            ("a/../../b", "`..`"),
            ("a/..", "`..`"),
            ("../", "`..`"),
            ("/etc/passwd", "absolute"),
            ("/", "absolute"),
            ("a//b", "empty segment"),
            ("a//", "empty segment"),
            ("./a", "`.`"),
            ("a/./b", "`.`"),
            ("a\0b", "character"),
        ] {
            let refused = below(Path::new("/t"), key);
            assert!(matches!(&refused, Err(Failure::Refused(text)) if text.contains(why)), "{key:?}: {refused:?}");
        }
    }
}
