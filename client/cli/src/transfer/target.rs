//! Where a copy belongs.

use crate::failure::{Failure, Result};
use crate::local::below;
use crate::session::usage;
use crate::sources::directory;
use crate::uri::Location;
use std::path::Path;

/// Refuses what is not between here and a lake, or between lakes.
///
/// # Errors
/// When neither end is in a lake.
pub(crate) fn check_ends(from: &Location, to: &Location) -> Result<()> {
    match (from, to) {
        (Location::Lake(_), _) | (_, Location::Lake(_)) => Ok(()),
        _ => usage(format!("neither {from} nor {to} is in a lake: write lakefs://REPOSITORY/REF/PATH")),
    }
}

/// What a source becomes at `to`: `to` itself, or `relative` in it where it is a directory. It is one if `is_directory`, if it
/// ends in `/`, if it is a whole version, or a directory that is here already.
///
/// # Errors
/// When there is no such place, or it would be outside of `to`.
pub(crate) fn target(to: &Location, relative: &str, is_directory: bool) -> Result<Location> {
    match to {
        Location::Stdio if is_directory => usage("many objects cannot go to standard output: name one, or use cat"),
        Location::Stdio => Ok(Location::Stdio),
        Location::Lake(uri) if is_directory || uri.path.is_empty() || uri.path.ends_with('/') => {
            let path = format!("{}{}", directory(&uri.path), named(relative)?);
            Ok(Location::Lake(uri.with_path(path)))
        }
        Location::Lake(_) => Ok(to.clone()),
        Location::Local(path) if is_directory || is_local_directory(path) => {
            below(path, named(relative)?).map(Location::Local)
        }
        Location::Local(_) => Ok(to.clone()),
    }
}

fn is_local_directory(path: &Path) -> bool {
    path.as_os_str().to_str().is_some_and(|path| path.ends_with(std::path::is_separator)) || path.is_dir()
}

/// Standard input has no name.
fn named(relative: &str) -> Result<&str> {
    match relative {
        "-" => Err(Failure::Usage("standard input has no name: name the object, not its prefix".to_owned())),
        name => Ok(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn becomes(to: &str, relative: &str, is_directory: bool) -> Result<String> {
        target(&to.parse().unwrap(), relative, is_directory).map(|target| target.to_string())
    }

    #[test]
    fn a_name_is_kept_and_a_directory_is_filled() {
        for (to, relative, is_directory, expected) in [
            ("lakefs://r/m/a", "x", false, "lakefs://r/m/a"),
            ("lakefs://r/m/a/", "x", false, "lakefs://r/m/a/x"),
            ("lakefs://r/m", "x", false, "lakefs://r/m/x"),
            ("lakefs://r/m/a", "x/y", true, "lakefs://r/m/a/x/y"),
            ("/nonexistent/a", "x", false, "/nonexistent/a"),
            ("/nonexistent/a/", "x", false, "/nonexistent/a/x"),
            ("/nonexistent/a", "x/y", true, "/nonexistent/a/x/y"),
            ("/", "x", false, "/x"),
            ("-", "x", false, "-"),
        ] {
            assert_eq!(becomes(to, relative, is_directory).unwrap(), expected, "{to}");
        }
    }

    #[test]
    fn nothing_leaves_the_target() {
        for relative in ["../x", "/etc/passwd", "a/../../x", "a//b", ""] {
            assert!(becomes("/nonexistent/a", relative, true).is_err(), "{relative}");
        }
        assert_eq!(becomes("lakefs://r/m/a", "../x", true).unwrap(), "lakefs://r/m/a/../x");
    }

    #[test]
    fn many_do_not_go_to_standard_output_and_none_without_a_name_to_a_directory() {
        assert!(matches!(becomes("-", "x", true), Err(Failure::Usage(_))));
        assert!(matches!(becomes("lakefs://r/m/", "-", false), Err(Failure::Usage(_))));
    }

    #[test]
    fn one_end_is_in_a_lake() {
        let end = |text: &str| text.parse::<Location>().unwrap();
        assert!(check_ends(&end("a"), &end("-")).is_err());
        assert!(check_ends(&end("a"), &end("lakefs://r/m")).is_ok());
        assert!(check_ends(&end("lakefs://r/m/a"), &end("-")).is_ok());
    }
}
