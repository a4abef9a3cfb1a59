//! Names of repositories, branches, tags and commits, and ref expressions.

use std::fmt;

/// Error for an invalid name: the kind of name, the first 80 characters of the name, and the rule that it violates.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {name:?}: {rule}")]
pub struct InvalidName {
    what: &'static str,
    name: String,
    rule: &'static str,
}

impl InvalidName {
    pub(crate) fn new(what: &'static str, name: &str, rule: &'static str) -> Self {
        let name = name.chars().take(80).collect();
        Self { what, name, rule }
    }
}

/// Declares a string type whose constructors reject every string for which `$check` returns false.
macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// Returns the name as a string slice.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $type {
            type Error = InvalidName;

            fn try_from(name: String) -> Result<Self, InvalidName> {
                let check: fn(&str) -> bool = $check;
                if check(&name) { Ok(Self(name)) } else { Err(InvalidName::new($what, &name, $rule)) }
            }
        }

        impl TryFrom<&str> for $type {
            type Error = InvalidName;

            fn try_from(name: &str) -> Result<Self, InvalidName> {
                Self::try_from(name.to_owned())
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0
            }
        }

        impl std::str::FromStr for $type {
            type Err = InvalidName;

            fn from_str(name: &str) -> Result<Self, InvalidName> {
                Self::try_from(name.to_owned())
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
pub(crate) use name;

name!(
    /// Repository ID: `^[a-z0-9][a-z0-9-]{2,62}$`.
    RepositoryId,
    "repository",
    "must be 3 to 63 lower-case letters, digits or dashes and not start with a dash",
    |name| {
        matches!(name.len(), 3..=63)
            && !name.starts_with('-')
            && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    }
);

name!(
    /// Branch name: `^\w[-\w]*$`, ASCII, at most 1,024 bytes.
    BranchName,
    "branch",
    "must be 1 to 1024 letters, digits, underscores or dashes and not start with a dash",
    |name| {
        matches!(name.len(), 1..=1024)
            && !name.starts_with('-')
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
    }
);

name!(
    /// Tag name: 1 to 1,024 bytes that follow git's rules for ref names, except that `/` is not allowed.
    ///
    /// Not allowed: white space, control characters other than DEL, `/`, `..`, `@{`, any of `^:?*[\`, a final `.` or
    /// `.lock`, and the name `@`.
    TagName,
    "tag",
    "must be 1 to 1024 bytes without white space, control characters, '/', '..', '@{' or any of ^:?*[\\, \
     must not end in '.' or '.lock', and must not be '@'",
    |name| {
        matches!(name.len(), 1..=1024)
            && name != "@"
            && !name.ends_with('.')
            && !name.ends_with(".lock")
            && !name.contains("..")
            && !name.contains("@{")
            && !name.chars().any(|c| {
                (c.is_control() && c != '\u{7f}') || c.is_whitespace() || matches!(c, '/' | '^' | ':' | '?' | '*' | '[' | '\\')
            })
    }
);

name!(
    /// Full commit ID: 64 lower-case hex digits.
    CommitId,
    "commit ID",
    "must be 64 lower-case hex digits",
    |name| name.len() == 64 && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
);

name!(
    /// Ref expression that lakeFS resolves to a commit or a branch: a branch, a tag, a commit ID, a unique prefix of a commit
    /// ID, or an expression over these (`main~2`, `main^1`, `main@`).
    ///
    /// This type checks only that the expression fits into one URL segment; lakeFS parses and resolves it.
    Ref,
    "ref",
    "must be 1 to 2048 bytes without white space, control characters or '/', and not '.' or '..'",
    |name| {
        matches!(name.len(), 1..=2048)
            && name != "."
            && name != ".."
            && !name.chars().any(|c| c.is_control() || c.is_whitespace() || c == '/')
    }
);

impl From<&BranchName> for Ref {
    fn from(branch: &BranchName) -> Self {
        Self(branch.0.clone())
    }
}

impl From<&CommitId> for Ref {
    fn from(commit: &CommitId) -> Self {
        Self(commit.0.clone())
    }
}

impl From<&TagName> for Ref {
    fn from(tag: &TagName) -> Self {
        Self(tag.0.clone())
    }
}

impl BranchName {
    /// Returns whether this name has the prefix of transaction branches.
    pub fn is_transaction(&self) -> bool {
        self.0.starts_with(crate::TRANSACTION_BRANCH_PREFIX)
    }

    /// Returns a new name for a transaction branch, made of the time `now` (milliseconds since 1970) and 80 random bits.
    ///
    /// lakeFS does not store when a branch was created. The time in the name gives the age of a branch that no transaction
    /// refers to any more.
    pub fn for_transaction(now: i64, random: u128) -> Self {
        let nonce = (u128::from(now.unsigned_abs()) << 80) | (random >> 48);
        Self(format!("{}{nonce:032x}", crate::TRANSACTION_BRANCH_PREFIX))
    }

    /// Returns the time in the name of a transaction branch, in milliseconds since 1970.
    ///
    /// Returns `None` if [`for_transaction`](Self::for_transaction) did not make the name.
    pub fn named_at(&self) -> Option<i64> {
        let nonce = self.0.strip_prefix(crate::TRANSACTION_BRANCH_PREFIX).filter(|nonce| nonce.len() == 32)?;
        i64::try_from(u128::from_str_radix(nonce, 16).ok()? >> 80).ok()
    }
}

impl Ref {
    /// Returns the ref for the committed state of a branch (`main@`). lakeFS rejects this form for tags and commits.
    pub fn committed(branch: &BranchName) -> Self {
        Self(format!("{branch}@"))
    }

    /// Returns the ref for a branch with its uncommitted changes (`main$`).
    pub fn staged(branch: &BranchName) -> Self {
        Self(format!("{branch}$"))
    }

    /// Returns this ref as a commit ID if it is a full one. Such a ref always resolves to the same commit.
    pub fn as_commit(&self) -> Option<CommitId> {
        CommitId::try_from(self.0.as_str()).ok()
    }

    /// Returns this ref as a branch name if it has the syntax of one. The branch need not exist.
    pub fn as_branch(&self) -> Option<BranchName> {
        BranchName::try_from(self.0.as_str()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_grammar_of_lakefs() {
        for good in ["abc", "a-b", "0ab", &"a".repeat(63)] {
            assert!(RepositoryId::try_from(good).is_ok(), "{good}");
        }
        for bad in ["", "ab", "Abc", "-abc", "a_b", "a.b", "a/b", "..", &"a".repeat(64)] {
            assert!(RepositoryId::try_from(bad).is_err(), "{bad}");
        }
        for good in ["main", "a_b-c", "_x", "0"] {
            assert!(BranchName::try_from(good).is_ok(), "{good}");
        }
        for bad in ["", "-x", "a/b", "a.b", "main~1", "main@", "é", "..", "a b"] {
            assert!(BranchName::try_from(bad).is_err(), "{bad}");
        }
        for good in ["v1.0", "-v", "a~1", ".a", "é", "a+b", "a%b", "a$", "a@"] {
            assert!(TagName::try_from(good).is_ok(), "{good}");
        }
        for bad in ["", "a/b", "a..b", "a^b", "a b", "a.", "a.lock", "@", "a@{b", "a\\b", "a\u{0}"] {
            assert!(TagName::try_from(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_ref_is_always_one_url_segment() {
        for bad in ["", ".", "..", "a/b", "a b", "a\n", "a\u{0}"] {
            assert!(Ref::try_from(bad).is_err(), "{bad:?}");
        }
        for good in ["main", "main~1", "main@", "v1.0", "a%2e", "%2e%2e"] {
            assert!(Ref::try_from(good).is_ok(), "{good:?}");
        }
    }

    proptest::proptest! {
        /// A name is part of URLs, of SQL parameters and of logs.
        #[test]
        fn any_valid_name_is_one_url_segment(name in "[-_a-z0-9.~^@$%é /\\\\\u{0}\u{7f}]{0,70}|.{0,70}") {
            let is_segment = !name.is_empty() && !name.contains(['/', '\0', '\n', ' ']) && name != "." && name != "..";
            let valid = [
                RepositoryId::try_from(name.as_str()).is_ok(),
                BranchName::try_from(name.as_str()).is_ok(),
                TagName::try_from(name.as_str()).is_ok(),
                CommitId::try_from(name.as_str()).is_ok(),
                Ref::try_from(name.as_str()).is_ok(),
                crate::TransactionId::try_from(name.as_str()).is_ok(),
                crate::IdempotencyKey::try_from(name.as_str()).is_ok(),
            ];
            proptest::prop_assert!(is_segment || valid == [false; 7], "{:?} {:?}", name, valid);
            if let Ok(branch) = BranchName::try_from(name.as_str()) {
                branch.named_at();
            }
        }
    }

    #[test]
    fn the_error_for_an_invalid_name_contains_the_name_and_the_rule() {
        let error = BranchName::try_from("a.b").unwrap_err().to_string();
        assert!(error.starts_with("branch \"a.b\": must be 1 to 1024 letters"), "{error}");
    }

    #[test]
    fn a_transaction_branch_name_contains_its_creation_time() {
        let branch = BranchName::for_transaction(1_790_000_000_000, u128::MAX);
        assert!(branch.is_transaction());
        assert_eq!(BranchName::try_from(branch.as_str()).unwrap().named_at(), Some(1_790_000_000_000));
        assert_ne!(branch, BranchName::for_transaction(1_790_000_000_000, 0));
        assert_eq!(BranchName::try_from("lakeport-tx-mine").unwrap().named_at(), None);
        assert!(!BranchName::try_from("main").unwrap().is_transaction());
    }
}
