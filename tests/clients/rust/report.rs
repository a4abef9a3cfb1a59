//! Results of the scenarios.

use crate::scenario::folder;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::time::Duration;

/// Collects the results, and writes them to the file `LAKEPORT_TEST_RESULTS`.
pub(crate) struct Report {
    /// Scenarios that the client does not pass yet, with the reason.
    pending: BTreeMap<String, String>,
    file: Option<File>,
    passed: usize,
    expected_failures: usize,
    failed: Vec<String>,
}

impl Report {
    /// # Errors
    /// A file cannot be read or written.
    pub(crate) fn new() -> Result<Self, String> {
        let pending = folder().join("rust/pending.yaml");
        let text = std::fs::read_to_string(&pending).map_err(|error| format!("{}: {error}", pending.display()))?;
        let pending = serde_yaml_ng::from_str(&text).map_err(|error| format!("pending.yaml: {error}"))?;
        let file = std::env::var_os("LAKEPORT_TEST_RESULTS").map(File::create).transpose();
        let file = file.map_err(|error| format!("LAKEPORT_TEST_RESULTS: {error}"))?;
        Ok(Self { pending, file, passed: 0, expected_failures: 0, failed: Vec::new() })
    }

    /// # Errors
    /// The result cannot be written.
    pub(crate) fn add(&mut self, name: &str, took: Duration, result: Result<(), String>) -> Result<(), String> {
        let (pending, error) = (self.pending.remove(name), result.err());
        if let Some(file) = &mut self.file {
            let seconds = (took.as_secs_f64() * 1000.0).round() / 1000.0;
            let line = serde_json::json!({"scenario": name, "seconds": seconds, "error": error, "pending": pending});
            writeln!(file, "{line}").map_err(|error| format!("cannot write the results: {error}"))?;
        }
        match (pending, error) {
            (None, None) => self.passed += 1,
            (Some(_), Some(_)) => self.expected_failures += 1,
            (Some(_), None) => self.failed.push(format!("{name} passes: remove it from pending.yaml")),
            (None, Some(error)) => self.failed.push(format!("{name}: {error}")),
        }
        Ok(())
    }

    /// Prints the summary.
    ///
    /// # Errors
    /// A scenario failed.
    pub(crate) fn finish(self) -> Result<(), String> {
        self.failed.iter().for_each(|failure| println!("{failure}"));
        println!("{} passed, {} pending, {} failed", self.passed, self.expected_failures, self.failed.len());
        match self.failed.is_empty() {
            true => Ok(()),
            false => Err("a scenario failed".to_owned()),
        }
    }
}
