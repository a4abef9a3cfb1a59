//! Compares shown (documented) output with printed (actual) output. Values that differ between runs only have to be of the
//! same kind.
//!
//! Commit IDs, times and names of transaction branches match any other value of their kind. If the document shows an ID
//! twice, the printed ID must be the same in both places. `…` matches any text on its line. Empty lines and white space
//! around lines are ignored.

use std::collections::BTreeMap;

/// Mapping between shown and printed IDs, for the whole document.
#[derive(Default)]
pub(crate) struct Shapes {
    printed: BTreeMap<String, String>,
    shown: BTreeMap<String, String>,
}

impl Shapes {
    pub(crate) fn compare(&mut self, shown: &str, printed: &str) -> Result<(), String> {
        let (shown, printed) = (lines(shown), lines(printed));
        for (shown, printed) in shown.iter().zip(&printed) {
            if !lines_match(shown, printed) {
                return Err(format!("expected `{shown}`, got `{printed}`"));
            }
            self.learn(shown, printed)?;
        }
        if shown.len() != printed.len() {
            return Err(format!("expected {} lines, got {}", shown.len(), printed.len()));
        }
        Ok(())
    }

    fn learn(&mut self, shown: &str, printed: &str) -> Result<(), String> {
        if shown.contains('…') {
            return Ok(()); // the text that `…` replaces can contain IDs
        }
        for (shown, printed) in ids(shown).zip(ids(printed)) {
            let expected = self.printed.entry(shown.into()).or_insert_with(|| printed.into());
            let mapped = self.shown.entry(printed.into()).or_insert_with(|| shown.into());
            if expected != printed || mapped != shown {
                return Err(format!(
                    "inconsistent IDs: {shown} was {expected} and is now {printed}, which was {mapped}"
                ));
            }
        }
        Ok(())
    }
}

/// Checks that each line matches some line of the other text. For responses whose order and grouping into messages vary.
pub(crate) fn compare_in_any_order(shown: &str, printed: &str) -> Result<(), String> {
    let bare = |text| lines(text).into_iter().map(|line: &str| line.trim_end_matches(',')).collect::<Vec<_>>();
    let (shown, printed) = (bare(shown), bare(printed));
    if let Some(line) = shown.iter().find(|shown| !printed.iter().any(|printed| lines_match(shown, printed))) {
        return Err(format!("`{line}` is missing from the output"));
    }
    if let Some(line) = printed.iter().find(|printed| !shown.iter().any(|shown| lines_match(shown, printed))) {
        return Err(format!("`{line}` is not in the document"));
    }
    Ok(())
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}

fn lines_match(shown: &str, printed: &str) -> bool {
    let (shown, printed) = (shape(shown), shape(printed));
    let mut parts = shown.split('…');
    let Some(mut rest) = parts.next().and_then(|first| printed.strip_prefix(first)) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some((_, tail)) = rest.split_once(part) else { return false };
        rest = tail;
    }
    rest.ends_with(last)
}

/// Replaces each value that differs between runs with the name of its kind.
fn shape(line: &str) -> String {
    let name = |word| kind(word).map_or(word, |kind| kind.name());
    line.split_inclusive(is_between_words)
        .map(|piece| {
            let word = bare_word(piece);
            format!("{}{}", name(word), &piece[word.len()..])
        })
        .collect()
}

fn ids(line: &str) -> impl Iterator<Item = &str> {
    let words = line.split_inclusive(is_between_words).map(bare_word);
    words.filter(|word| matches!(kind(word), Some(Kind::Commit | Kind::Branch)))
}

fn is_between_words(letter: char) -> bool {
    !letter.is_ascii_alphanumeric() && !"-.:".contains(letter)
}

/// Removes trailing punctuation and white space.
fn bare_word(piece: &str) -> &str {
    piece.trim_end_matches(|letter: char| !letter.is_ascii_alphanumeric())
}

#[derive(Clone, Copy)]
enum Kind {
    Commit,
    Branch,
    Time,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Commit => "<commit>",
            Self::Branch => "<branch>",
            Self::Time => "<time>",
        }
    }
}

fn kind(word: &str) -> Option<Kind> {
    match word.strip_prefix("lakeport-tx-") {
        Some(id) => is_hex(id, 32).then_some(Kind::Branch),
        None if is_hex(word, 64) => Some(Kind::Commit),
        None => is_time(word).then_some(Kind::Time),
    }
}

fn is_hex(word: &str, digits: usize) -> bool {
    word.len() == digits && word.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

/// Returns whether a word is an RFC 3339 time in UTC, with or without fractional seconds.
fn is_time(word: &str) -> bool {
    let digits = word.replace(|letter: char| letter.is_ascii_digit(), "0");
    let Some(fraction) = digits.strip_prefix("0000-00-00T00:00:00").and_then(|rest| rest.strip_suffix('Z')) else {
        return false;
    };
    fraction.is_empty() || fraction.strip_prefix('.').is_some_and(|digits| digits.bytes().all(|digit| digit == b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(digit: &str) -> String {
        digit.repeat(64)
    }

    #[test]
    fn times_and_branches_match_only_their_own_kind() {
        assert!(lines_match("at 2026-01-02T03:04:05Z.", "at 2027-01-02T03:04:05.678Z."));
        assert!(!lines_match("at 2026-01-02T03:04:05Z.", "at noon."));
        let branch = |digit: &str| format!("\"lakeport-tx-{}\"", digit.repeat(32));
        assert!(lines_match(&branch("a"), &branch("b")));
        assert!(!lines_match(&branch("a"), "\"main\""));
    }

    #[test]
    fn an_ellipsis_matches_any_text_on_its_line() {
        assert!(lines_match("a … c … e", "a b c d e"));
        assert!(lines_match("\"…\"", "\"\""));
        assert!(!lines_match("a … c … e", "a b d e"));
        assert!(!lines_match("a …", "b"));
        assert!(!lines_match("a", "ab"));
    }

    #[test]
    fn a_repeated_id_must_be_repeated_in_the_output() {
        let two = |first: &str, second: &str| format!("{}\n{}\n", commit(first), commit(second));
        assert_eq!(Shapes::default().compare(&two("a", "a"), &two("b", "b")), Ok(()));
        assert!(Shapes::default().compare(&two("a", "a"), &two("b", "c")).is_err());
        assert!(Shapes::default().compare(&two("a", "c"), &two("b", "b")).is_err());
    }

    #[test]
    fn extra_and_missing_lines_are_differences() {
        assert!(Shapes::default().compare("a\n", "a\nb\n").is_err());
        assert!(Shapes::default().compare("a\nb\n", "a\n").is_err());
        assert_eq!(Shapes::default().compare("{\n}\n", "{\n  \n}\n"), Ok(()));
    }

    #[test]
    fn any_order_requires_each_line_on_both_sides() {
        assert_eq!(compare_in_any_order("[\n1,\n2\n]", "[\n2\n]\n[\n1\n]"), Ok(()));
        assert!(compare_in_any_order("1\n2", "1").is_err());
        assert!(compare_in_any_order("1", "1\n2").is_err());
    }
}
