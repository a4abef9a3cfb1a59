//! What the text of the sources shows, and `cargo metadata` does not.

use super::is_wire;
use crate::error::{Error, Result};
use crate::workspace;
use std::path::{Component, Path, PathBuf};

/// Where lines of `server::ops` name gRPC or its messages. The crate depends on both, so only its text can tell.
///
/// # Errors
/// `File` if a source cannot be read.
pub(super) fn wire_in_ops(files: &[PathBuf]) -> Result<Vec<String>> {
    let root = workspace::root()?;
    let mut findings = Vec::new();
    for path in files.iter().filter(|path| is_ops(path)) {
        let full = root.join(path);
        let source = std::fs::read_to_string(&full).map_err(Error::file(&full))?;
        let lines = source.lines().enumerate().filter(|(_, line)| names_wire(line));
        findings.extend(lines.map(|(index, line)| format!("{}:{}: {}", path.display(), index + 1, line.trim())));
    }
    Ok(findings)
}

fn is_ops(path: &Path) -> bool {
    path == Path::new("server/src/ops.rs") || path.starts_with("server/src/ops")
}

/// Whether code names it; a comment may.
fn names_wire(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    let mut words = code.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
    words.any(|word| is_wire(word, '_'))
}

/// Modules in the old layout, except where a generator wrote them.
pub(super) fn module_files(files: &[PathBuf]) -> Vec<String> {
    let generated = |path: &Path| path.components().any(|part| part == Component::Normal("generated".as_ref()));
    let old = files.iter().filter(|path| path.ends_with("mod.rs") && !generated(path));
    old.map(|path| format!("{}: name the module's file after the module", path.display())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_that_names_the_wire_is_found() {
        assert!(names_wire("use tonic::Status;"));
        assert!(names_wire("    let sent = prost_types::Timestamp::default();"));
    }

    #[test]
    fn words_that_only_contain_it_and_comments_are_not() {
        assert!(!names_wire("let monotonic = tonicity();"));
        assert!(!names_wire("//! Names no tonic and no prost."));
    }

    #[test]
    fn only_the_generated_may_have_the_old_layout() {
        let files = ["server/src/ops/mod.rs", "client/rust/src/generated/v1/mod.rs"].map(PathBuf::from);
        let found = module_files(&files);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("server/src/ops/mod.rs"));
    }
}
