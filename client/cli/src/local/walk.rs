//! Listing of local files.

use crate::failure::{Context as _, Failure, Result};
use crate::globs::Filter;
use std::fmt;
use std::fs::{DirEntry, FileType};
use std::io;
use std::path::{Path, PathBuf};

/// A file below a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LocalFile {
    /// Path relative to the directory, separated by `/`.
    pub(crate) relative: String,
    /// Full path.
    pub(crate) path: PathBuf,
    /// Size in bytes.
    pub(crate) size_bytes: u64,
    /// Whether a directory of the relative path is a symbolic link.
    pub(crate) is_below_link: bool,
}

/// A file or directory that a walk left out.
#[derive(Debug)]
pub(crate) struct Skipped {
    /// Path relative to the directory. Bytes that are not UTF-8 are replaced.
    pub(crate) relative: String,
    path: PathBuf,
    why: Why,
}

/// Why a walk left out a path.
#[derive(Debug)]
enum Why {
    /// The filter excludes the path, which may be a directory with files that the filter does not exclude.
    Excluded,
    /// A symbolic link, and links are not followed.
    Link,
    /// A symbolic link whose target does not exist.
    Dangling,
    /// A symbolic link to a directory that contains the link.
    Loop,
    NotUtf8,
    /// A pipe, socket or device.
    Special(&'static str),
    Unreadable(io::Error),
}

/// Whether a walk follows symbolic links below the directory. The directory itself may always be a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Links {
    Follow,
    Skip,
}

/// The files below a directory.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    /// Sorted by relative path.
    pub(crate) files: Vec<LocalFile>,
    pub(crate) skipped: Vec<Skipped>,
}

/// Lists the files below a directory that pass the filter. Special files and unreadable files or directories are skipped.
///
/// # Errors
/// The directory itself cannot be read.
pub(crate) fn walk(directory: &Path, filter: &Filter, links: Links) -> Result<Walk> {
    let reading = || format!("read the directory {}", directory.display());
    let canonical = directory.canonicalize().with_context(reading)?;
    let entries = std::fs::read_dir(directory).with_context(reading)?;
    let mut walker = Walker { filter, links, ancestors: Vec::new(), found: Walk::default() };
    let root = Node { relative: String::new(), path: directory.to_owned(), is_below_link: false };
    walker.enter(&root, canonical, entries);
    walker.found.files.sort_by(|one, other| one.relative.cmp(&other.relative));
    Ok(walker.found)
}

impl Skipped {
    /// Returns whether the path exists and could not be read.
    pub(crate) fn is_unreadable(&self) -> bool {
        matches!(self.why, Why::Unreadable(_))
    }

    /// Returns whether the user asked to leave out the path.
    pub(crate) fn is_intended(&self) -> bool {
        matches!(self.why, Why::Excluded | Why::Link)
    }

    /// Returns whether the path is a symbolic link that the flags say not to follow.
    pub(crate) fn is_link(&self) -> bool {
        matches!(self.why, Why::Link)
    }

    /// Returns the failure that reports the path.
    pub(crate) fn failure(&self) -> Failure {
        Failure::skip(&self.path, &self.why)
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Excluded => f.write_str("it is excluded"),
            Self::Link => f.write_str("it is a symbolic link, and --no-follow-symlinks is set"),
            Self::Dangling => f.write_str("it is a symbolic link to a path that does not exist"),
            Self::Loop => f.write_str("it is a symbolic link to a directory that contains it"),
            Self::NotUtf8 => f.write_str("its name is not UTF-8, so it cannot be a key"),
            Self::Special(kind) => write!(f, "it is a {kind}, not a file or directory"),
            Self::Unreadable(error) => error.fmt(f),
        }
    }
}

/// A file or directory during a walk.
struct Node {
    relative: String,
    path: PathBuf,
    is_below_link: bool,
}

struct Walker<'a> {
    filter: &'a Filter,
    links: Links,
    /// Canonical paths of the directories that contain the current one, to detect loops.
    ancestors: Vec<PathBuf>,
    found: Walk,
}

