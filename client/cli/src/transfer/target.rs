//! Destination of a copy.

use crate::failure::Result;
use crate::local::{below, is_directory_path};
use crate::session::usage_error;
use crate::sources::directory;
use crate::uri::Location;
use std::path::Path;

/// Fails if neither location is a lakefs:// URI.
pub(crate) fn check_locations(from: &Location, to: &Location) -> Result<()> {
    match (from, to) {
        (Location::Lake(_), _) | (_, Location::Lake(_)) => Ok(()),
        _ => usage_error(format!(
            "neither {from} nor {to} is a lakefs:// URI: write lakefs://REPOSITORY/REF/PATH for at least one of them"
        )),
    }
}

/// Returns the destination of one file or object: `to` itself, or `relative` below `to` if `to` is a directory. `to` is a
/// directory if `is_directory` is set, if it ends in `/`, if it is a URI without a path, or if it is an existing local directory.
///
/// # Errors
/// `relative` would leave the local directory `to`.
pub(crate) fn target(to: &Location, relative: &str, is_directory: bool) -> Result<Location> {
    match to {
        Location::Stdio => Ok(Location::Stdio),
        Location::Lake(uri) if is_directory || uri.path.is_empty() || uri.path.ends_with('/') => {
            Ok(Location::Lake(uri.with_path(format!("{}{relative}", directory(&uri.path)))))
        }
        Location::Lake(_) => Ok(to.clone()),
        Location::Local(path) if is_directory || is_local_directory(path) => below(path, relative).map(Location::Local),
        Location::Local(_) => Ok(to.clone()),
    }
}

fn is_local_directory(path: &Path) -> bool {
    is_directory_path(path) || path.is_dir()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(to: &str, relative: &str, is_directory: bool) -> Result<String> {
        target(&to.parse().unwrap(), relative, is_directory).map(|target| target.to_string())
    }

    #[test]
    fn relative_path_is_appended_only_to_directories() {
        for (to, relative, is_directory, expected) in [
            ("lakefs://r/m/a", "x", false, "lakefs://r/m/a"),
            ("lakefs://r/m/a/", "x", false, "lakefs://r/m/a/x"),
            ("lakefs://r/m/a/", "-", false, "lakefs://r/m/a/-"),
            ("lakefs://r/m", "x", false, "lakefs://r/m/x"),
            ("lakefs://r/m/a", "x/y", true, "lakefs://r/m/a/x/y"),
            ("/nonexistent/a", "x", false, "/nonexistent/a"),
            ("/nonexistent/a/", "x", false, "/nonexistent/a/x"),
            ("/nonexistent/a", "x/y", true, "/nonexistent/a/x/y"),
            ("/nonexistent/a", "x/", true, "/nonexistent/a/x/"),
            ("/nonexistent/a", "", true, "/nonexistent/a/"),
            ("lakefs://r/m/a", "x/", true, "lakefs://r/m/a/x/"),
            ("lakefs://r/m/a", "", true, "lakefs://r/m/a/"),
            ("/", "x", false, "/x"),
            ("-", "x", false, "-"),
        ] {
            assert_eq!(resolved(to, relative, is_directory).unwrap(), expected, "{to}");
        }
    }

    #[test]
    fn keys_cannot_leave_a_local_directory() {
        for relative in ["../x", "/etc/passwd", "a/../../x", "a//b"] {
            assert!(resolved("/nonexistent/a", relative, true).is_err(), "{relative}");
        }
        assert_eq!(resolved("lakefs://r/m/a", "../x", true).unwrap(), "lakefs://r/m/a/../x");
    }

    #[test]
    fn at_least_one_location_must_be_a_lakefs_uri() {
        let end = |text: &str| text.parse::<Location>().unwrap();
        assert!(check_locations(&end("a"), &end("-")).is_err());
        assert!(check_locations(&end("a"), &end("lakefs://r/m")).is_ok());
        assert!(check_locations(&end("lakefs://r/m/a"), &end("-")).is_ok());
    }
}
