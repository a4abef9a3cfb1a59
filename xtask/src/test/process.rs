//! A child process that is stopped with SIGTERM and killed if it does not exit.

use crate::error::{Error, Result};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const POLL: Duration = Duration::from_millis(50);

/// A running process. Dropping it kills the process.
pub(in crate::test) struct Process(Child);

impl Process {
    /// Starts `command` without standard input. Its output goes to the terminal.
    pub(in crate::test) fn start(command: &mut Command) -> Result<Self> {
        let child = command.stdin(Stdio::null()).spawn();
        child.map(Self).map_err(|source| Error::Start { command: "lakeport-server".to_owned(), source })
    }

    /// Checks that the process is still running.
    ///
    /// # Errors
    /// `Check` with the exit status if the process has exited.
    pub(in crate::test) fn check_running(&mut self) -> Result<()> {
        match self.ended()? {
            None => Ok(()),
            Some(status) => Err(Error::Check(format!("the server exited too early: {status}"))),
        }
    }

    /// Sends SIGTERM and waits until the process exits.
    ///
    /// # Errors
    /// `Check` if the process still runs after `timeout`, or if its exit code is not 0.
    pub(in crate::test) fn stop(mut self, timeout: Duration) -> Result<()> {
        self.terminate()?;
        let sent_at = Instant::now();
        while sent_at.elapsed() < timeout {
            match self.ended()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => {
                    return Err(Error::Check(format!("the server exited with an error after SIGTERM: {status}")));
                }
                None => sleep(POLL),
            }
        }
        Err(Error::Check(format!("the server still runs {} s after SIGTERM", timeout.as_secs())))
    }

    /// Sends SIGTERM with the shell's `kill`, because the standard library can send only SIGKILL.
    fn terminate(&self) -> Result<()> {
        let command = format!("kill -TERM {}", self.0.id());
        let sent = Command::new("/bin/sh").args(["-c", &command]).status();
        match sent.map_err(|source| Error::Start { command: command.clone(), source })? {
            status if status.success() => Ok(()),
            status => Err(Error::Ended { command, status }),
        }
    }

    fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.0.try_wait().map_err(|source| Error::Start { command: "wait".to_owned(), source })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Errors are ignored: the process may have exited already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Starts a shell that runs `then` on SIGTERM. Returns after the shell has installed the trap.
    fn shell(then: &str) -> Process {
        let ready = tempfile::NamedTempFile::new().unwrap();
        let script =
            format!("trap '{then}' TERM; echo ready >{}; while :; do sleep 0.02; done", ready.path().display());
        let process = Process::start(Command::new("/bin/sh").args(["-c", &script])).unwrap();
        while std::fs::read(ready.path()).unwrap().is_empty() {
            sleep(POLL);
        }
        process
    }

    #[test]
    fn exit_code_0_passes() {
        shell("exit 0").stop(Duration::from_secs(10)).unwrap();
    }

    #[test]
    fn other_exit_codes_fail() {
        let error = shell("exit 3").stop(Duration::from_secs(10)).unwrap_err();
        assert!(error.to_string().contains("exit status: 3"), "{error}");
    }

    #[test]
    fn a_process_that_ignores_sigterm_fails_and_is_killed() {
        let process = shell(":");
        let id = process.0.id();
        let error = process.stop(Duration::from_millis(300)).unwrap_err();
        assert!(error.to_string().contains("still runs"), "{error}");
        assert!(!std::path::Path::new(&format!("/proc/{id}")).exists());
    }

    #[test]
    fn an_early_exit_is_reported() {
        let mut process = Process::start(Command::new("/bin/sh").args(["-c", "exit 7"])).unwrap();
        process.0.wait().unwrap();
        assert!(process.check_running().unwrap_err().to_string().contains("too early"));
    }
}
