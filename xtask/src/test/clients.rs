//! The table of scenarios and languages, from the results that the runners of the clients have stored.

use crate::cargo::{cargo, metadata};
use crate::error::{Error, Result};
use crate::run::Run;
use crate::workspace;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The runners: the names of their result files, and of their columns.
const LANGUAGES: [(&str, &str); 5] =
    [("rust", "Rust"), ("python", "Python"), ("go", "Go"), ("typescript", "TypeScript"), ("browser", "Browser")];
/// Folder of the scenarios.
const SCENARIOS: &str = "tests/clients/scenarios";
/// The page that contains the table.
const PAGE: &str = "docs/clients.md";
/// The lines around the table.
const MARKERS: [&str; 2] = ["<!-- scenarios: begin -->\n", "<!-- scenarios: end -->"];

/// Result of a scenario.
#[derive(Debug, Deserialize)]
struct Outcome {
    scenario: String,
    error: Option<String>,
    pending: Option<String>,
    /// Why the scenario cannot run there.
    absent: Option<String>,
}

impl Outcome {
    /// Returns the cell of the table.
    fn cell(&self) -> &'static str {
        match (&self.error, &self.pending, &self.absent) {
            (None, ..) => "yes",
            (Some(_), _, Some(_)) => "n/a",
            (Some(_), Some(_), None) => "pending",
            (Some(_), None, None) => "FAILED",
        }
    }
}

/// The server of the scenarios.
pub(crate) struct Fixture {
    program: PathBuf,
    scenarios: PathBuf,
}

impl Fixture {
    /// Builds the server.
    ///
    /// # Errors
    /// The build fails.
    pub(crate) fn build() -> Result<Self> {
        cargo("build --locked -p lakeport-tests --bins")?.run()?;
        let program = metadata()?.target_directory.join("debug/client-fixture");
        Ok(Self { program, scenarios: workspace::root()?.join(SCENARIOS) })
    }

    /// Sets the variables of a runner.
    pub(crate) fn configure(&self, runner: Run, results: &Path) -> Run {
        runner
            .env("LAKEPORT_TEST_FIXTURE", &self.program)
            .env("LAKEPORT_TEST_SCENARIOS", &self.scenarios)
            .env("LAKEPORT_TEST_RESULTS", results)
    }
}

/// Returns the file for the results of a language. Deletes old results.
///
/// # Errors
/// The file cannot be deleted.
pub(super) fn empty_results(language: &str) -> Result<PathBuf> {
    let file = results(language)?;
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).map_err(Error::file(folder))?;
    }
    if file.exists() {
        std::fs::remove_file(&file).map_err(Error::file(&file))?;
    }
    Ok(file)
}

fn results(language: &str) -> Result<PathBuf> {
    Ok(metadata()?.target_directory.join("clients").join(format!("{language}.jsonl")))
}

/// Prints the table, and compares it with the page.
pub(super) fn run() -> Result<()> {
    let scenarios = scenarios()?;
    let mut columns = Vec::new();
    for (language, name) in LANGUAGES {
        columns.push((name, outcomes(language)?));
    }
    let table = table(&scenarios, &columns)?;
    println!("{table}");
    let page = workspace::root()?.join(PAGE);
    let text = std::fs::read_to_string(&page).map_err(Error::file(&page))?;
    let kept = text.split_once(MARKERS[0]).and_then(|(_, rest)| rest.split_once(MARKERS[1]));
    match kept {
        Some((kept, _)) if kept == table => Ok(()),
        _ => Err(Error::Check(format!("the table in {PAGE} is out of date: replace it by the one above"))),
    }
}

/// Returns the names of all scenarios.
fn scenarios() -> Result<Vec<String>> {
    let folder = workspace::root()?.join(SCENARIOS);
    let entries = std::fs::read_dir(&folder).map_err(Error::file(&folder))?;
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    let mut names = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).map_err(Error::file(&file))?;
        names.extend(text.lines().filter_map(|line| line.strip_prefix("- name: ")).map(str::to_owned));
    }
    Ok(names)
}

/// Returns the outcomes of a language, by scenario.
fn outcomes(language: &str) -> Result<BTreeMap<String, Outcome>> {
    let file = results(language)?;
    let text = std::fs::read_to_string(&file).map_err(|_| {
        Error::Check(format!(
            "{} is missing: run the step of that client first, or also skip `clients` and `together`",
            file.display()
        ))
    })?;
    let parse = |line| {
        let outcome: Outcome =
            serde_json::from_str(line).map_err(|error| Error::Check(format!("{}: {error}", file.display())))?;
        Ok((outcome.scenario.clone(), outcome))
    };
    text.lines().map(parse).collect()
}

/// Returns the table as Markdown.
///
/// # Errors
/// A language has no outcome for a scenario, or a scenario failed.
fn table(scenarios: &[String], columns: &[(&str, BTreeMap<String, Outcome>)]) -> Result<String> {
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let mut lines =
        vec![format!("| Scenario | {} |", names.join(" | ")), format!("|---|{}", "---|".repeat(names.len()))];
    for scenario in scenarios {
        let mut cells = Vec::new();
        for (name, outcomes) in columns {
            let missing = || Error::Check(format!("{name} did not run the scenario {scenario}"));
            cells.push(outcomes.get(scenario).ok_or_else(missing)?.cell());
        }
        lines.push(format!("| {} | {} |", scenario.replace('_', " "), cells.join(" | ")));
    }
    Ok(lines.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(scenario: &str, error: Option<&str>, pending: Option<&str>) -> (String, Outcome) {
        let (error, pending) = (error.map(str::to_owned), pending.map(str::to_owned));
        (scenario.to_owned(), Outcome { scenario: scenario.to_owned(), error, pending, absent: None })
    }

    #[test]
    fn the_table_has_a_row_for_each_scenario() {
        let scenarios = ["a_b".to_owned(), "c".to_owned()];
        let rust = [outcome("a_b", None, None), outcome("c", Some("no"), Some("later"))].into();
        let go = [outcome("a_b", None, None), outcome("c", Some("no"), None)].into();
        let table = table(&scenarios, &[("Rust", rust), ("Go", go)]).unwrap();
        let rows = "| Scenario | Rust | Go |\n|---|---|---|\n| a b | yes | yes |\n| c | pending | FAILED |\n";
        assert_eq!(table, rows);
    }

    #[test]
    fn a_scenario_that_cannot_run_is_not_available() {
        let json = r#"{"scenario": "a", "seconds": 0.1, "error": "no", "pending": null, "absent": "why"}"#;
        let outcome: Outcome = serde_json::from_str(json).unwrap();
        assert_eq!(outcome.cell(), "n/a");
    }

    #[test]
    fn a_missing_scenario_is_an_error() {
        let missing = table(&["a".to_owned()], &[("Rust", BTreeMap::new())]).unwrap_err();
        assert_eq!(missing.to_string(), "Rust did not run the scenario a");
    }

    #[test]
    fn scenarios_have_unique_names() {
        let mut names = scenarios().unwrap();
        assert!(names.len() > 80, "{}", names.len());
        names.sort();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
