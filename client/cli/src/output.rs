//! What is printed: text for people, or one JSON object per line for programs.

use crate::failure::{Failure, Result};
use serde_json::Value;
use std::io::{self, BufWriter, IsTerminal as _, Write};

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// One JSON object per line, with keys that do not change.
    Json,
}

/// One result.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Record {
    /// One line or more, without the last end of line.
    pub(crate) text: String,
    /// The same for programs: an object.
    pub(crate) json: Value,
}

/// Standard output.
pub(crate) struct Output {
    format: Format,
    stdout: Box<dyn Write + Send>,
}

impl Output {
    /// Standard output: line by line on a terminal, else in larger pieces.
    pub(crate) fn new(format: Format) -> Self {
        let stdout = io::stdout();
        let stdout: Box<dyn Write + Send> =
            if stdout.is_terminal() { Box::new(stdout) } else { Box::new(BufWriter::new(stdout)) };
        Self { format, stdout }
    }

    /// Prints a result.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn put(&mut self, record: &Record) -> Result<()> {
        let written = match self.format {
            Format::Text => writeln!(self.stdout, "{}", record.text),
            Format::Json => writeln!(self.stdout, "{}", record.json),
        };
        written.map_err(Failure::output)
    }

    /// Gives out what is held back.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn flush(&mut self) -> Result<()> {
        self.stdout.flush().map_err(Failure::output)
    }
}

/// Bytes as people read them: `1.5 MiB`.
pub(crate) fn human_size(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}
