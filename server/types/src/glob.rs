//! Glob patterns for object keys.

mod matcher;
mod parser;

use matcher::Key;

/// Maximum length of a pattern, in bytes.
const MAX_BYTES: usize = 1024;
/// Maximum number of nested groups (`{…}`).
const MAX_DEPTH: usize = 8;
/// Maximum number of patterns that result if all groups are expanded: `{a,b}{c,d}` expands to 4.
const MAX_ALTERNATIVES: usize = 64;
/// Maximum number of different character classes (`[…]`). A match tests each class on each character of a key.
const MAX_CLASSES: usize = 16;

/// Error for an invalid pattern. The message continues the name of the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidGlob {
    /// The pattern is too long.
    #[error("has {bytes} bytes, and at most {MAX_BYTES} are allowed: use a shorter pattern, or filter in the client")]
    TooLong {
        /// Length of the pattern, in bytes.
        bytes: usize,
    },
    /// Groups are nested too deeply.
    #[error("has more than {MAX_DEPTH} nested groups: use a simpler pattern, or filter in the client")]
    TooDeep,
    /// The groups expand to too many patterns.
    #[error("expands to more than {MAX_ALTERNATIVES} alternatives: send several requests, or filter in the client")]
    TooManyAlternatives,
    /// There are too many character classes.
    #[error("has more than {MAX_CLASSES} different character classes: use a simpler pattern, or filter in the client")]
    TooManyClasses,
    /// A character class does not end.
    #[error("has a '[' without a ']': close it, or write '[[]' for the character '['")]
    UnclosedClass,
    /// A range of a character class is empty.
    #[error("has the range '{0}-{1}', whose end is before its start: swap them")]
    InvalidRange(char, char),
    /// A group does not end.
    #[error("has a '{{' without a '}}': close it, or write '[{{]' for the character '{{'")]
    UnclosedGroup,
    /// A group does not begin.
    #[error("has a '}}' without a '{{': open it, or write '[}}]' for the character '}}'")]
    UnopenedGroup,
    /// The pattern ends in a backslash.
    #[error("ends in '\\': write '\\\\' for the character '\\'")]
    DanglingEscape,
}

/// Glob pattern for object keys.
///
/// | Syntax | Matches |
/// |---|---|
/// | `?` | one character except `/` |
/// | `*` | any number of characters except `/` |
/// | `**` | as a whole segment (`a/**`, `**/a`, `a/**/b`): any number of segments; elsewhere the same as `*` |
/// | `[a-z]`, `[!a-z]` | one character in the class, or not in the class |
/// | `{a,b}` | one of the alternatives, which may be patterns |
/// | `\x` | the character `x` |
///
/// A match takes time proportional to the length of the key times the length of the pattern. Both are at most 1 KiB, and
/// a step processes 64 characters of the key. No pattern compiles to a large automaton.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    tokens: Vec<Token>,
    /// All characters that the pattern contains literally, sorted.
    literals: Vec<char>,
    classes: Vec<Class>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Literal(char),
    /// `?`.
    Any,
    /// `*`.
    Star,
    /// `**/`: nothing, or everything up to and including a `/`.
    Segments,
    /// `**` at the end.
    Rest,
    /// Index of a character class.
    Class(usize),
    Group(Vec<Vec<Token>>),
}

/// Character class.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Class {
    is_negated: bool,
    /// Inclusive ranges: sorted, and disjoint.
    ranges: Vec<(char, char)>,
}

impl Class {
    fn contains(&self, c: char) -> bool {
        let at = self.ranges.partition_point(|(_, last)| *last < c);
        self.ranges.get(at).is_some_and(|(first, _)| *first <= c) != self.is_negated
    }
}

impl TryFrom<&str> for Glob {
    type Error = InvalidGlob;

    fn try_from(pattern: &str) -> Result<Self, InvalidGlob> {
        if pattern.len() > MAX_BYTES {
            return Err(InvalidGlob::TooLong { bytes: pattern.len() });
        }
        parser::parse(pattern)
    }
}

impl TryFrom<String> for Glob {
    type Error = InvalidGlob;

    fn try_from(pattern: String) -> Result<Self, InvalidGlob> {
        Self::try_from(pattern.as_str())
    }
}

impl Glob {
    /// Returns whether the pattern matches the whole key.
    pub fn matches(&self, key: &str) -> bool {
        Key::new(self, key).matches(&self.tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use globset::GlobBuilder;
    use proptest::prelude::*;

    fn matches(pattern: &str, key: &str) -> bool {
        Glob::try_from(pattern).unwrap().matches(key)
    }

    fn error(pattern: &str) -> InvalidGlob {
        Glob::try_from(pattern).unwrap_err()
    }

    #[test]
    fn wildcards_match_within_a_segment() {
        for (pattern, key, expected) in [
            ("a?c", "abc", true),
            ("a?c", "a/c", false),
            ("d/*", "d/1", true),
            ("d/*", "d/e/3", false),
            ("*.csv", ".csv", true),
            ("a*b*c", "aXbYbc", true),
            ("?", "é", true),
            ("[é-ü]*", "öl", true),
            ("[!a]", "b", true),
            ("[^a]", "a", false),
            ("[]-]", "-", true),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, key), expected, "{pattern} {key}");
        }
    }

