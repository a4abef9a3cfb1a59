//! Which keys are meant: wildcards in a path, `--include` and `--exclude`.

use crate::failure::{Failure, Result};
use globset::{Glob, GlobBuilder, GlobMatcher, GlobSet, GlobSetBuilder};

/// What makes a path a pattern. A key that contains one of them is written with `[*]`, `[?]` or `[[]`.
const WILDCARDS: [char; 3] = ['*', '?', '['];

/// `*` and `?` stay within `/`, as in a shell; `**` does not.
fn glob(pattern: &str) -> Result<Glob> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).backslash_escape(true).build();
    glob.map_err(|error| Failure::Usage(format!("{pattern:?} is no pattern: {}", error.kind())))
}

/// A path with wildcards.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    /// What every match begins with.
    pub(crate) prefix: String,
    /// What is left out of a match to have its relative path: ends in `/`, or is empty.
    pub(crate) directory: String,
    matcher: GlobMatcher,
}

impl Pattern {
    /// The pattern that a path is; `None` where it is a plain key.
    ///
    /// # Errors
    /// When the pattern is broken.
    pub(crate) fn of(path: &str) -> Result<Option<Self>> {
        let Some(first) = path.find(WILDCARDS) else { return Ok(None) };
        // Inside a pattern, `\` and `{` have a meaning too, so what is surely literal ends before them.
        let prefix = path[..first].split(['\\', '{']).next().unwrap_or_default().to_owned();
        let directory = prefix.rfind('/').map(|slash| prefix[..=slash].to_owned()).unwrap_or_default();
        Ok(Some(Self { directory, prefix, matcher: glob(path)?.compile_matcher() }))
    }

    /// Whether a key is meant.
    pub(crate) fn matches(&self, key: &str) -> bool {
        self.matcher.is_match(key)
    }
}

/// `--include` and `--exclude`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    include: Option<GlobSet>,
    exclude: GlobSet,
}

impl Filter {
    /// Takes what one of `include` matches (everything, if there is none) and none of `exclude` does.
    ///
    /// # Errors
    /// When a pattern is broken.
    pub(crate) fn new(include: &[String], exclude: &[String]) -> Result<Self> {
        let include = if include.is_empty() { None } else { Some(set(include)?) };
        Ok(Self { include, exclude: set(exclude)? })
    }

    /// Whether a relative path is taken.
    pub(crate) fn takes(&self, relative: &str) -> bool {
        self.include.as_ref().is_none_or(|include| include.is_match(relative)) && !self.exclude.is_match(relative)
    }
}

fn set(patterns: &[String]) -> Result<GlobSet> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(glob(pattern)?);
    }
    set.build().map_err(|error| Failure::Usage(format!("the patterns cannot be used together: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn a_star_stays_within_a_slash() {
        let pattern = Pattern::of("data/2024-*/x?.csv").unwrap().unwrap();
        assert_eq!((pattern.prefix.as_str(), pattern.directory.as_str()), ("data/2024-", "data/"));
        assert!(pattern.matches("data/2024-01/x1.csv"));
        assert!(!pattern.matches("data/2024-01/sub/x1.csv") && !pattern.matches("data/2024-01/x/.csv"));
        assert!(Pattern::of("data/**/x.csv").unwrap().unwrap().matches("data/a/b/x.csv"));
    }

    #[test]
    fn a_plain_key_is_no_pattern() {
        for key in ["", "a/b", "../x", "{a}", "a\\b"] {
            assert!(Pattern::of(key).unwrap().is_none(), "{key}");
        }
    }

    #[test]
    fn a_wildcard_can_be_meant_literally() {
        for text in ["a/x[*]y", "a/x\\*y"] {
            let pattern = Pattern::of(text).unwrap().unwrap();
            assert!(pattern.matches("a/x*y") && !pattern.matches("a/xzy"), "{text}");
            assert_eq!(pattern.prefix, "a/x");
        }
    }

    #[test]
    fn a_broken_pattern_is_a_mistake_of_the_caller() {
        assert!(matches!(Pattern::of("a[").unwrap_err(), Failure::Usage(_)));
        assert!(Filter::new(&strings(&["a["]), &[]).is_err());
    }

    #[test]
    fn what_is_excluded_is_never_taken() {
        let filter = Filter::new(&strings(&["**/*.csv"]), &strings(&["tmp/**"])).unwrap();
        assert!(filter.takes("a.csv") && filter.takes("x/a.csv"));
        assert!(!filter.takes("tmp/a.csv") && !filter.takes("a.txt"));
        assert!(Filter::default().takes("anything"));
    }
}
