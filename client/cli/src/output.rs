//! What is printed: text for people, or one JSON object per line for programs.

use crate::failure::{Failure, Result};
use crate::terminal::escape_controls;
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
    is_terminal: bool,
    stdout: Box<dyn Write + Send>,
}

impl Output {
    /// Standard output: line by line on a terminal, else in larger pieces.
    pub(crate) fn new(format: Format) -> Self {
        let stdout = io::stdout();
        let is_terminal = stdout.is_terminal();
        let stdout: Box<dyn Write + Send> =
            if is_terminal { Box::new(stdout) } else { Box::new(BufWriter::new(stdout)) };
        Self { format, is_terminal, stdout }
    }

    /// Prints a result.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn put(&mut self, record: &Record) -> Result<()> {
        let written = match self.format {
            Format::Text if self.is_terminal => writeln!(self.stdout, "{}", escape_controls(&record.text)),
            Format::Text => writeln!(self.stdout, "{}", record.text),
            Format::Json => writeln!(self.stdout, "{}", record.json),
        };
        written.map_err(Failure::output)
    }

    /// Prints what was done. Whether anybody reads that decides nothing: what is left to do is done.
    ///
    /// # Errors
    /// When it cannot be written, and not because nobody reads.
    pub(crate) fn report(&mut self, record: &Record) -> Result<()> {
        match self.put(record) {
            Err(Failure::OutputClosed) => {
                self.stdout = Box::new(io::sink());
                Ok(())
            }
            other => other,
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A pipe that nobody reads.
    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn work_goes_on_when_nobody_reads_of_it_and_a_list_does_not() {
        let record = Record { text: "copy a -> b".into(), json: Value::Null };
        let mut output = Output { format: Format::Text, is_terminal: false, stdout: Box::new(Closed) };
        assert!(matches!(output.put(&record), Err(Failure::OutputClosed)));
        assert!(output.report(&record).is_ok());
        assert!(output.report(&record).is_ok() && output.flush().is_ok());
    }
}
