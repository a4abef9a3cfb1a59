//! Parser of glob patterns.

use super::{Class, Glob, InvalidGlob, MAX_ALTERNATIVES, MAX_CLASSES, MAX_DEPTH, Token};
use std::iter::Peekable;
use std::str::Chars;

struct Parser<'a> {
    chars: Peekable<Chars<'a>>,
    /// Number of groups around the current position.
    depth: usize,
    literals: Vec<char>,
    classes: Vec<Class>,
}

/// A parsed sequence of tokens, and the number of sequences that it expands to.
type Sequence = (Vec<Token>, usize);

pub(super) fn parse(pattern: &str) -> Result<Glob, InvalidGlob> {
    // The matcher always needs the positions of `/`.
    let mut parser = Parser { chars: pattern.chars().peekable(), depth: 0, literals: vec!['/'], classes: Vec::new() };
    let (mut tokens, _) = parser.sequence()?;
    if parser.chars.next().is_some() {
        return Err(InvalidGlob::UnopenedGroup);
    }
    if !tokens.is_empty() && tokens.iter().all(|token| *token == Token::Segments) {
        // `**/` alone is the same as `**`.
        tokens = vec![Token::Rest];
    }
    let Parser { mut literals, classes, .. } = parser;
    literals.sort_unstable();
    literals.dedup();
    Ok(Glob { tokens, literals, classes })
}

impl Parser<'_> {
    /// Parses up to the end of the pattern, a `}`, or a `,` in a group.
    fn sequence(&mut self) -> Result<Sequence, InvalidGlob> {
        let (mut tokens, mut count) = (Vec::new(), 1_usize);
        while let Some(c) = self.chars.next_if(|c| *c != '}' && (self.depth == 0 || *c != ',')) {
            let token = match c {
                '?' => Token::Any,
                '*' if self.chars.next_if_eq(&'*').is_some() => self.stars(tokens.last()),
                '*' => Token::Star,
                '[' => self.class()?,
                '{' => {
                    let (group, alternatives) = self.group()?;
                    count = bounded(count * alternatives)?;
                    group
                }
                '\\' => {
                    let escaped = self.chars.next().ok_or(InvalidGlob::DanglingEscape)?;
                    self.literal(escaped)
                }
                c => self.literal(c),
            };
            tokens.push(token);
        }
        Ok((tokens, count))
    }

    fn literal(&mut self, c: char) -> Token {
        self.literals.push(c);
        Token::Literal(c)
    }

    /// Parses the rest of `**`, which counts for whole segments if no other part of the pattern is in its segment.
    fn stars(&mut self, before: Option<&Token>) -> Token {
        let is_whole_start = matches!(before, None | Some(Token::Literal('/') | Token::Segments));
        match self.chars.peek() {
            Some('/') if is_whole_start => {
                self.chars.next();
                Token::Segments
            }
            None if is_whole_start => Token::Rest,
            Some(',' | '}') if is_whole_start && self.depth > 0 => Token::Rest,
            _ => Token::Star,
        }
    }

    fn group(&mut self) -> Result<(Token, usize), InvalidGlob> {
        if self.depth == MAX_DEPTH {
            return Err(InvalidGlob::TooDeep);
        }
        self.depth += 1;
        let (mut alternatives, mut count) = (Vec::new(), 0);
        loop {
            let (alternative, expanded) = self.sequence()?;
            count = bounded(count + expanded)?;
            alternatives.push(alternative);
            match self.chars.next() {
                Some(',') => {}
                Some(_) => break,
                None => return Err(InvalidGlob::UnclosedGroup),
            }
        }
        self.depth -= 1;
        Ok((Token::Group(alternatives), count))
    }

    /// Parses the rest of a class. A `]` at its start and a `-` at its start or end are literal.
    fn class(&mut self) -> Result<Token, InvalidGlob> {
        let is_negated = self.chars.next_if(|c| matches!(c, '!' | '^')).is_some();
        let mut ranges = Vec::new();
        loop {
            let first = self.chars.next().ok_or(InvalidGlob::UnclosedClass)?;
            if first == ']' && !ranges.is_empty() {
                break;
            }
            let mut rest = self.chars.clone();
            let last = match (rest.next(), rest.next()) {
                (Some('-'), Some(last)) if last != ']' => {
                    self.chars = rest;
                    last
                }
                _ => first,
            };
            if last < first {
                return Err(InvalidGlob::InvalidRange(first, last));
            }
            ranges.push((first, last));
        }
        match ranges[..] {
            // `[*]` is the usual way to escape a character.
            [(first, last)] if first == last && !is_negated => Ok(self.literal(first)),
            _ => self.register(Class { is_negated, ranges: merged(ranges) }),
        }
    }

    fn register(&mut self, class: Class) -> Result<Token, InvalidGlob> {
        if let Some(at) = self.classes.iter().position(|known| *known == class) {
            return Ok(Token::Class(at));
        }
        if self.classes.len() == MAX_CLASSES {
            return Err(InvalidGlob::TooManyClasses);
        }
        self.classes.push(class);
        Ok(Token::Class(self.classes.len() - 1))
    }
}

fn bounded(count: usize) -> Result<usize, InvalidGlob> {
    if count > MAX_ALTERNATIVES { Err(InvalidGlob::TooManyAlternatives) } else { Ok(count) }
}

/// Sorts ranges, and merges those that overlap.
fn merged(mut ranges: Vec<(char, char)>) -> Vec<(char, char)> {
    ranges.sort_unstable();
    ranges.dedup_by(|next, before| {
        let overlaps = next.0 <= before.1;
        if overlaps {
            before.1 = before.1.max(next.1);
        }
        overlaps
    });
    ranges
}
