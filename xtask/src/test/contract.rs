//! The contract: linted, formatted, and compatible with what clients were built against.

use crate::error::{Error, Result};
use crate::run::Run;
use crate::{tools, workspace};
use std::path::Path;

/// A state of the project whose contract clients may rely on.
struct Baseline {
    /// What git calls it.
    revision: String,
    /// What people call it.
    what: String,
}

/// `buf lint`, `buf format` and `buf breaking`.
pub(super) fn run() -> Result<()> {
    let buf = tools::installed()?.buf();
    let root = workspace::root()?;
    let proto = root.join("proto");
    Run::new(&buf, &proto).arg("lint").run()?;
    Run::new(&buf, &proto).args("format --diff --exit-code").run()?;
    let Some(baseline) = baseline(&root)? else {
        println!(
            "buf breaking: skipped, neither a release tag nor origin/main has a contract: there is nobody to break"
        );
        return Ok(());
    };
    breaking(&buf, &root, &baseline)
}

/// The last release, or what is on the way to the first.
fn baseline(root: &Path) -> Result<Option<Baseline>> {
    let release = Run::new("git", root).args("describe --tags --abbrev=0 --match v[0-9]*").ask()?;
    let release = release.map(|tag| Baseline { what: format!("release {tag}"), revision: format!("refs/tags/{tag}") });
    let trunk = Baseline { what: "origin/main".to_owned(), revision: "refs/remotes/origin/main".to_owned() };
    let candidates = release.into_iter().chain([trunk]);
    for candidate in candidates {
        let contract = format!("{}:proto/buf.yaml", candidate.revision);
        if Run::new("git", root).args("cat-file -e").arg(contract).ask()?.is_some() {
            return Ok(Some(candidate));
        }
    }
    Ok(None)
}

fn breaking(buf: &Path, root: &Path, baseline: &Baseline) -> Result<()> {
    println!("against {}", baseline.what);
    let directory = tempfile::tempdir().map_err(Error::file(&std::env::temp_dir()))?;
    // By way of an archive, since buf reads no git worktrees and no references of remotes.
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
