//! Path and query of a request. A name in the path always stays one segment: it can neither add segments nor act as `..`.

use lakeport_types::{BranchName, Ref, RepositoryId};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt::Write as _;

/// Characters that are escaped in a query value: all except letters, digits and `-._~`.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Prefix of the paths of all resources in a repository.
const REPOSITORIES: &str = "/repositories/";

/// Path and query of a request, relative to the base URL of the API.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    path: String,
    query: String,
}

impl Target {
    /// Creates a target from a literal path.
    pub(crate) fn new(path: &'static str) -> Self {
        Self { path: path.to_owned(), query: String::new() }
    }

    /// Creates the target `/repositories/{repository}`.
    pub(crate) fn repository(repository: &RepositoryId) -> Self {
        Self::new("/repositories").segment(repository.as_str())
    }

    /// Creates the target `/repositories/{repository}/branches/{branch}`.
    pub(crate) fn branch(repository: &RepositoryId, branch: &BranchName) -> Self {
        Self::repository(repository).word("branches").segment(branch.as_str())
    }

    /// Creates the target `/repositories/{repository}/refs/{ref}`.
    pub(crate) fn of_ref(repository: &RepositoryId, reference: &Ref) -> Self {
        Self::repository(repository).word("refs").name(reference.as_str())
    }

    /// Appends a literal segment.
    pub(crate) fn word(mut self, word: &'static str) -> Self {
        self.path.push('/');
        self.path.push_str(word);
        self
    }

    /// Appends a name whose grammar allows no special characters.
    fn segment(mut self, name: &str) -> Self {
        self.path.push('/');
        self.path.extend(utf8_percent_encode(name, QUERY));
        self
    }

    /// Appends a name that may contain any character except a slash.
    ///
    /// lakeFS decodes a path twice if it is escaped exactly as Go would escape it, and otherwise once. If a name has
    /// special characters, this function therefore escapes every byte of the name and the first letter of the repository.
    /// Go never escapes letters, so lakeFS decodes such a path once.
    pub(crate) fn name(mut self, name: &str) -> Self {
        if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
            return self.segment(name);
        }
        if let Some((first, rest)) = self.path.strip_prefix(REPOSITORIES).and_then(|path| path.split_at_checked(1))
            && first != "%"
        {
            self.path = format!("{REPOSITORIES}%{:02X}{rest}", first.as_bytes()[0]);
        }
        self.path.push('/');
        for byte in name.bytes() {
            // Writing to a String cannot fail.
            let _ = write!(self.path, "%{byte:02X}");
        }
        self
    }

    /// Appends a parameter to the query.
    pub(crate) fn query(mut self, name: &'static str, value: &str) -> Self {
        self.query.push(if self.query.is_empty() { '?' } else { '&' });
        self.query.push_str(name);
        self.query.push('=');
        self.query.extend(utf8_percent_encode(value, QUERY));
        self
    }

    /// Appends a parameter to the query if the value is not empty.
    pub(crate) fn query_if(self, name: &'static str, value: &str) -> Self {
        if value.is_empty() { self } else { self.query(name, value) }
    }

    /// Appends a flag to the query if it is set.
    pub(crate) fn flag(self, name: &'static str, set: bool) -> Self {
        if set { self.query(name, "true") } else { self }
    }

    pub(crate) fn on(&self, base: &str) -> String {
        format!("{base}{}{}", self.path, self.query)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(reference: &str) -> String {
        let repository = RepositoryId::try_from("repo").unwrap();
        Target::of_ref(&repository, &Ref::try_from(reference).unwrap()).on("")
    }

    #[test]
    fn names_without_special_characters_are_not_escaped() {
        assert_eq!(target("main"), "/repositories/repo/refs/main");
        assert_eq!(target("v1.0"), "/repositories/repo/refs/v1.0");
    }

    proptest::proptest! {
        #[test]
        fn any_ref_stays_one_segment_and_any_value_one_parameter(reference in "[^/\\p{Z}\\p{C}]{1,30}", path in ".{0,30}") {
            let Ok(reference) = Ref::try_from(reference) else { return Ok(()) };
            let repository = RepositoryId::try_from("repo").unwrap();
            let target = Target::of_ref(&repository, &reference).word("objects").query("path", &path).on("");
            let uri: http::Uri = target.parse().unwrap();
            let segments: Vec<&str> = uri.path().split('/').collect();
            proptest::prop_assert_eq!(segments.len(), 6, "{}", target);
            let decoded = percent_encoding::percent_decode_str(segments[4]).decode_utf8().unwrap();
            proptest::prop_assert_eq!(decoded, reference.as_str());
            let (name, value) = uri.query().unwrap().split_once('=').unwrap();
            proptest::prop_assert_eq!(name, "path");
            let decoded = percent_encoding::percent_decode_str(value).decode_utf8().unwrap();
            proptest::prop_assert_eq!(decoded, path);
        }
    }

    #[test]
    fn special_characters_are_escaped_so_that_a_name_stays_one_segment() {
        assert_eq!(target("main~1"), "/repositories/%72epo/refs/%6D%61%69%6E%7E%31");
        assert_eq!(target("%2e%2e"), "/repositories/%72epo/refs/%25%32%65%25%32%65");
        let path = Target::new("/x").query("path", "../a/%2e%2e/é?&=#+ ").on("");
        assert_eq!(path, "/x?path=..%2Fa%2F%252e%252e%2F%C3%A9%3F%26%3D%23%2B%20");
    }
}
