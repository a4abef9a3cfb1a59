//! Expands a source into the files or objects that it selects.

use crate::failure::{Context as _, Failure, Result};
use crate::globs::Pattern;
use crate::local::{LocalFile, files_below};
use crate::uri::{LakeUri, Location};
use futures_util::future::ready;
use futures_util::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use lakeport_client::v1::FileInfo;
use lakeport_client::{Client, ListOptions};
use std::io;
use std::path::Path;

/// A file or object of a source.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) location: Location,
    /// Path relative to the source. If the source is one file or object, the last segment of its path.
    pub(crate) relative: String,
    /// Size in bytes. 0 (unknown) for standard input, and for an object that the source names directly.
    pub(crate) size_bytes: u64,
    /// Etag of an object from a listing, otherwise empty.
    pub(crate) etag: String,
}

/// Stream of the entries of a source.
pub(crate) type Entries = BoxStream<'static, Result<Entry>>;

/// An expanded source.
pub(crate) struct Source {
    pub(crate) entries: Entries,
    /// Whether the source may have several entries. In that case the destination is a directory.
    pub(crate) is_multiple: bool,
}

/// Expands a source: with wildcards, into the matching objects; with `is_recursive`, into all files or objects below it.
///
/// # Errors
/// The source matches nothing, or it is a directory and `is_recursive` is not set.
pub(crate) async fn expand(client: &Client, source: &Location, is_recursive: bool) -> Result<Source> {
    match source {
        Location::Stdio => Ok(single(source, "-", 0)),
        Location::Local(path) => expand_local(source, path, is_recursive),
        Location::Lake(uri) => match Pattern::of(&uri.path)? {
            Some(pattern) => multiple(matching(client, uri, pattern).await?, source).await,
            None if is_recursive || uri.path.is_empty() => expand_below(client, uri, is_recursive).await,
            None => Ok(single(source, last_segment(&uri.path), 0)),
        },
    }
}

/// Lists all objects below a prefix. The relative paths omit the prefix. The list may be empty.
pub(crate) async fn below(client: &Client, uri: &LakeUri) -> Result<Entries> {
    let prefix = directory(&uri.path);
    list(client, uri, prefix.clone(), move |key| key.strip_prefix(&prefix).map(str::to_owned)).await
}

/// Lists the objects that match a pattern. The relative paths omit [`Pattern::directory`].
pub(crate) async fn matching(client: &Client, uri: &LakeUri, pattern: Pattern) -> Result<Entries> {
    let relative = move |key: &str| {
        let relative = key.strip_prefix(&pattern.directory)?;
        pattern.matches(key).then(|| relative.to_owned())
    };
    let prefix = Pattern::of(&uri.path)?.map(|pattern| pattern.prefix).unwrap_or_default();
    list(client, uri, prefix, relative).await
}

/// Converts a path to a prefix: appends `/`, unless the path is empty or already ends in `/`.
pub(crate) fn directory(path: &str) -> String {
    if path.is_empty() || path.ends_with('/') { path.to_owned() } else { format!("{path}/") }
}

/// Lists all files below a directory.
pub(crate) fn below_local(directory: &Path) -> Result<Vec<Entry>> {
    Ok(files_below(directory)?.into_iter().map(Entry::from).collect())
}

/// Returns the failure for a source that matches nothing.
pub(crate) fn not_found(source: &impl std::fmt::Display) -> Failure {
    let error = io::Error::new(io::ErrorKind::NotFound, "no objects or files found");
    Failure::Local { what: format!("list {source}"), error }
}

impl From<LocalFile> for Entry {
    fn from(file: LocalFile) -> Self {
        let LocalFile { relative, path, size_bytes } = file;
        Self { location: Location::Local(path), relative, size_bytes, etag: String::new() }
    }
}

fn expand_local(source: &Location, path: &Path, is_recursive: bool) -> Result<Source> {
    let metadata = std::fs::metadata(path).with_context(|| format!("read {source}"))?;
    if !metadata.is_dir() {
        let name = path.file_name().and_then(|name| name.to_str());
        let name =
            name.ok_or_else(|| Failure::Refused(format!("cannot use {source} as a key: its name is not UTF-8")))?;
        return Ok(single(source, name, metadata.len()));
    }
    if !is_recursive {
        return Err(Failure::Usage(format!("{source} is a directory: use --recursive")));
    }
    let entries = below_local(path)?;
    Ok(Source { entries: stream::iter(entries.into_iter().map(Ok)).boxed(), is_multiple: true })
}

async fn expand_below(client: &Client, uri: &LakeUri, is_recursive: bool) -> Result<Source> {
    let source = Location::Lake(uri.clone());
    if !is_recursive {
        return Err(Failure::Usage(format!("{source} has no path: use --recursive to copy all objects")));
    }
    multiple(below(client, uri).await?, &source).await
}

async fn multiple(mut entries: Entries, source: &Location) -> Result<Source> {
    let first = entries.try_next().await?.ok_or_else(|| not_found(source))?;
    Ok(Source { entries: stream::iter([Ok(first)]).chain(entries).boxed(), is_multiple: true })
}

fn single(source: &Location, relative: &str, size_bytes: u64) -> Source {
    let relative = relative.to_owned();
    let entry = Entry { location: source.clone(), relative, size_bytes, etag: String::new() };
    Source { entries: stream::iter([Ok(entry)]).boxed(), is_multiple: false }
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
    let listed = client.list(&uri.place(), options).await.with_context(|| format!("list {uri}"))?;
    let uri = uri.clone();
    let entries = listed.filter_map(move |info| {
        let entry = info.with_context(|| format!("list {uri}")).map(|info| entry(&uri, info, &relative));
        ready(entry.transpose())
    });
    Ok(entries.boxed())
}

fn entry(uri: &LakeUri, info: FileInfo, relative: &impl Fn(&str) -> Option<String>) -> Option<Entry> {
    let relative = relative(&info.path)?;
    let size_bytes = u64::try_from(info.size_bytes).unwrap_or_default();
    Some(Entry { location: Location::Lake(uri.with_path(info.path)), relative, size_bytes, etag: info.etag })
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
}