impl Walker<'_> {
    fn enter(&mut self, directory: &Node, canonical: PathBuf, entries: std::fs::ReadDir) {
        self.ancestors.push(canonical);
        for entry in entries {
            match entry {
                Ok(entry) => self.visit(directory, &entry),
                // The rest of the directory is unknown.
                Err(error) => self.skip(directory, Why::Unreadable(error)),
            }
        }
        self.ancestors.pop();
    }

    /// Applies the filter before it reads more than the name and the type of an entry.
    fn visit(&mut self, parent: &Node, entry: &DirEntry) {
        let (name, separator) = (entry.file_name(), if parent.relative.is_empty() { "" } else { "/" });
        let relative = format!("{}{separator}{}", parent.relative, name.to_string_lossy());
        let node = Node { relative, path: entry.path(), is_below_link: parent.is_below_link };
        let is_accepted = self.filter.accepts(&node.relative);
        let kind = match entry.file_type() {
            Ok(kind) => kind,
            Err(_) if !is_accepted => return,
            Err(error) => return self.skip(&node, Why::Unreadable(error)),
        };
        let may_be_directory = kind.is_dir() || kind.is_symlink();
        let is_relevant = is_accepted || (may_be_directory && self.filter.may_accept_below(&node.relative));
        if !is_relevant {
            return;
        }
        match kind {
            _ if name.to_str().is_none() => {
                let is_excluded = self.filter.excludes(&node.relative);
                self.skip(&node, if is_excluded { Why::Excluded } else { Why::NotUtf8 });
            }
            kind if kind.is_dir() => self.visit_directory(node, false),
            kind if kind.is_symlink() => self.visit_link(node, is_accepted),
            kind if kind.is_file() => self.visit_file(node),
            kind => self.skip(&node, Why::Special(special(kind))),
        }
    }

    fn visit_file(&mut self, node: Node) {
        match std::fs::metadata(&node.path) {
            Ok(metadata) => self.add(node, metadata.len()),
            Err(error) => self.skip(&node, Why::Unreadable(error)),
        }
    }

    fn visit_link(&mut self, node: Node, is_accepted: bool) {
        if self.filter.excludes(&node.relative) {
            return self.skip(&node, Why::Excluded);
        }
        if self.links == Links::Skip {
            return self.skip(&node, Why::Link);
        }
        let is_dangling = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
        match std::fs::metadata(&node.path) {
            Ok(metadata) if metadata.is_dir() => self.visit_directory(node, true),
            _ if !is_accepted => self.skip(&node, Why::Excluded),
            Ok(metadata) if metadata.is_file() => self.add(node, metadata.len()),
            Ok(metadata) => self.skip(&node, Why::Special(special(metadata.file_type()))),
            Err(error) if is_dangling(&error) => self.skip(&node, Why::Dangling),
            Err(error) => self.skip(&node, Why::Unreadable(error)),
        }
    }

    fn visit_directory(&mut self, node: Node, is_link: bool) {
        let read = || Ok((node.path.canonicalize()?, std::fs::read_dir(&node.path)?));
        match read() {
            Ok((canonical, _)) if self.ancestors.contains(&canonical) => self.skip(&node, Why::Loop),
            Ok((canonical, entries)) => {
                let node = Node { is_below_link: node.is_below_link || is_link, ..node };
                self.enter(&node, canonical, entries);
            }
            Err(_) if self.filter.excludes(&node.relative) => self.skip(&node, Why::Excluded),
            Err(error) => self.skip(&node, Why::Unreadable(error)),
        }
    }

    fn add(&mut self, node: Node, size_bytes: u64) {
        let Node { relative, path, is_below_link } = node;
        self.found.files.push(LocalFile { relative, path, size_bytes, is_below_link });
    }

    fn skip(&mut self, node: &Node, why: Why) {
        self.found.skipped.push(Skipped { relative: node.relative.clone(), path: node.path.clone(), why });
    }
}

#[cfg(unix)]
fn special(kind: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt as _;
    match kind {
        kind if kind.is_fifo() => "named pipe (FIFO)",
        kind if kind.is_socket() => "socket",
        _ => "device",
    }
}

#[cfg(not(unix))]
fn special(_: FileType) -> &'static str {
    "special file"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relatives(walk: &Walk) -> Vec<&str> {
        walk.files.iter().map(|file| file.relative.as_str()).collect()
    }

    #[test]
    fn files_are_listed_in_order() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("b/c")).unwrap();
        for file in ["b/c/2", "a", "b/1"] {
            std::fs::write(root.path().join(file), file).unwrap();
        }
        let found = walk(root.path(), &Filter::default(), Links::Follow).unwrap();
        let files: Vec<_> = found.files.iter().map(|file| (file.relative.as_str(), file.size_bytes)).collect();
        assert_eq!(files, [("a", 1), ("b/1", 3), ("b/c/2", 5)]);
        let missing = walk(&root.path().join("missing"), &Filter::default(), Links::Follow);
        assert_eq!(missing.unwrap_err().exit(), crate::failure::Exit::NotFound);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_until_they_form_a_loop() {
        use std::os::unix::fs::symlink;
        let (root, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::create_dir(root.path().join("d")).unwrap();
        std::fs::write(root.path().join("d/a"), "a").unwrap();
        std::fs::write(other.path().join("x"), "x").unwrap();
        symlink(root.path(), root.path().join("d/circle")).unwrap();
        symlink(root.path().join("d/a"), root.path().join("b")).unwrap();
        symlink(other.path(), root.path().join("far")).unwrap();
        symlink("self", root.path().join("self")).unwrap();

        let found = walk(root.path(), &Filter::default(), Links::Follow).unwrap();
        assert_eq!(relatives(&found), ["b", "d/a", "far/x"]);
        let below: Vec<_> = found.files.iter().map(|file| file.is_below_link).collect();
        assert_eq!(below, [false, false, true]);
        let mut skipped: Vec<_> = found.skipped.iter().map(|skipped| skipped.relative.as_str()).collect();
        skipped.sort_unstable();
        assert_eq!(skipped, ["d/circle", "self"]);

        let found = walk(root.path(), &Filter::default(), Links::Skip).unwrap();
        assert_eq!(relatives(&found), ["d/a"]);
        assert!(found.skipped.len() == 4 && found.skipped.iter().all(Skipped::is_link), "{:?}", found.skipped);
    }

    #[cfg(unix)]
    #[test]
    fn filter_is_applied_before_links_are_read() {
        use std::os::unix::fs::symlink;
        let root = tempfile::tempdir().unwrap();
        for name in ["gone", "locked"] {
            symlink("/nonexistent/x", root.path().join(name)).unwrap();
        }
        std::fs::write(root.path().join("a.csv"), "a").unwrap();
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        for (include, exclude) in [
            (&[][..], &["gone", "locked/**", "locked"][..]),
            (&["*.csv"], &[]),
            (&["**/*.csv"], &[]),
            (&[], &["[!a]*"]),
        ] {
            let filter = Filter::new(&words(include), &words(exclude)).unwrap();
            let found = walk(root.path(), &filter, Links::Follow).unwrap();
            assert_eq!(relatives(&found), ["a.csv"]);
            assert!(found.skipped.iter().all(Skipped::is_intended), "{:?}", found.skipped);
        }
    }
}
