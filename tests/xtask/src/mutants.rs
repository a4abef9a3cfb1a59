//! `cargo xtask mutants`: leaves out one rule of the protocol after the other, and shows that a test notices each.

use crate::error::{Error, Result, nothing_found};
use crate::run::Run;
use crate::workspace;
use std::path::PathBuf;

/// Where the patches are. Each says what it leaves out, and which test catches that.
const PATCHES: &str = "tests/faults/mutations";
/// What stands before the name of that test: its target and its path.
const CAUGHT_BY: &str = "Caught by: ";

/// Which of them.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only these, by the names of their files without `.patch`.
    names: Vec<String>,
}

/// One rule that is left out.
#[derive(Debug)]
struct Mutation {
    name: String,
    patch: PathBuf,
    /// Of cargo's tests.
    target: String,
    test: String,
}

/// What a test made of a mutated tree.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Passed,
    Failed,
    /// It does not build, or there is no such test.
    Nothing,
}

/// A checkout of what is committed, apart from the one that is worked in.
struct Tree {
    root: PathBuf,
    path: PathBuf,
    target: PathBuf,
}

/// Applies each mutation to what is committed and runs the test that has to fail then, and passes without it.
///
/// # Errors
/// Every mutation that no test notices.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mutations = chosen(&arguments.names)?;
    let tree = Tree::new(workspace::root()?)?;
    let mut findings = Vec::new();
    for mutation in &mutations {
        let finding = tree.try_out(mutation)?;
        println!("{}: {}", mutation.name, finding.as_deref().unwrap_or("caught"));
        findings.extend(finding.map(|finding| format!("{}: {finding}", mutation.name)));
    }
    tree.remove()?;
    println!("\n{} passed, {} failed", mutations.len() - findings.len(), findings.len());
    nothing_found(&findings)
}

/// Checks that every mutation still applies to the tree that is worked in.
///
/// # Errors
/// Those that do not.
pub(crate) fn still_apply() -> Result<()> {
    let root = workspace::root()?;
    let mut findings = Vec::new();
    for mutation in chosen(&[])? {
        let check = Run::new("git", &root).args("apply --check").arg(&mutation.patch);
        if check.ask()?.is_none() {
            findings.push(format!("{PATCHES}/{}.patch does not apply: make it anew", mutation.name));
        }
    }
    nothing_found(&findings)
}

fn chosen(names: &[String]) -> Result<Vec<Mutation>> {
    let folder = workspace::root()?.join(PATCHES);
    let mut mutations = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(Error::file(&folder))? {
        let patch = entry.map_err(Error::file(&folder))?.path();
        let name = patch.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if names.is_empty() || names.contains(&name) {
            mutations.push(Mutation::read(name, patch)?);
        }
    }
    mutations.sort_by(|one, two| one.name.cmp(&two.name));
    if mutations.len() < names.len() {
        return Err(Error::Found(format!("not all of {names:?} are in {PATCHES}")));
    }
    Ok(mutations)
}

impl Mutation {
    fn read(name: String, patch: PathBuf) -> Result<Self> {
        let text = std::fs::read_to_string(&patch).map_err(Error::file(&patch))?;
        let caught = text.lines().find_map(|line| line.strip_prefix(CAUGHT_BY)?.split_once(' '));
        let (target, test) = caught.ok_or_else(|| Error::Found(format!("{name}.patch: no line {CAUGHT_BY:?}")))?;
        let (target, test) = (target.to_owned(), test.to_owned());
        Ok(Self { name, patch, target, test })
    }
}

impl Tree {
    fn new(root: PathBuf) -> Result<Self> {
        let folder = root.join("target").join("mutants");
        let tree = Self { path: folder.join("tree"), target: folder.join("target"), root };
        // Of a run that was stopped.
        tree.git("worktree remove --force").arg(&tree.path).ask()?;
        tree.git("worktree add --detach --quiet").arg(&tree.path).arg("HEAD").run()?;
        Ok(tree)
    }

    fn git(&self, arguments: &str) -> Run {
        Run::new("git", &self.root).args(arguments)
    }

    /// What is wrong with a mutation, if anything is.
    fn try_out(&self, mutation: &Mutation) -> Result<Option<String>> {
        let in_tree = |arguments: &str| Run::new("git", &self.path).args(arguments);
        if self.verdict(mutation)? != Verdict::Passed {
            return Ok(Some(format!("{} does not pass as it is", mutation.test)));
        }
        in_tree("apply").arg(&mutation.patch).run()?;
        let verdict = self.verdict(mutation)?;
        in_tree("checkout --quiet --force .").run()?;
        Ok(match verdict {
            Verdict::Failed => None,
            Verdict::Passed => Some(format!("{} does not notice it", mutation.test)),
            Verdict::Nothing => Some("it does not build".to_owned()),
        })
    }

    fn verdict(&self, mutation: &Mutation) -> Result<Verdict> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let test = Run::new(cargo, &self.path).args("test --workspace --locked --test").arg(&mutation.target);
        let test = test.env("CARGO_TARGET_DIR", &self.target).args("-- --exact").arg(&mutation.test);
        Ok(verdict(&test.said()?))
    }

    fn remove(&self) -> Result<()> {
        self.git("worktree remove --force").arg(&self.path).run()
    }
}

fn verdict(said: &str) -> Verdict {
    let result = said.lines().rev().find(|line| line.starts_with("test result:")).unwrap_or_default();
    match (result.contains(" 1 passed"), result.contains(" 1 failed")) {
        (true, false) => Verdict::Passed,
        (false, true) => Verdict::Failed,
        _ => Verdict::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_is_not_there_proves_nothing() {
        let result = |passed, failed| format!("\ntest result: x. {passed} passed; {failed} failed; 0 ignored\n");
        assert_eq!(verdict(&result(1, 0)), Verdict::Passed);
        assert_eq!(verdict(&result(0, 1)), Verdict::Failed);
        assert_eq!(verdict(&result(0, 0)), Verdict::Nothing);
        assert_eq!(verdict("error: could not compile"), Verdict::Nothing);
    }
}