    #[test]
    fn two_stars_match_whole_segments() {
        for (pattern, key, expected) in [
            ("**", "a/b", true),
            ("d/**", "d/e/3", true),
            ("d/**", "d", false),
            ("**/c", "c", true),
            ("**/c", "a/b/c", true),
            ("**/c", "bc", false),
            ("a/**/c", "a/c", true),
            ("a/**/c", "a/b/b/c", true),
            ("a/**/c", "ac", false),
            ("a**c", "a/c", false),
            ("{a/**,b}", "a/b/c", true),
            ("{**,b}", "a/b/c", true),
        ] {
            assert_eq!(matches(pattern, key), expected, "{pattern} {key}");
        }
    }

    #[test]
    fn groups_match_one_of_their_alternatives() {
        for (pattern, key, expected) in [
            ("x.{csv,tsv}", "x.tsv", true),
            ("x.{csv,tsv}", "x.txt", false),
            ("x.csv{,.gz}", "x.csv", true),
            ("x.csv{,.gz}", "x.csv.gz", true),
            ("{a,b{c,d*}}e", "bdxe", true),
            ("a,b", "a,b", true),
        ] {
            assert_eq!(matches(pattern, key), expected, "{pattern} {key}");
        }
    }

    #[test]
    fn bounds_of_a_pattern_are_exact() {
        assert!(Glob::try_from("é".repeat(512)).is_ok());
        assert_eq!(error(&"a".repeat(1025)), InvalidGlob::TooLong { bytes: 1025 });
        let nested = |depth| format!("{}{}", "{".repeat(depth), "}".repeat(depth));
        assert!(Glob::try_from(nested(8)).is_ok());
        assert_eq!(error(&nested(9)), InvalidGlob::TooDeep);
        let one_of = |count: usize| format!("{{{}}}", vec!["a"; count].join(","));
        assert!(Glob::try_from(one_of(64)).is_ok());
        assert!(Glob::try_from("{a,b}".repeat(6)).is_ok());
        for pattern in [one_of(65), "{a,b}".repeat(7), format!("{{{},{}}}", one_of(32), one_of(33))] {
            assert_eq!(error(&pattern), InvalidGlob::TooManyAlternatives, "{pattern}");
        }
        let classes = |count: u8| (0..count).map(|n| format!("[0{}]", char::from(b'a' + n))).collect::<String>();
        assert!(Glob::try_from(classes(16)).is_ok());
        assert!(Glob::try_from("[0-9]".repeat(100)).is_ok(), "the same class counts once");
        assert_eq!(error(&classes(17)), InvalidGlob::TooManyClasses);
    }

    #[test]
    fn malformed_patterns_are_rejected() {
        for (pattern, expected) in [
            ("a[", InvalidGlob::UnclosedClass),
            ("[]", InvalidGlob::UnclosedClass),
            ("[z-a]", InvalidGlob::InvalidRange('z', 'a')),
            ("{a,{b}", InvalidGlob::UnclosedGroup),
            ("a}", InvalidGlob::UnopenedGroup),
            ("a\\", InvalidGlob::DanglingEscape),
        ] {
            assert_eq!(error(pattern), expected, "{pattern}");
        }
        assert_eq!(error("a}").to_string(), "has a '}' without a '{': open it, or write '[}]' for the character '}'");
    }

    /// On such patterns and keys, a backtracking matcher would not end, and the states of an automaton would not fit in memory.
    #[test]
    fn worst_patterns_match_in_bounded_time() {
        let classes: String = (0..16_u8).map(|n| format!("*[a{}]", char::from(b'b' + n))).collect();
        let patterns = ["*a".repeat(512), format!("*a{}", "?".repeat(1000)), "{a,*a}".repeat(6), classes];
        for pattern in patterns {
            let glob = Glob::try_from(pattern.as_str()).unwrap();
            assert!(glob.matches(&"a".repeat(1024)), "{pattern}");
            assert!(!glob.matches(&format!("{}/", "a".repeat(1023))), "{pattern}");
        }
    }

    /// A pattern, as pieces that globset interprets in the same way.
    fn pattern() -> impl Strategy<Value = String> {
        let leaf = prop::sample::select(vec![
            "a", "b", "/", "/", ".", "?", "*", "*", "a/**/", "b/**", "\\*", "[ab]", "[!a]", "[a-c]", "[^b/]", "[]a-]",
        ]);
        let leaf = prop::collection::vec(leaf, 0..6).prop_map(|pieces| pieces.concat());
        let inner = leaf.prop_recursive(3, 16, 3, |inner| {
            let group = prop::collection::vec(inner.clone(), 1..3).prop_map(|all| format!("{{{}}}", all.join(",")));
            (inner.clone(), group, inner).prop_map(|(before, group, after)| format!("{before}{group}{after}"))
        });
        let start = prop::sample::select(vec!["", "", "**/", "**/**/"]);
        let all = (start, inner).prop_map(|(start, rest)| format!("{start}{rest}"));
        all.prop_filter("globset reads `{**}` as `{*}`", |pattern| !pattern.contains("{**") && !pattern.contains(",**"))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn matches_equal_those_of_globset(pattern in pattern(), keys in prop::collection::vec("[ab/.*]{0,9}", 12)) {
            let Ok(glob) = Glob::try_from(pattern.as_str()) else { return Ok(()) };
            let other = GlobBuilder::new(&pattern).literal_separator(true).empty_alternates(true).build();
            let other = other.unwrap().compile_matcher();
            for key in keys {
                prop_assert_eq!(glob.matches(&key), other.is_match(&key), "{} {}", pattern, key);
            }
        }

        #[test]
        fn random_text_never_panics(pattern in "[{}\\[\\],*?/\\\\!^a-cé-]{0,60}|.{0,300}", key in ".{0,200}") {
            if let Ok(glob) = Glob::try_from(pattern) {
                glob.matches(&key);
            }
        }
    }
}
