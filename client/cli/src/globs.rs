//! Selection of keys: wildcards in paths, `--include` and `--exclude`.

use crate::failure::{Failure, Result};
use globset::{Glob, GlobBuilder, GlobMatcher, GlobSet, GlobSetBuilder};

/// Characters that make a path a pattern. To match one of them literally, write `[*]`, `[?]` or `[[]`.
const WILDCARDS: [char; 3] = ['*', '?', '['];

/// Maximum length of a pattern, in bytes: that of a key. A longer pattern could exceed the size of a compiled pattern.
const MAX_LENGTH: usize = 1024;

/// Parses a glob. `*` and `?` do not match `/`, as in a shell; `**` does.
fn glob(pattern: &str) -> Result<Glob> {
    if pattern.len() > MAX_LENGTH {
        let message =
            format!("a pattern has {} bytes, and at most {MAX_LENGTH} are allowed: shorten it", pattern.len());
        return Err(Failure::Usage(message));
    }
    let glob = GlobBuilder::new(pattern).literal_separator(true).backslash_escape(true).build();
    glob.map_err(|error| Failure::Usage(format!("invalid pattern {pattern:?}: {}", error.kind())))
}

/// A path with wildcards.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    /// Literal prefix of every match.
    pub(crate) prefix: String,
    /// Prefix to strip from a match to get its relative path. Empty, or ends in `/`.
    pub(crate) directory: String,
    matcher: GlobMatcher,
}

impl Pattern {
    /// Parses a path. Returns `None` if the path has no wildcard. Fails if the pattern is invalid.
    pub(crate) fn of(path: &str) -> Result<Option<Self>> {
        let Some(first) = path.find(WILDCARDS) else { return Ok(None) };
        // In a pattern, `\` and `{` are special, too, so the literal prefix ends before them.
        let prefix = path[..first].split(['\\', '{']).next().unwrap_or_default().to_owned();
        let directory = prefix.rfind('/').map(|slash| prefix[..=slash].to_owned()).unwrap_or_default();
        Ok(Some(Self { directory, prefix, matcher: glob(path)?.compile_matcher() }))
    }

    /// Returns the path of a key relative to [`Pattern::directory`]. `None` if the key does not match.
    pub(crate) fn relative<'a>(&self, key: &'a str) -> Option<&'a str> {
        key.strip_prefix(&self.directory).filter(|_| self.matches(key))
    }

    /// Returns whether a key matches.
    pub(crate) fn matches(&self, key: &str) -> bool {
        self.matcher.is_match(key)
    }
}

/// Filter of relative paths, from `--include` and `--exclude`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    include: Option<GlobSet>,
    exclude: GlobSet,
    /// Directories that may have files that `include` matches. `None`: all.
    include_below: Option<GlobSet>,
    /// Directories of which `exclude` matches everything.
    exclude_below: GlobSet,
}

impl Filter {
    /// Creates a filter for paths that match at least one pattern of `include` and no pattern of `exclude`. An empty `include`
    /// matches all paths. Fails if a pattern is invalid.
    pub(crate) fn new(include: &[String], exclude: &[String]) -> Result<Self> {
        let parents = include.iter().map(|pattern| parents(pattern)).collect::<Option<Vec<_>>>();
        let trees: Vec<_> = exclude.iter().filter_map(|pattern| tree(pattern)).flatten().collect();
        Ok(Self {
            include: if include.is_empty() { None } else { Some(set(include)?) },
            exclude: set(exclude)?,
            include_below: match parents {
                Some(parents) if !include.is_empty() => Some(set(&parents.concat())?),
                _ => None,
            },
            exclude_below: set(&trees)?,
        })
    }

    /// Returns whether `exclude` matches a path, as a file or as a directory.
    pub(crate) fn excludes(&self, relative: &str) -> bool {
        self.exclude.is_match(relative) || self.exclude.is_match(format!("{relative}/"))
    }

    /// Returns whether a path below a directory may pass the filter.
    pub(crate) fn may_accept_below(&self, directory: &str) -> bool {
        self.include_below.as_ref().is_none_or(|include| include.is_match(directory))
            && !self.exclude_below.is_match(directory)
    }

    /// Returns whether a relative path passes the filter.
    pub(crate) fn accepts(&self, relative: &str) -> bool {
        self.include.as_ref().is_none_or(|include| include.is_match(relative)) && !self.exclude.is_match(relative)
    }
}

