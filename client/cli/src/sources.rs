//! Expands a source into the files or objects that it selects.

use crate::failure::{Context as _, Failure, Result};
use crate::globs::{Filter, Pattern};
use crate::local::{Links, LocalFile, Skipped, walk};
use crate::terminal::print_stderr;
use crate::uri::{LakeUri, Location};
use futures_util::future::ready;
use futures_util::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use lakeport_client::v1::FileInfo;
use lakeport_client::{Client, Error, ErrorReason, ListOptions};
use std::io;
use std::path::Path;

/// A file or object of a source.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) location: Location,
    /// Path relative to the source. If the source is one file or object, the last segment of its path. Empty for standard input, and
    /// for a file whose name is not UTF-8.
    pub(crate) relative: String,
    /// Size in bytes. 0 (unknown) for standard input, and for an object that the source names directly.
    pub(crate) size_bytes: u64,
    /// Etag of an object from a listing, otherwise empty.
    pub(crate) etag: String,
    /// Whether a listing found the entry. False if the source names it.
    pub(crate) is_listed: bool,
    /// Whether the entry is a file below a symbolic link to a directory.
    pub(crate) is_below_link: bool,
}

/// Stream of the entries of a source.
pub(crate) type Entries = BoxStream<'static, Result<Entry>>;

/// An expanded source.
pub(crate) struct Source {
    /// The object at the path of a recursive source that also has objects below the path.
    pub(crate) itself: Option<Entry>,
    pub(crate) entries: Entries,
    /// Whether the source may have several entries. In that case the destination is a directory.
    pub(crate) is_multiple: bool,
}

/// What a source with several entries selects.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Selected<'a> {
    pub(crate) filter: &'a Filter,
    /// Whether to follow symbolic links below a local directory.
    pub(crate) links: Links,
    pub(crate) is_recursive: bool,
}

impl Source {
    /// Creates a source that could not be expanded.
    pub(crate) fn failed(failure: Failure) -> Self {
        Self { itself: None, entries: stream::iter([Err(failure)]).boxed(), is_multiple: false }
    }

    fn single(entry: Entry) -> Self {
        Self { itself: None, entries: stream::iter([Ok(entry)]).boxed(), is_multiple: false }
    }

    fn multiple(first: Entry, others: Entries) -> Self {
        Self { itself: None, entries: stream::iter([Ok(first)]).chain(others).boxed(), is_multiple: true }
    }
}

/// Expands a source: with wildcards, into the matching objects; recursively, into the object at its path and all files or objects
/// below it.
///
/// # Errors
/// The source matches nothing, or it is a directory and must not be expanded recursively.
pub(crate) async fn expand(client: &Client, source: &Location, selected: Selected<'_>) -> Result<Source> {
    match source {
        Location::Stdio => Ok(Source::single(named(source, "", 0))),
        Location::Local(path) => expand_local(source, path, selected),
        Location::Lake(uri) => match Pattern::of(&uri.path)? {
            Some(pattern) => {
                let mut entries = matching(client, uri, pattern).await?;
                let first = entries.try_next().await?.ok_or_else(|| not_found(source))?;
                Ok(Source::multiple(first, entries))
            }
            None if selected.is_recursive => expand_below(client, uri).await,
            None if uri.path.is_empty() => {
                Err(Failure::Usage(format!("{source} has no path: use --recursive to copy all objects")))
            }
            None => Ok(Source::single(named(source, last_segment(&uri.path), 0))),
        },
    }
}

/// Returns the path of a key relative to a recursive source or a pattern. `None` if the source does not select the key.
pub(crate) fn relative_to(source: &LakeUri, key: &str, filter: &Filter) -> Result<Option<String>> {
    let relative = match Pattern::of(&source.path)? {
        Some(pattern) => pattern.relative(key),
        None if key == source.path => Some(last_segment(key)),
        None => key.strip_prefix(&directory(&source.path)),
    };
    Ok(relative.filter(|relative| filter.accepts(relative)).map(str::to_owned))
}

/// Lists all objects below a prefix. The relative paths omit the prefix. The list may be empty.
pub(crate) async fn below(client: &Client, uri: &LakeUri) -> Result<Entries> {
    let prefix = directory(&uri.path);
    list(client, uri, prefix.clone(), move |key| key.strip_prefix(&prefix).map(str::to_owned)).await
}

/// Lists the object at a path, if there is one, and all objects below the path.
pub(crate) async fn subtree(client: &Client, uri: &LakeUri) -> Result<Entries> {
    let itself = object(client, uri).await?;
    Ok(stream::iter(itself.map(Ok)).chain(below(client, uri).await?).boxed())
}

/// Returns the object at a path. `None` if there is no such object, and for prefixes.
pub(crate) async fn object(client: &Client, uri: &LakeUri) -> Result<Option<Entry>> {
    let info = stat(client, uri).await.with_context(|| format!("read {uri}"))?;
    Ok(info.map(|info| listed(uri, info, last_segment(&uri.path).to_owned())))
}

/// Returns the properties of the object at a path. `None` if there is no such object, and for prefixes.
pub(crate) async fn stat(client: &Client, uri: &LakeUri) -> Result<Option<FileInfo>, Error> {
    if uri.path.is_empty() || uri.path.ends_with('/') {
        return Ok(None);
    }
    match client.stat(&uri.place(), &uri.path).await {
        Err(error) if error.reason() == Some(ErrorReason::ObjectNotFound) => Ok(None),
        info => info.map(Some),
    }
}

/// Lists the objects that match a pattern. The relative paths omit [`Pattern::directory`].
pub(crate) async fn matching(client: &Client, uri: &LakeUri, pattern: Pattern) -> Result<Entries> {
    let prefix = pattern.prefix.clone();
    list(client, uri, prefix, move |key| pattern.relative(key).map(str::to_owned)).await
}

