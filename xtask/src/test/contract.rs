//! Checks that the protobuf files pass lint, are formatted, and stay compatible with the files that clients were built against.

use crate::error::{Error, Result};
use crate::run::Run;
use crate::{tools, workspace};
use std::path::Path;

/// A revision of the project whose protobuf files clients may rely on.
struct Baseline {
    /// Name of the revision in git.
    revision: String,
    /// Name of the revision in messages.
    name: String,
}

/// Runs `buf lint`, `buf format` and `buf breaking`.
pub(super) fn run() -> Result<()> {
    let buf = tools::installed()?.buf();
    let root = workspace::root()?;
    let proto = root.join("proto");
    Run::new(&buf, &proto).arg("lint").run()?;
    Run::new(&buf, &proto).args("format --diff --exit-code").run()?;
    let Some(baseline) = baseline(&root)? else {
        println!("buf breaking: skipped: neither a release tag nor origin/main has protobuf files to compare with");
        return Ok(());
    };
    breaking(&buf, &root, &baseline)
}

/// Returns the latest release; `origin/main` before the first release; `None` if neither has protobuf files.
fn baseline(root: &Path) -> Result<Option<Baseline>> {
    let release = Run::new("git", root).args("describe --tags --abbrev=0 --match v[0-9]*").try_read()?;
    let release = release.map(|tag| Baseline { name: format!("release {tag}"), revision: format!("refs/tags/{tag}") });
    let trunk = Baseline { name: "origin/main".to_owned(), revision: "refs/remotes/origin/main".to_owned() };
    let candidates = release.into_iter().chain([trunk]);
    for candidate in candidates {
        let contract = format!("{}:proto/buf.yaml", candidate.revision);
        if Run::new("git", root).args("cat-file -e").arg(contract).try_read()?.is_some() {
            return Ok(Some(candidate));
        }
    }
    Ok(None)
}

fn breaking(buf: &Path, root: &Path, baseline: &Baseline) -> Result<()> {
    println!("comparing with {}", baseline.name);
    let directory = tempfile::tempdir().map_err(Error::file(&std::env::temp_dir()))?;
    // buf cannot read git worktrees or remote references, so it reads an archive.
    let archive = directory.path().join("baseline.tar");
    Run::new("git", root)
        .args("archive --format=tar --output")
        .arg(&archive)
        .arg(&baseline.revision)
        .arg("proto")
        .read()?;
    let against = format!("{}#subdir=proto", archive.display());
    Run::new(buf, &root.join("proto")).args("breaking --against").arg(against).run()
}
