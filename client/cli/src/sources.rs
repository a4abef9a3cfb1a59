//! What a source stands for: one object or file, or many.

use crate::failure::{Failure, Result, While as _};
use crate::globs::Pattern;
use crate::local::{LocalFile, files_below};
use crate::uri::{LakeUri, Location};
use futures_util::future::ready;
use futures_util::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use lakeport_client::v1::FileInfo;
use lakeport_client::{Client, ListOptions};
use std::io;
use std::path::Path;

/// A file or an object that a source stands for.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// Where it is.
    pub(crate) location: Location,
    /// Its path within the source; the last part of its path where the source is the thing itself.
    pub(crate) relative: String,
    /// Bytes; not known of standard input, nor of an object that was named.
    pub(crate) size_bytes: u64,
    /// Of an object from a list, else empty.
    pub(crate) etag: String,
}

/// What sources stand for, as it is found.
pub(crate) type Finds = BoxStream<'static, Result<Found>>;

/// A source that was looked at.
pub(crate) struct Source {
    /// What it stands for.
    pub(crate) finds: Finds,
    /// Whether it stands for many, so that a destination is a directory.
    pub(crate) is_many: bool,
}

/// What a source stands for: with wildcards the objects that match, with `is_recursive` all below it.
///
/// # Errors
/// When it stands for nothing, or is a directory and not `is_recursive`.
pub(crate) async fn find(client: &Client, source: &Location, is_recursive: bool) -> Result<Source> {
    match source {
        Location::Stdio => Ok(one(source, "-", 0)),
        Location::Local(path) => find_local(source, path, is_recursive),
        Location::Lake(uri) => match Pattern::of(&uri.path)? {
            Some(pattern) => many(matching(client, uri, pattern).await?, source).await,
            None if is_recursive || uri.path.is_empty() => find_below(client, uri, is_recursive).await,
            None => Ok(one(source, last_part(&uri.path), 0)),
        },
    }
}

/// All objects below a prefix, by their paths behind it. There may be none.
///
/// # Errors
/// When they cannot be listed.
pub(crate) async fn below(client: &Client, uri: &LakeUri) -> Result<Finds> {
    let prefix = directory(&uri.path);
    list(client, uri, prefix.clone(), move |key| key.strip_prefix(&prefix).map(str::to_owned)).await
}

/// Objects that match a pattern, by their paths behind its last directory without wildcards.
///
/// # Errors
/// When they cannot be listed.
pub(crate) async fn matching(client: &Client, uri: &LakeUri, pattern: Pattern) -> Result<Finds> {
    let relative = move |key: &str| {
        let relative = key.strip_prefix(&pattern.directory)?;
        pattern.matches(key).then(|| relative.to_owned())
    };
    let prefix = Pattern::of(&uri.path)?.map(|pattern| pattern.prefix).unwrap_or_default();
    list(client, uri, prefix, relative).await
}

/// A path as the beginning of what is below it: ends in `/`, or is empty.
pub(crate) fn directory(path: &str) -> String {
    if path.is_empty() || path.ends_with('/') { path.to_owned() } else { format!("{path}/") }
}

/// All files below a directory.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn below_local(directory: &Path) -> Result<Vec<Found>> {
    Ok(files_below(directory)?.into_iter().map(Found::from).collect())
}

/// Why a source is none.
pub(crate) fn nothing_there(source: &impl std::fmt::Display) -> Failure {
    let error = io::Error::new(io::ErrorKind::NotFound, "there is nothing");
    Failure::Local { what: format!("look for {source}"), error }
}

impl From<LocalFile> for Found {
    fn from(file: LocalFile) -> Self {
        let LocalFile { relative, path, size_bytes } = file;
        Self { location: Location::Local(path), relative, size_bytes, etag: String::new() }
    }
}

fn find_local(source: &Location, path: &Path, is_recursive: bool) -> Result<Source> {
    let metadata = std::fs::metadata(path).during(|| format!("read {source}"))?;
    if !metadata.is_dir() {
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| Failure::Refused(format!("the name of {source} is not UTF-8, as keys are")))?;
        return Ok(one(source, name, metadata.len()));
    }
    if !is_recursive {
        return Err(Failure::Usage(format!("{source} is a directory: say --recursive")));
    }
    let finds = below_local(path)?;
    Ok(Source { finds: stream::iter(finds.into_iter().map(Ok)).boxed(), is_many: true })
}

async fn find_below(client: &Client, uri: &LakeUri, is_recursive: bool) -> Result<Source> {
    let source = Location::Lake(uri.clone());
    if !is_recursive {
        return Err(Failure::Usage(format!("{source} is a whole version: say --recursive")));
    }
    many(below(client, uri).await?, &source).await
}

async fn many(mut finds: Finds, source: &Location) -> Result<Source> {
    let first = finds.try_next().await?.ok_or_else(|| nothing_there(source))?;
    Ok(Source { finds: stream::iter([Ok(first)]).chain(finds).boxed(), is_many: true })
}

fn one(source: &Location, relative: &str, size_bytes: u64) -> Source {
    let relative = relative.to_owned();
    let found = Found { location: source.clone(), relative, size_bytes, etag: String::new() };
    Source { finds: stream::iter([Ok(found)]).boxed(), is_many: false }
}

fn last_part(key: &str) -> &str {
    key.rsplit('/').next().unwrap_or(key)
}

/// Objects that have a relative path.
async fn list(
    client: &Client,
    uri: &LakeUri,
    prefix: String,
    relative: impl Fn(&str) -> Option<String> + Send + 'static,
) -> Result<Finds> {
    let options = ListOptions { prefix, ..ListOptions::default() };
    let listed = client.list(&uri.place(), options).await.during(|| format!("list {uri}"))?;
    let uri = uri.clone();
    let finds = listed.filter_map(move |info| {
        let found = info.during(|| format!("list {uri}")).map(|info| found(&uri, info, &relative));
        ready(found.transpose())
    });
    Ok(finds.boxed())
}

fn found(uri: &LakeUri, info: FileInfo, relative: &impl Fn(&str) -> Option<String>) -> Option<Found> {
    let relative = relative(&info.path)?;
    let size_bytes = u64::try_from(info.size_bytes).unwrap_or_default();
    Some(Found { location: Location::Lake(uri.with_path(info.path)), relative, size_bytes, etag: info.etag })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_never_takes_what_only_begins_alike() {
        assert_eq!([directory(""), directory("a"), directory("a/")], ["", "a/", "a/"]);
    }

    #[test]
    fn the_last_part_of_a_key_may_be_empty() {
        assert_eq!([last_part("a"), last_part("a/b"), last_part("a/")], ["a", "b", ""]);
    }
}
