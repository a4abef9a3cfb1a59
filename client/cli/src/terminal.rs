//! Text for terminals: messages on standard error, and escaping of control characters.

use std::io::{self, Write as _};

/// Writes a line to standard error. Ignores errors, for example if standard error is closed.
pub(crate) fn print_stderr(line: impl std::fmt::Display) {
    let _ = writeln!(io::stderr(), "{}", escape_controls(&line.to_string()));
}

/// Escapes control characters except newlines. Otherwise an object name could contain escape sequences that rewrite the screen.
pub(crate) fn escape_controls(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_control() && c != '\n' {
            true => shown.extend(c.escape_default()),
            false => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_except_newlines() {
        assert_eq!(escape_controls("a\u{1b}[2Jb\r\nc\u{9b}é"), "a\\u{1b}[2Jb\\r\nc\\u{9b}é");
    }
}
