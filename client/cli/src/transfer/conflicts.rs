//! Objects whose path a local file system needs as a directory.

use crate::failure::{Failure, Result};
use crate::sources::Entry;
use futures_util::future::ready;
use futures_util::stream::{self, BoxStream, StreamExt as _};

/// Replaces each entry whose path is a directory of another entry with a failure: of `x` and `x/y`, only `x/y` can be a local file.
/// The entries must be in the byte order of their relative paths.
pub(crate) fn reject_conflicts<'a>(entries: BoxStream<'a, Result<Entry>>) -> BoxStream<'a, Result<Entry>> {
    let mut waiting = Vec::new();
    // `None` marks the end.
    let entries = entries.map(Some).chain(stream::once(ready(None)));
    let checked = entries.map(move |entry| match entry {
        Some(Ok(entry)) => {
            let done = settle(&mut waiting, &entry.relative);
            waiting.push(entry);
            done
        }
        Some(Err(failure)) => vec![Err(failure)],
        None => waiting.drain(..).map(Ok).collect(),
    });
    checked.flat_map(stream::iter).boxed()
}

/// Removes the entries for which `next` decides whether their path is a directory. The others sort between `x` and `x/`.
fn settle(waiting: &mut Vec<Entry>, next: &str) -> Vec<Result<Entry>> {
    let mut done = Vec::new();
    waiting.retain(|entry| {
        let directory = format!("{}/", entry.relative);
        if next.starts_with(&directory) {
            done.push(Err(conflict(entry)));
        } else if next > directory.as_str() {
            done.push(Ok(entry.clone()));
        } else {
            return true;
        }
        false
    });
    done
}

fn conflict(entry: &Entry) -> Failure {
    let why = "other objects need its path as a directory";
    Failure::Refused(format!("cannot write {} to a local file: {why}", entry.location))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uri::Location;
    use futures_util::stream::TryStreamExt as _;

    #[tokio::test]
    async fn entry_at_the_path_of_a_directory_is_rejected() {
        let entry = |key: &&str| Entry {
            location: Location::Local((*key).into()),
            relative: (*key).to_owned(),
            size_bytes: 0,
            etag: String::new(),
            is_listed: true,
            is_below_link: false,
        };
        let mut keys = ["", "a", "a!", "a!/x", "a-b", "a/", "a/b", "a/b/c", "a0", "b", "b-", "b0", "c/", "c/d"];
        keys.sort_unstable();
        let entries: Vec<_> = keys.iter().map(entry).map(Ok).collect();
        let checked = reject_conflicts(stream::iter(entries).boxed());
        let mut accepted: Vec<_> = checked
            .filter_map(|entry| ready(entry.ok()))
            .map(|entry| Ok::<_, Failure>(entry.relative))
            .try_collect()
            .await
            .unwrap();
        accepted.sort_unstable();
        assert_eq!(accepted, ["", "a!/x", "a-b", "a/", "a/b/c", "a0", "b", "b-", "b0", "c/", "c/d"]);
    }
}
