//! Compares what is shown with what was printed, and looks only at the shape of what differs between runs.
//!
//! Commit IDs, times and the names of transactions' branches match others of their kind. Where an ID is shown twice, the one that
//! was printed must be the same twice, too. `…` matches any text on its line. Empty lines and the space around lines do not count.

use std::collections::BTreeMap;

/// Which printed ID stands for which shown one, in all of the document.
#[derive(Default)]
pub(crate) struct Shapes {
    printed: BTreeMap<String, String>,
    shown: BTreeMap<String, String>,
}

impl Shapes {
    pub(crate) fn agree(&mut self, shown: &str, printed: &str) -> Result<(), String> {
        let (shown, printed) = (lines(shown), lines(printed));
        for (shown, printed) in shown.iter().zip(&printed) {
            if !line_agrees(shown, printed) {
                return Err(format!("`{shown}` is shown, and `{printed}` printed"));
            }
            self.learn(shown, printed)?;
        }
        if shown.len() != printed.len() {
            return Err(format!("{} lines are shown, and {} printed", shown.len(), printed.len()));
        }
        Ok(())
    }

    fn learn(&mut self, shown: &str, printed: &str) -> Result<(), String> {
        if shown.contains('…') {
            return Ok(()); // what it stands for may have IDs of its own
        }
        for (shown, printed) in ids(shown).zip(ids(printed)) {
            let expected = self.printed.entry(shown.into()).or_insert_with(|| printed.into());
            let stands_for = self.shown.entry(printed.into()).or_insert_with(|| shown.into());
            if expected != printed || stands_for != shown {
                return Err(format!("{shown} is shown for {expected}, and {printed} is shown as {stands_for}"));
            }
        }
        Ok(())
    }
}

/// Each line has one that agrees with it on the other side, wherever. For answers that come as they are ready: their order
/// differs, and how many come in one message.
pub(crate) fn agree_in_any_order(shown: &str, printed: &str) -> Result<(), String> {
    let bare = |text| lines(text).into_iter().map(|line: &str| line.trim_end_matches(',')).collect::<Vec<_>>();
    let (shown, printed) = (bare(shown), bare(printed));
    if let Some(line) = shown.iter().find(|shown| !printed.iter().any(|printed| line_agrees(shown, printed))) {
        return Err(format!("`{line}` is shown, and not printed"));
    }
    if let Some(line) = printed.iter().find(|printed| !shown.iter().any(|shown| line_agrees(shown, printed))) {
        return Err(format!("`{line}` is printed, and not shown"));
    }
    Ok(())
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}

fn line_agrees(shown: &str, printed: &str) -> bool {
    let (shown, printed) = (shape(shown), shape(printed));
    let mut parts = shown.split('…');
    let Some(mut rest) = parts.next().and_then(|first| printed.strip_prefix(first)) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some((_, behind)) = rest.split_once(part) else { return false };
        rest = behind;
    }
    rest.ends_with(last)
}

/// The line with a word for its kind in the place of each that differs between runs.
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

/// Without what stands behind the word, a full stop or a colon too.
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

/// RFC 3339 in UTC, with a fraction or without.
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
    fn times_and_branches_match_others_and_nothing_else() {
        assert!(line_agrees("at 2026-01-02T03:04:05Z.", "at 2027-01-02T03:04:05.678Z."));
        assert!(!line_agrees("at 2026-01-02T03:04:05Z.", "at noon."));
        let branch = |digit: &str| format!("\"lakeport-tx-{}\"", digit.repeat(32));
        assert!(line_agrees(&branch("a"), &branch("b")));
        assert!(!line_agrees(&branch("a"), "\"main\""));
    }

    #[test]
    fn an_ellipsis_matches_any_text_on_its_line() {
        assert!(line_agrees("a … c … e", "a b c d e"));
        assert!(line_agrees("\"…\"", "\"\""));
        assert!(!line_agrees("a … c … e", "a b d e"));
        assert!(!line_agrees("a …", "b"));
        assert!(!line_agrees("a", "ab"));
    }

    #[test]
    fn an_id_that_is_shown_twice_must_be_printed_twice() {
        let two = |first: &str, second: &str| format!("{}\n{}\n", commit(first), commit(second));
        assert_eq!(Shapes::default().agree(&two("a", "a"), &two("b", "b")), Ok(()));
        assert!(Shapes::default().agree(&two("a", "a"), &two("b", "c")).is_err());
        assert!(Shapes::default().agree(&two("a", "c"), &two("b", "b")).is_err());
    }

    #[test]
    fn a_line_more_or_less_is_a_difference() {
        assert!(Shapes::default().agree("a\n", "a\nb\n").is_err());
        assert!(Shapes::default().agree("a\nb\n", "a\n").is_err());
        assert_eq!(Shapes::default().agree("{\n}\n", "{\n  \n}\n"), Ok(()));
    }

    #[test]
    fn in_any_order_each_line_must_be_on_both_sides() {
        assert_eq!(agree_in_any_order("[\n1,\n2\n]", "[\n2\n]\n[\n1\n]"), Ok(()));
        assert!(agree_in_any_order("1\n2", "1").is_err());
        assert!(agree_in_any_order("1", "1\n2").is_err());
    }
}
