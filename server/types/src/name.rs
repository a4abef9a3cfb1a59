//! Names of repositories, branches, tags and commits, and expressions over them.

use std::fmt;

/// Why a name was refused: what it should have named, and the rule that it breaks.
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

/// Declares a string type that can only be made by passing `$check`.
macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// The name as lakeFS spells it.
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
    /// A repository: `^[a-z0-9][a-z0-9-]{2,62}$`.
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
    /// A branch: `^\w[-\w]*$`, ASCII, at most 1,024 bytes.
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
    /// A tag, by git's rules less the slash: no white space, control characters (DEL is let through), `/`, `..`, `@{`, `^:?*[\`, no final `.` or
    /// `.lock`, and not `@` alone.
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
    /// A full commit ID: 64 lower-case hex digits.
    CommitId,
    "commit ID",
    "must be 64 lower-case hex digits",
    |name| name.len() == 64 && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
);

name!(
    /// Anything that lakeFS resolves to a commit or a branch: a branch, tag, commit ID, unique prefix of one, or an expression
    /// over these (`main~2`, `main^1`, `main@`). What it names is lakeFS's to say; the rule here keeps it one URL segment.
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
    /// Whether this is a branch that a transaction works on.
    pub fn is_transaction(&self) -> bool {
        self.0.starts_with(crate::TRANSACTION_BRANCH_PREFIX)
    }

    /// A fresh branch for a transaction, named by when that is (milliseconds since 1970) and 80 bits of chance. lakeFS keeps no
    /// time of a branch, and one that nobody knows any more must have an age.
    pub fn for_transaction(now: i64, chance: u128) -> Self {
        let nonce = (u128::from(now.unsigned_abs()) << 80) | (chance >> 48);
        Self(format!("{}{nonce:032x}", crate::TRANSACTION_BRANCH_PREFIX))
    }

    /// When the branch of a transaction was named, in milliseconds since 1970.
    pub fn named_at(&self) -> Option<i64> {
        let nonce = self.0.strip_prefix(crate::TRANSACTION_BRANCH_PREFIX).filter(|nonce| nonce.len() == 32)?;
        i64::try_from(u128::from_str_radix(nonce, 16).ok()? >> 80).ok()
    }
}

impl Ref {
    /// What is committed on a branch (`main@`). lakeFS takes it for nothing else: it refuses a tag or a commit written so.
    pub fn committed(branch: &BranchName) -> Self {
        Self(format!("{branch}@"))
    }

    /// A branch with what is staged on it (`main$`).
    pub fn staged(branch: &BranchName) -> Self {
        Self(format!("{branch}$"))
    }

    /// The full commit ID that this is, if it is one: what it names can then never change.
    pub fn as_commit(&self) -> Option<CommitId> {
        CommitId::try_from(self.0.as_str()).ok()
    }

    /// The branch that this may be, by its grammar.
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

    #[test]
    fn a_refusal_names_what_was_wrong_and_the_rule() {
        let error = BranchName::try_from("a.b").unwrap_err().to_string();
        assert!(error.starts_with("branch \"a.b\": must be 1 to 1024 letters"), "{error}");
    }

    #[test]
    fn the_branch_of_a_transaction_is_known_by_its_name() {
        let branch = BranchName::for_transaction(1_790_000_000_000, u128::MAX);
        assert!(branch.is_transaction());
        assert_eq!(BranchName::try_from(branch.as_str()).unwrap().named_at(), Some(1_790_000_000_000));
        assert_ne!(branch, BranchName::for_transaction(1_790_000_000_000, 0));
        assert_eq!(BranchName::try_from("lakeport-tx-mine").unwrap().named_at(), None);
        assert!(!BranchName::try_from("main").unwrap().is_transaction());
    }
}
