//! Child processes: `Run` prints a command before it starts and reports an error if it fails.

use crate::error::{Error, Result};
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A command to run in the foreground.
#[derive(Debug)]
pub(crate) struct Run {
    command: Command,
    shown: String,
}

impl Run {
    /// Creates a command that runs `program` in `directory`, without standard input.
    pub(crate) fn new(program: impl AsRef<OsStr>, directory: &Path) -> Self {
        let program = program.as_ref();
        let mut command = Command::new(program);
        command.current_dir(directory).stdin(Stdio::null());
        let name = Path::new(program).file_name().unwrap_or(program);
        Self { command, shown: name.to_string_lossy().into_owned() }
    }

    /// Appends an argument.
    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.shown.push(' ');
        self.shown.push_str(&argument.as_ref().to_string_lossy());
        self.command.arg(argument);
        self
    }

    /// Appends arguments that are separated by white space. An argument cannot contain white space.
    pub(crate) fn args(self, arguments: &str) -> Self {
        arguments.split_whitespace().fold(self, |run, argument| run.arg(argument))
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.shown = format!("{name}='{}' {}", value.as_ref().to_string_lossy(), self.shown);
        self.command.env(name, value);
        self
    }

    /// Looks for programs in `directory` first, then in the search path of this process.
    ///
    /// # Errors
    /// [`Error::Check`] if the path of `directory` contains the separator of search paths.
    pub(crate) fn search(mut self, directory: &Path) -> Result<Self> {
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let directories = std::iter::once(directory.to_owned()).chain(std::env::split_paths(&inherited));
        let path = std::env::join_paths(directories).map_err(|error| Error::Check(error.to_string()))?;
        self.shown = format!("PATH='{}':\"$PATH\" {}", directory.display(), self.shown);
        self.command.env("PATH", path);
        Ok(self)
    }

    /// Removes an environment variable.
    pub(crate) fn without_env(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Prints the command and runs it. The command's output goes to the terminal.
    ///
    /// # Errors
    /// `Start` if the command cannot be started; `Ended` if it fails.
    pub(crate) fn run(mut self) -> Result<()> {
        println!("$ {}", self.shown);
        let status = self.command.status().map_err(|source| Error::Start { command: self.shown.clone(), source })?;
        if status.success() { Ok(()) } else { Err(Error::Ended { command: self.shown, status }) }
    }

    /// Runs the command and returns its standard output. Its standard error goes to the terminal.
    ///
    /// # Errors
    /// `Start` if the command cannot be started; `Ended` if it fails.
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

    /// Runs the command silently and returns its standard output, even if the command fails.
    ///
    /// # Errors
    /// `Start` if the command cannot be started.
    pub(crate) fn read_stdout(mut self) -> Result<String> {
        let output = self.command.output().map_err(|source| Error::Start { command: self.shown, source })?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs the command silently and returns its standard output, or `None` if the command fails.
    ///
    /// # Errors
    /// `Start` if the command cannot be started.
    pub(crate) fn try_read(mut self) -> Result<Option<String>> {
        let output = self.command.output().map_err(|source| Error::Start { command: self.shown, source })?;
        Ok(output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim_end().to_owned()))
    }
}
