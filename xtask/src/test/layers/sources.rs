//! Checks of source files that `cargo metadata` cannot provide.

use super::is_grpc;
use crate::error::{Error, Result};
use crate::workspace;
use std::path::{Component, Path, PathBuf};

/// Finds lines of `server::ops` that use gRPC or protobuf crates. The server crate depends on both, so only a check of the
/// source text can find such uses.
///
/// # Errors
/// `File` if a source cannot be read.
pub(super) fn grpc_in_ops(files: &[PathBuf]) -> Result<Vec<String>> {
    let root = workspace::root()?;
    let mut findings = Vec::new();
    for path in files.iter().filter(|path| is_ops(path)) {
        let full = root.join(path);
        let source = std::fs::read_to_string(&full).map_err(Error::file(&full))?;
        let lines = source.lines().enumerate().filter(|(_, line)| uses_grpc(line));
        findings.extend(lines.map(|(index, line)| format!("{}:{}: {}", path.display(), index + 1, line.trim())));
    }
    Ok(findings)
}

fn is_ops(path: &Path) -> bool {
    path == Path::new("server/src/ops.rs") || path.starts_with("server/src/ops")
}

/// Returns whether the code of a line uses a gRPC or protobuf crate. Comments are ignored.
fn uses_grpc(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    let mut words = code.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
    words.any(|word| is_grpc(word, '_'))
}

/// Finds `mod.rs` files outside of generated code.
pub(super) fn module_files(files: &[PathBuf]) -> Vec<String> {
    let generated = |path: &Path| path.components().any(|part| part == Component::Normal("generated".as_ref()));
    let old = files.iter().filter(|path| path.ends_with("mod.rs") && !generated(path));
    old.map(|path| format!("{}: name the module's file after the module", path.display())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_that_uses_grpc_crates_is_found() {
        assert!(uses_grpc("use tonic::Status;"));
        assert!(uses_grpc("    let sent = prost_types::Timestamp::default();"));
    }

    #[test]
    fn comments_and_longer_words_are_ignored() {
        assert!(!uses_grpc("let monotonic = tonicity();"));
        assert!(!uses_grpc("//! Names no tonic and no prost."));
    }

    #[test]
    fn mod_rs_is_allowed_only_in_generated_code() {
        let files = ["server/src/ops/mod.rs", "client/rust/src/generated/v1/mod.rs"].map(PathBuf::from);
        let found = module_files(&files);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("server/src/ops/mod.rs"));
    }
}
