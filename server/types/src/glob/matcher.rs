//! Matching of a key with bit sets of positions: a token maps the positions at which it may start to those at which it may
//! end, for 64 positions at once. Position 0 is before the first character of the key.

use super::{Glob, Token};

/// A set of positions, or of the characters that follow them.
type Bits = Vec<u64>;

/// A key, prepared for one pattern.
pub(super) struct Key<'a> {
    glob: &'a Glob,
    /// Number of characters.
    length: usize,
    /// Number of words of a set.
    words: usize,
    /// For each literal and then for each class of the pattern, the set of the characters that match it.
    matching: Bits,
    /// The characters other than `/`.
    others: Bits,
}

impl<'a> Key<'a> {
    pub(super) fn new(glob: &'a Glob, key: &str) -> Self {
        let length = key.chars().count();
        let words = length / 64 + 1;
        let mut matching = vec![0; words * (glob.literals.len() + glob.classes.len())];
        let mut others = vec![0; words];
        for (at, c) in key.chars().enumerate() {
            let (word, bit) = (at / 64, 1 << (at % 64));
            if let Ok(literal) = glob.literals.binary_search(&c) {
                matching[literal * words + word] |= bit;
            }
            for (class, _) in glob.classes.iter().enumerate().filter(|(_, class)| class.contains(c)) {
                matching[(glob.literals.len() + class) * words + word] |= bit;
            }
            if c != '/' {
                others[word] |= bit;
            }
        }
        Self { glob, length, words, matching, others }
    }

    /// Returns whether the tokens match the whole key.
    pub(super) fn matches(&self, tokens: &[Token]) -> bool {
        let mut at = vec![0; self.words];
        at[0] = 1;
        self.advance(tokens, &mut at);
        at[self.length / 64] >> (self.length % 64) & 1 == 1
    }

    /// Replaces the positions before the tokens by those after them.
    fn advance(&self, tokens: &[Token], at: &mut Bits) {
        for token in tokens {
            if at.iter().all(|word| *word == 0) {
                return;
            }
            match token {
                Token::Literal(c) => step(at, self.literal(*c)),
                Token::Class(class) => step(at, self.symbol(self.glob.literals.len() + class)),
                Token::Any => step(at, &self.others),
                Token::Star => run(at, &self.others),
                Token::Segments => {
                    let mut ends = self.literal('/').to_vec();
                    clear_before_first(&mut ends, at);
                    let all = ends.clone();
                    step(&mut ends, &all);
                    add(at, &ends);
                }
                Token::Rest => {
                    let mut all = vec![u64::MAX; self.words];
                    clear_before_first(&mut all, at);
                    *at = all;
                }
                Token::Group(alternatives) => {
                    let before = std::mem::replace(at, vec![0; self.words]);
                    for alternative in alternatives {
                        let mut after = before.clone();
                        self.advance(alternative, &mut after);
                        add(at, &after);
                    }
                }
            }
        }
    }

    /// Returns the characters that equal a literal of the pattern.
    fn literal(&self, c: char) -> &[u64] {
        self.symbol(self.glob.literals.binary_search(&c).unwrap_or_default())
    }

    fn symbol(&self, index: usize) -> &[u64] {
        &self.matching[index * self.words..(index + 1) * self.words]
    }
}

/// Moves each position behind the next character if that is in the set. Other positions are removed.
fn step(at: &mut [u64], characters: &[u64]) {
    let mut carry = 0;
    for (word, characters) in at.iter_mut().zip(characters) {
        let stepped = *word & characters;
        *word = stepped << 1 | carry;
        carry = stepped >> 63;
    }
}

/// Adds all positions that are reached over characters of the set.
fn run(at: &mut [u64], characters: &[u64]) {
    let mut carry = false;
    for (word, characters) in at.iter_mut().zip(characters) {
        // The carry of an addition passes through a run of ones: the bits that it changes are the run after the position.
        let (sum, first) = (*word & characters).overflowing_add(*characters);
        let (sum, second) = sum.overflowing_add(u64::from(carry));
        carry = first || second;
        *word |= sum ^ characters;
    }
}

/// Removes the elements before the first position.
fn clear_before_first(bits: &mut [u64], at: &[u64]) {
    for (word, at) in bits.iter_mut().zip(at) {
        if *at != 0 {
            *word &= u64::MAX << at.trailing_zeros();
            return;
        }
        *word = 0;
    }
}

fn add(at: &mut [u64], more: &[u64]) {
    for (word, more) in at.iter_mut().zip(more) {
        *word |= more;
    }
}
