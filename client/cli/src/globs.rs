//! Selection of keys: wildcards in paths, `--include` and `--exclude`.

use crate::failure::{Failure, Result};
use globset::{Glob, GlobBuilder, GlobMatcher, GlobSet, GlobSetBuilder};

/// Characters that make a path a pattern. To match one of them literally, write `[*]`, `[?]` or `[[]`.
const WILDCARDS: [char; 3] = ['*', '?', '['];

/// Parses a glob. `*` and `?` do not match `/`, as in a shell; `**` does.
fn glob(pattern: &str) -> Result<Glob> {
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
}

impl Filter {
    /// Creates a filter for paths that match at least one pattern of `include` and no pattern of `exclude`. An empty `include`
    /// matches all paths. Fails if a pattern is invalid.
    pub(crate) fn new(include: &[String], exclude: &[String]) -> Result<Self> {
        let include = if include.is_empty() { None } else { Some(set(include)?) };
        Ok(Self { include, exclude: set(exclude)? })
    }

    /// Returns whether a relative path passes the filter.
    pub(crate) fn accepts(&self, relative: &str) -> bool {
        self.include.as_ref().is_none_or(|include| include.is_match(relative)) && !self.exclude.is_match(relative)
    }
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
    }

    #[test]
    fn exclude_takes_precedence_over_include() {
        let filter = Filter::new(&strings(&["**/*.csv"]), &strings(&["tmp/**"])).unwrap();
        assert!(filter.accepts("a.csv") && filter.accepts("x/a.csv"));
        assert!(!filter.accepts("tmp/a.csv") && !filter.accepts("a.txt"));
        assert!(Filter::default().accepts("anything"));
    }
}
