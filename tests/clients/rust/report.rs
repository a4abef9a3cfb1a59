//! Results of the scenarios.

use std::fs::File;
use std::io::Write as _;
use std::time::Duration;

/// Collects the results, and writes them to the file `LAKEPORT_TEST_RESULTS`.
pub(crate) struct Report {
    file: Option<File>,
    passed: usize,
    failed: Vec<String>,
}

impl Report {
    /// # Errors
    /// A file cannot be read or written.
    pub(crate) fn new() -> Result<Self, String> {
        let file = std::env::var_os("LAKEPORT_TEST_RESULTS").map(File::create).transpose();
        let file = file.map_err(|error| format!("LAKEPORT_TEST_RESULTS: {error}"))?;
        Ok(Self { file, passed: 0, failed: Vec::new() })
    }

    /// # Errors
    /// The result cannot be written.
    pub(crate) fn add(&mut self, name: &str, took: Duration, result: Result<(), String>) -> Result<(), String> {
        let error = result.err();
        if let Some(file) = &mut self.file {
            let seconds = (took.as_secs_f64() * 1000.0).round() / 1000.0;
            let line = serde_json::json!({"scenario": name, "seconds": seconds, "error": error, "pending": null});
            writeln!(file, "{line}").map_err(|error| format!("cannot write the results: {error}"))?;
        }
        match error {
            None => self.passed += 1,
            Some(error) => self.failed.push(format!("{name}: {error}")),
        }
        Ok(())
    }

    /// Prints the summary.
    ///
    /// # Errors
    /// A scenario failed.
    pub(crate) fn finish(self) -> Result<(), String> {
        self.failed.iter().for_each(|failure| println!("{failure}"));
        println!("{} passed, {} failed", self.passed, self.failed.len());
        match self.failed.is_empty() {
            true => Ok(()),
            false => Err("a scenario failed".to_owned()),
        }
    }
}
