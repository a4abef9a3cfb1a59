//! Copies within a branch or transaction whose source and destination overlap.

use crate::failure::Result;
use crate::globs::Filter;
use crate::session::usage_error;
use crate::sources::{Source, directory, relative_to};
use crate::transfer::target;
use crate::uri::{LakeUri, Location};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

/// Fails if both are in the same branch or transaction, and one tree contains the other.
pub(crate) fn check_trees(from: &Location, to: &Location) -> Result<()> {
    let (Location::Lake(source), Location::Lake(destination)) = (from, to) else { return Ok(()) };
    let (one, other) = (directory(&source.path), directory(&destination.path));
    let is_nested = one.starts_with(&other) || other.starts_with(&one);
    match is_nested && source.may_contain_writes_to(destination) {
        true => usage_error(format!("{from} and {to} overlap: choose another destination")),
        false => Ok(()),
    }
}

/// Fails if a copy would store an object that `from` itself selects: the result would depend on the order of the copies, and a
/// tree would be copied into itself. To check all copies before the first one, reads the whole listing.
pub(crate) async fn without_overlap(source: Source, from: &Location, to: &Location, filter: &Filter) -> Result<Source> {
    let (Location::Lake(uri), Location::Lake(destination), true) = (from, to, source.is_multiple) else {
        return Ok(source);
    };
    if !uri.may_contain_writes_to(destination) {
        return Ok(source);
    }
    let Source { itself, entries, is_multiple } = source;
    let entries: Vec<_> = entries.try_collect().await?;
    for entry in entries.iter().filter(|entry| filter.accepts(&entry.relative)) {
        if let Location::Lake(target) = target(to, &entry.relative, true)? {
            check(uri, &target, &entry.location, filter)?;
        }
    }
    Ok(Source { itself, entries: stream::iter(entries.into_iter().map(Ok)).boxed(), is_multiple })
}

fn check(source: &LakeUri, target: &LakeUri, from: &Location, filter: &Filter) -> Result<()> {
    match relative_to(source, &target.path, filter)? {
        None => Ok(()),
        Some(_) => usage_error(format!(
            "{source} contains the destination {target} of {from}: choose another destination, or exclude it with --exclude"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_overlap_only_in_the_same_branch_or_transaction() {
        for (from, to, is_refused) in [
            ("lakefs://r/main/a", "lakefs://r/main/a/copy", true),
            ("lakefs://r/main/a/", "lakefs://r/main/a", true),
            ("lakefs://r/main/a/copy", "lakefs://r/main/a", true),
            ("lakefs://r/main", "lakefs://r/main/a", true),
            ("lakefs://r/main$/a", "lakefs://r/main/a/copy", true),
            ("lakefs://r/tx:t/a", "lakefs://r/tx:t/a/copy", true),
            ("lakefs://r/lakeport-tx-1/a", "lakefs://r/tx:t/a/copy", true),
            ("lakefs://r/main/a", "lakefs://r/main/ab", false),
            ("lakefs://r/main/a", "lakefs://r/side/a/copy", false),
            ("lakefs://r/main~1/a", "lakefs://r/main/a/copy", false),
            ("lakefs://r/main/a", "lakefs://r/tx:t/a/copy", false),
            ("lakefs://r/main/a", "lakefs://s/main/a/copy", false),
            ("a", "lakefs://r/main/a", false),
        ] {
            let checked = check_trees(&from.parse().unwrap(), &to.parse().unwrap());
            assert_eq!(checked.is_err(), is_refused, "{from} {to}");
        }
    }
}