/// Converts a path to a prefix: appends `/`, unless the path is empty or already ends in `/`.
pub(crate) fn directory(path: &str) -> String {
    if path.is_empty() || path.ends_with('/') { path.to_owned() } else { format!("{path}/") }
}

/// Lists the files below a directory that pass the filter, and the paths that were skipped. Prints the links that are not followed.
pub(crate) fn below_local(directory: &Path, filter: &Filter, links: Links) -> Result<(Vec<Entry>, Vec<Skipped>)> {
    let found = walk(directory, filter, links)?;
    for link in found.skipped.iter().filter(|skipped| skipped.is_link()) {
        print_stderr(format_args!("lakeport: {}", link.failure()));
    }
    Ok((found.files.into_iter().map(Entry::from).collect(), found.skipped))
}

/// Returns the failure for a source that matches nothing.
pub(crate) fn not_found(source: &impl std::fmt::Display) -> Failure {
    let error = io::Error::new(io::ErrorKind::NotFound, "no objects or files found");
    Failure::Local { what: format!("list {source}"), error }
}

impl Entry {
    /// Returns whether the key is that of a directory: some tools store an empty object as a marker of a directory.
    pub(crate) fn is_directory_key(&self) -> bool {
        self.relative.is_empty() || self.relative.ends_with('/')
    }
}

impl From<LocalFile> for Entry {
    fn from(file: LocalFile) -> Self {
        let LocalFile { relative, path, size_bytes, is_below_link } = file;
        let location = Location::Local(path);
        Self { location, relative, size_bytes, etag: String::new(), is_listed: true, is_below_link }
    }
}

fn expand_local(source: &Location, path: &Path, selected: Selected<'_>) -> Result<Source> {
    let metadata = std::fs::metadata(path).with_context(|| format!("read {source}"))?;
    if !metadata.is_dir() {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        return Ok(Source::single(named(source, name, metadata.len())));
    }
    if !selected.is_recursive {
        return Err(Failure::Usage(format!("{source} is a directory: use --recursive")));
    }
    let (entries, skipped) = below_local(path, selected.filter, selected.links)?;
    let skipped = skipped.into_iter().filter(|skipped| !skipped.is_intended());
    let entries = entries.into_iter().map(Ok).chain(skipped.map(|skipped| Err(skipped.failure())));
    Ok(Source { itself: None, entries: stream::iter(entries.collect::<Vec<_>>()).boxed(), is_multiple: true })
}

async fn expand_below(client: &Client, uri: &LakeUri) -> Result<Source> {
    let itself = object(client, uri).await?;
    let mut entries = below(client, uri).await?;
    match (entries.try_next().await?, itself) {
        (Some(first), itself) => Ok(Source { itself, ..Source::multiple(first, entries) }),
        (None, Some(itself)) => Ok(Source::single(itself)),
        (None, None) => Err(not_found(uri)),
    }
}

/// Returns the entry for a location that the command names.
fn named(location: &Location, relative: &str, size_bytes: u64) -> Entry {
    let (location, relative) = (location.clone(), relative.to_owned());
    Entry { location, relative, size_bytes, etag: String::new(), is_listed: false, is_below_link: false }
}

fn last_segment(key: &str) -> &str {
    key.rsplit('/').next().unwrap_or(key)
}

/// Lists the objects with `prefix` for which `relative` returns a path.
async fn list(
    client: &Client,
    uri: &LakeUri,
    prefix: String,
    relative: impl Fn(&str) -> Option<String> + Send + 'static,
) -> Result<Entries> {
    let options = ListOptions { prefix, ..ListOptions::default() };
    let infos = client.list(&uri.place(), options).await.with_context(|| format!("list {uri}"))?;
    let uri = uri.clone();
    let entries = infos.filter_map(move |info| {
        let entry = info.with_context(|| format!("list {uri}")).map(|info| {
            let relative = relative(&info.path)?;
            Some(listed(&uri, info, relative))
        });
        ready(entry.transpose())
    });
    Ok(entries.boxed())
}

fn listed(uri: &LakeUri, info: FileInfo, relative: String) -> Entry {
    let size_bytes = u64::try_from(info.size_bytes).unwrap_or_default();
    let location = Location::Lake(uri.with_path(info.path));
    Entry { location, relative, size_bytes, etag: info.etag, is_listed: true, is_below_link: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefix_ends_at_a_segment_boundary() {
        assert_eq!([directory(""), directory("a"), directory("a/")], ["", "a/", "a/"]);
    }

    #[test]
    fn last_segment_of_a_key_may_be_empty() {
        assert_eq!([last_segment("a"), last_segment("a/b"), last_segment("a/")], ["a", "b", ""]);
    }

    #[test]
    fn source_selects_keys_at_and_below_its_path() {
        let filter = Filter::new(&[], &["*.tmp".to_owned()]).unwrap();
        for (source, key, expected) in [
            ("lakefs://r/m/a", "a/x", Some("x")),
            ("lakefs://r/m/a/", "a/x/y", Some("x/y")),
            ("lakefs://r/m/b/a", "b/a", Some("a")),
            ("lakefs://r/m/a", "ab", None),
            ("lakefs://r/m/a", "a/x.tmp", None),
            ("lakefs://r/m", "x", Some("x")),
            ("lakefs://r/m/a/*", "a/x", Some("x")),
            ("lakefs://r/m/a/*", "a/x/y", None),
        ] {
            let relative = relative_to(&source.parse().unwrap(), key, &filter).unwrap();
            assert_eq!(relative.as_deref(), expected, "{source} {key}");
        }
    }
}
