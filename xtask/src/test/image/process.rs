//! A process that is asked to end, and ended if it does not.

use crate::error::{Error, Result};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const POLL: Duration = Duration::from_millis(50);

/// A running process; killed when it is dropped.
pub(super) struct Process(Child);

impl Process {
    /// Starts `command` without input; what it prints is seen.
    pub(super) fn start(command: &mut Command) -> Result<Self> {
        let child = command.stdin(Stdio::null()).spawn();
        child.map(Self).map_err(|source| Error::Start { command: "lakeport-server".to_owned(), source })
    }

    /// Whether it has not ended yet.
    ///
    /// # Errors
    /// `Found` with its exit status once it has.
    pub(super) fn is_running(&mut self) -> Result<()> {
        match self.ended()? {
            None => Ok(()),
            Some(status) => Err(Error::Found(format!("the server ended too early, with {status}"))),
        }
    }

    /// Sends SIGTERM and waits for the end.
    ///
    /// # Errors
    /// `Found` if it runs on after `patience`, or ends with anything but exit code 0.
    pub(super) fn stop(mut self, patience: Duration) -> Result<()> {
        self.terminate()?;
        let asked = Instant::now();
        while asked.elapsed() < patience {
            match self.ended()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(Error::Found(format!("the server ended on SIGTERM with {status}"))),
                None => sleep(POLL),
            }
        }
        Err(Error::Found(format!("the server still runs {} s after SIGTERM", patience.as_secs())))
    }

    /// By way of the shell's own `kill`: the standard library sends no signal but SIGKILL.
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
        // It may have ended already, and then there is nothing to do.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A shell that does `then` on SIGTERM, and has said that it is ready to.
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
    fn a_clean_end_passes() {
        shell("exit 0").stop(Duration::from_secs(10)).unwrap();
    }

    #[test]
    fn another_exit_code_fails() {
        let error = shell("exit 3").stop(Duration::from_secs(10)).unwrap_err();
        assert!(error.to_string().contains("exit status: 3"), "{error}");
    }

    #[test]
    fn who_does_not_listen_fails_and_is_killed() {
        let process = shell(":");
        let id = process.0.id();
        let error = process.stop(Duration::from_millis(300)).unwrap_err();
        assert!(error.to_string().contains("still runs"), "{error}");
        assert!(!std::path::Path::new(&format!("/proc/{id}")).exists());
    }

    #[test]
    fn an_early_end_is_told() {
        let mut process = Process::start(Command::new("/bin/sh").args(["-c", "exit 7"])).unwrap();
        process.0.wait().unwrap();
        assert!(process.is_running().unwrap_err().to_string().contains("too early"));
    }
}
