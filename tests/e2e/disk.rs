//! A small disk of its own, which can hang.

use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

/// Size of the disk.
const SIZE: u64 = 64 << 20;

/// A mounted file system. Dropping it unmounts the file system.
pub(crate) struct Disk {
    folder: tempfile::TempDir,
}

/// A disk that hangs. Dropping it ends this.
pub(crate) struct Hanging {
    end: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

fn run(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}

impl Disk {
    /// Returns `None` if this system does not permit to mount a file.
    pub(crate) fn mount() -> Option<Self> {
        let disk = Self { folder: tempfile::tempdir().unwrap() };
        let image = disk.folder.path().join("image");
        std::fs::File::create(&image).unwrap().set_len(SIZE).unwrap();
        std::fs::create_dir(disk.path()).unwrap();
        let (image, path) = (image.display().to_string(), disk.path().display().to_string());
        (run("mkfs.ext4", &["-q", &image]) && run("mount", &["-o", "loop", &image, &path])).then_some(disk)
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("mounted")
    }

    /// Makes each access that writes to the disk wait, until the returned value is dropped, for 60 s at most.
    pub(crate) fn hang(&self) -> Hanging {
        let path = self.path().display().to_string();
        assert!(run("fsfreeze", &["--freeze", &path]), "cannot freeze {path}");
        let (end, ended) = mpsc::channel();
        // A thread of its own ends this even if the test itself waits for the disk.
        let thread = std::thread::spawn(move || {
            let _ = ended.recv_timeout(Duration::from_secs(60));
            run("fsfreeze", &["--unfreeze", &path]);
        });
        Hanging { end: Some(end), thread: Some(thread) }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        run("umount", &["--lazy", &self.path().display().to_string()]);
    }
}

impl Drop for Hanging {
    fn drop(&mut self) {
        drop(self.end.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
