//! `cargo xtask mutants`: breaks one rule of the transaction protocol at a time and checks that a test fails.

use crate::error::{Error, Result, fail_on_findings};
use crate::run::Run;
use crate::workspace;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// One file per mutation, relative to the workspace root.
const MUTATIONS: &str = "tests/faults/mutations";

/// Selects mutations.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Run only these mutations, by file name without `.toml`.
    names: Vec<String>,
}

/// A replacement of one piece of source code that breaks one rule.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mutation {
    #[serde(skip)]
    name: String,
    /// The rule of the protocol that the mutation breaks.
    rule: String,
    /// The source file, relative to the workspace root.
    file: PathBuf,
    /// The source code to replace. It must occur exactly once.
    find: String,
    replace: String,
    /// The cargo test target that contains `test`.
    target: String,
    /// The test that must pass without the mutation and fail with it.
    test: String,
}

/// The result of one test run.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Passed,
    Failed,
    /// The code does not build, or the test does not exist.
    Inconclusive,
}

/// A checkout of HEAD, separate from the working tree.
struct Tree {
    root: PathBuf,
    path: PathBuf,
    target: PathBuf,
}

/// Runs the named test of each mutation twice: on HEAD, and on HEAD with the mutation.
///
/// # Errors
/// Lists each mutation that its test does not detect.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mutations = selected(&arguments.names)?;
    let tree = Tree::new(workspace::root()?)?;
    let mut findings = Vec::new();
    for mutation in &mutations {
        let finding = tree.check(mutation)?;
        println!("{} ({}): {}", mutation.name, mutation.rule, finding.as_deref().unwrap_or("caught"));
        findings.extend(finding.map(|finding| format!("{}: {finding}", mutation.name)));
    }
    tree.remove()?;
    println!("\n{} passed, {} failed", mutations.len() - findings.len(), findings.len());
    fail_on_findings(&findings)
}

/// Checks that each mutation applies to the working tree.
///
/// # Errors
/// Lists the mutations that do not apply.
pub(crate) fn check_applicable() -> Result<()> {
    let root = workspace::root()?;
    let mut findings = Vec::new();
    for mutation in selected(&[])? {
        if let Err(error) = mutation.mutated(&root) {
            findings.push(error.to_string());
        }
    }
    fail_on_findings(&findings)
}

fn selected(names: &[String]) -> Result<Vec<Mutation>> {
    let folder = workspace::root()?.join(MUTATIONS);
    let mut mutations = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(Error::file(&folder))? {
        let path = entry.map_err(Error::file(&folder))?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if names.is_empty() || names.contains(&name) {
            mutations.push(Mutation::read(name, &path)?);
        }
    }
    mutations.sort_by(|one, two| one.name.cmp(&two.name));
    if mutations.len() < names.len() {
        return Err(Error::Check(format!("{MUTATIONS} does not contain all of the mutations {names:?}")));
    }
    Ok(mutations)
}

impl Mutation {
    fn read(name: String, path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(Error::file(path))?;
        let mutation: Self = toml::from_str(&text).map_err(|error| Error::Check(format!("{name}.toml: {error}")))?;
        Ok(Self { name, ..mutation })
    }

    /// The content of `file` in the checkout at `root`, with the mutation.
    fn mutated(&self, root: &Path) -> Result<String> {
        let path = root.join(&self.file);
        let source = std::fs::read_to_string(&path).map_err(Error::file(&path))?;
        match source.matches(&self.find).count() {
            1 => Ok(source.replacen(&self.find, &self.replace, 1)),
            found => Err(Error::Check(format!(
                "{MUTATIONS}/{}.toml: `find` occurs {found} times in {}: adapt it to the new code",
                self.name,
                self.file.display()
            ))),
        }
    }
}

impl Tree {
    fn new(root: PathBuf) -> Result<Self> {
        let folder = root.join("target").join("mutants");
        let tree = Self { path: folder.join("tree"), target: folder.join("target"), root };
        // An interrupted run leaves its checkout behind.
        tree.git("worktree remove --force").arg(&tree.path).try_read()?;
        tree.git("worktree add --detach --quiet").arg(&tree.path).arg("HEAD").run()?;
        Ok(tree)
    }

    fn git(&self, arguments: &str) -> Run {
        Run::new("git", &self.root).args(arguments)
    }

    /// Describes what is wrong with a mutation; `None` if its test detects it.
    fn check(&self, mutation: &Mutation) -> Result<Option<String>> {
        if self.verdict(mutation)? != Verdict::Passed {
            return Ok(Some(format!("{} does not pass without the mutation", mutation.test)));
        }
        let path = self.path.join(&mutation.file);
        std::fs::write(&path, mutation.mutated(&self.path)?).map_err(Error::file(&path))?;
        let verdict = self.verdict(mutation)?;
        Run::new("git", &self.path).args("checkout --quiet --force .").run()?;
        Ok(match verdict {
            Verdict::Failed => None,
            Verdict::Passed => Some(format!("{} does not detect it", mutation.test)),
            Verdict::Inconclusive => Some("it does not build".to_owned()),
        })
    }

    fn verdict(&self, mutation: &Mutation) -> Result<Verdict> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let test = Run::new(cargo, &self.path).args("test --workspace --locked --test").arg(&mutation.target);
        let test = test.env("CARGO_TARGET_DIR", &self.target).args("-- --exact").arg(&mutation.test);
        Ok(verdict(&test.read_stdout()?))
    }

    fn remove(&self) -> Result<()> {
        self.git("worktree remove --force").arg(&self.path).run()
    }
}

fn verdict(output: &str) -> Verdict {
    let result = output.lines().rev().find(|line| line.starts_with("test result:")).unwrap_or_default();
    match (result.contains(" 1 passed"), result.contains(" 1 failed")) {
        (true, false) => Verdict::Passed,
        (false, true) => Verdict::Failed,
        _ => Verdict::Inconclusive,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_without_a_test_result_is_inconclusive() {
        let result = |passed, failed| format!("\ntest result: x. {passed} passed; {failed} failed; 0 ignored\n");
        assert_eq!(verdict(&result(1, 0)), Verdict::Passed);
        assert_eq!(verdict(&result(0, 1)), Verdict::Failed);
        assert_eq!(verdict(&result(0, 0)), Verdict::Inconclusive);
        assert_eq!(verdict("error: could not compile"), Verdict::Inconclusive);
    }

    #[test]
    fn a_mutation_applies_only_if_its_code_occurs_once() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.rs"), "one two two").unwrap();
        let mutation = |find: &str| Mutation {
            name: "m".into(),
            rule: String::new(),
            file: "a.rs".into(),
            find: find.into(),
            replace: "x".into(),
            target: String::new(),
            test: String::new(),
        };
        assert_eq!(mutation("one").mutated(folder.path()).unwrap(), "x two two");
        assert!(mutation("two").mutated(folder.path()).unwrap_err().to_string().contains("occurs 2 times"));
        assert!(mutation("three").mutated(folder.path()).is_err());
    }
}