/// Returns patterns for the directories that may contain a match of a pattern. `None`: all directories.
fn parents(pattern: &str) -> Option<Vec<String>> {
    // These characters can surround or escape a slash.
    if pattern.contains(['{', '[', '\\']) {
        return None;
    }
    let segments: Vec<_> = pattern.split('/').collect();
    let any_depth = segments.iter().position(|segment| segment.contains("**"));
    let last = any_depth.unwrap_or(segments.len() - 1);
    let mut parents: Vec<_> = (1..=last).map(|depth| segments[..depth].join("/")).collect();
    match any_depth {
        Some(0) => return None,
        Some(depth) => parents.push(format!("{}/**", segments[..depth].join("/"))),
        None => {}
    }
    Some(parents)
}

/// Returns patterns for the directories of which a pattern matches everything. `None` if there are none.
fn tree(pattern: &str) -> Option<[String; 2]> {
    let directory = if pattern == "**" { pattern } else { pattern.strip_suffix("/**")? };
    glob(directory).ok().map(|_| [directory.to_owned(), pattern.to_owned()])
}

fn set(patterns: &[String]) -> Result<GlobSet> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(glob(pattern)?);
    }
    set.build().map_err(|error| Failure::Usage(format!("cannot combine the patterns: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn star_does_not_match_a_slash() {
        let pattern = Pattern::of("data/2024-*/x?.csv").unwrap().unwrap();
        assert_eq!((pattern.prefix.as_str(), pattern.directory.as_str()), ("data/2024-", "data/"));
        assert!(pattern.matches("data/2024-01/x1.csv"));
        assert!(!pattern.matches("data/2024-01/sub/x1.csv") && !pattern.matches("data/2024-01/x/.csv"));
        assert!(Pattern::of("data/**/x.csv").unwrap().unwrap().matches("data/a/b/x.csv"));
    }

    #[test]
    fn key_without_wildcards_is_not_a_pattern() {
        for key in ["", "a/b", "../x", "{a}", "a\\b"] {
            assert!(Pattern::of(key).unwrap().is_none(), "{key}");
        }
    }

    #[test]
    fn wildcards_can_be_escaped() {
        for text in ["a/x[*]y", "a/x\\*y"] {
            let pattern = Pattern::of(text).unwrap().unwrap();
            assert!(pattern.matches("a/x*y") && !pattern.matches("a/xzy"), "{text}");
            assert_eq!(pattern.prefix, "a/x");
        }
    }

    #[test]
    fn invalid_pattern_is_a_usage_error() {
        assert!(matches!(Pattern::of("a[").unwrap_err(), Failure::Usage(_)));
        assert!(Filter::new(&strings(&["a["]), &[]).is_err());
        assert!(matches!(Pattern::of(&"*a".repeat(100_000)).unwrap_err(), Failure::Usage(_)));
    }

    #[test]
    fn directories_without_selected_files_are_known() {
        let may = |include: &[&str], exclude: &[&str], directory: &str| {
            Filter::new(&strings(include), &strings(exclude)).unwrap().may_accept_below(directory)
        };
        assert!(may(&[], &[], "a"));
        for (include, directory, expected) in [
            ("*.csv", "a", false),
            ("*/*.csv", "a", true),
            ("*/*.csv", "a/b", false),
            ("a/b/*.csv", "a", true),
            ("a/b/*.csv", "b", false),
            ("a/**", "a", true),
            ("a/**", "a/b/c", true),
            ("a/**", "b", false),
            ("a/**/x.csv", "a/b", true),
            ("**/*.csv", "a/b", true),
            ("{a/b,c}", "a", true),
            ("a\\/b", "a", true),
        ] {
            assert_eq!(may(&[include], &[], directory), expected, "{include} {directory}");
        }
        assert!(may(&["a/*", "**/x"], &[], "b"));
        for (exclude, directory, expected) in [
            ("a/**", "a", false),
            ("a/**", "a/b", false),
            ("a/**", "b", true),
            ("a/*", "a", true),
            ("a", "a", true),
            ("**", "a", false),
            ("**/a/**", "b/a", false),
            ("{a,b}/**", "b", false),
        ] {
            assert_eq!(may(&[], &[exclude], directory), expected, "{exclude} {directory}");
        }
    }

    #[test]
    fn exclude_takes_precedence_over_include() {
        let filter = Filter::new(&strings(&["**/*.csv"]), &strings(&["tmp/**"])).unwrap();
        assert!(filter.accepts("a.csv") && filter.accepts("x/a.csv"));
        assert!(!filter.accepts("tmp/a.csv") && !filter.accepts("a.txt"));
        assert!(Filter::default().accepts("anything"));
    }
}
