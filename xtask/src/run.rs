//! Commands: shown before they start, and an error when they do not succeed.

use crate::error::{Error, Result};
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A command to be run in the foreground.
#[derive(Debug)]
pub(crate) struct Run {
    command: Command,
    shown: String,
}

impl Run {
    /// `program`, run in `directory`.
    pub(crate) fn new(program: impl AsRef<OsStr>, directory: &Path) -> Self {
        let program = program.as_ref();
        let mut command = Command::new(program);
        command.current_dir(directory).stdin(Stdio::null());
        let name = Path::new(program).file_name().unwrap_or(program);
        Self { command, shown: name.to_string_lossy().into_owned() }
    }

    /// One more argument.
    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.shown.push(' ');
        self.shown.push_str(&argument.as_ref().to_string_lossy());
        self.command.arg(argument);
        self
    }

    /// More arguments, separated by spaces; none can contain one.
    pub(crate) fn args(self, arguments: &str) -> Self {
        arguments.split_whitespace().fold(self, |run, argument| run.arg(argument))
    }

    /// One more variable in the environment.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.shown = format!("{name}='{}' {}", value.as_ref().to_string_lossy(), self.shown);
        self.command.env(name, value);
        self
    }

    /// One variable less in the environment.
    pub(crate) fn without_env(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Runs it with its output on the terminal.
    ///
    /// # Errors
    /// `Start`, and `Ended` if it does not succeed.
    pub(crate) fn run(mut self) -> Result<()> {
        println!("$ {}", self.shown);
        let status = self.command.status().map_err(|source| Error::Start { command: self.shown.clone(), source })?;
        if status.success() { Ok(()) } else { Err(Error::Ended { command: self.shown, status }) }
    }

    /// Runs it unseen and answers its standard output; its standard error is seen.
    ///
    /// # Errors
    /// `Start`, and `Ended` if it does not succeed.
    pub(crate) fn read(mut self) -> Result<String> {
        let Output { status, stdout, .. } = self
            .command
            .stderr(Stdio::inherit())
            .output()
            .map_err(|source| Error::Start { command: self.shown.clone(), source })?;
        if !status.success() {
            return Err(Error::Ended { command: self.shown, status });
        }
        Ok(String::from_utf8_lossy(&stdout).trim_end().to_owned())
    }

    /// Runs it unseen and answers its standard output, whether or not it succeeds.
    ///
    /// # Errors
    /// `Start`.
    pub(crate) fn said(mut self) -> Result<String> {
        let output = self.command.output().map_err(|source| Error::Start { command: self.shown, source })?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs it unseen and answers its standard output if it succeeds, nothing if it does not: for questions to which "no" is an
    /// answer.
    ///
    /// # Errors
    /// `Start`.
    pub(crate) fn ask(mut self) -> Result<Option<String>> {
        let output = self.command.output().map_err(|source| Error::Start { command: self.shown, source })?;
        Ok(output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim_end().to_owned()))
    }
}
