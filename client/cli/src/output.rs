//! Output of results: text for people, or one JSON object per line for programs.

use crate::failure::{Failure, Result};
use crate::terminal::escape_controls;
use serde_json::Value;
use std::io::{self, BufWriter, IsTerminal as _, Write};

/// Output format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Text for people
    Text,
    /// One JSON object per line, with stable keys
    Json,
}

/// One result.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Record {
    /// One or more lines, without the final newline.
    pub(crate) text: String,
    /// The same result as a JSON object.
    pub(crate) json: Value,
}

/// Writer for standard output.
pub(crate) struct Output {
    format: Format,
    is_terminal: bool,
    stdout: Box<dyn Write + Send>,
}

impl Output {
    /// Opens standard output: line-buffered on a terminal, otherwise block-buffered.
    pub(crate) fn new(format: Format) -> Self {
        let stdout = io::stdout();
        let is_terminal = stdout.is_terminal();
        let stdout: Box<dyn Write + Send> =
            if is_terminal { Box::new(stdout) } else { Box::new(BufWriter::new(stdout)) };
        Self { format, is_terminal, stdout }
    }

    /// Prints a result. Fails with [`Failure::OutputClosed`] if the reader has closed the pipe.
    pub(crate) fn print(&mut self, record: &Record) -> Result<()> {
        let written = match self.format {
            Format::Text if self.is_terminal => writeln!(self.stdout, "{}", escape_controls(&record.text)),
            Format::Text => writeln!(self.stdout, "{}", record.text),
            Format::Json => writeln!(self.stdout, "{}", record.json),
        };
        written.map_err(Failure::output)
    }

    /// Prints a record of completed work. If the reader has closed the pipe, discards this and all further output, so that the
    /// remaining work is still done.
    pub(crate) fn report(&mut self, record: &Record) -> Result<()> {
        match self.print(record) {
            Err(Failure::OutputClosed) => {
                self.stdout = Box::new(io::sink());
                Ok(())
            }
            other => other,
        }
    }

    /// Flushes buffered output.
    pub(crate) fn flush(&mut self) -> Result<()> {
        self.stdout.flush().map_err(Failure::output)
    }
}

/// Formats a size for people: `1.5 MiB`.
pub(crate) fn human_size(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pipe whose reader has closed it.
    struct ClosedPipe;

    impl Write for ClosedPipe {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn closed_pipe_stops_listings_but_not_work() {
        let record = Record { text: "copy a -> b".into(), json: Value::Null };
        let mut output = Output { format: Format::Text, is_terminal: false, stdout: Box::new(ClosedPipe) };
        assert!(matches!(output.print(&record), Err(Failure::OutputClosed)));
        assert!(output.report(&record).is_ok());
        assert!(output.report(&record).is_ok() && output.flush().is_ok());
    }
}
