//! Uploads of large files, in parts that survive an interruption.

use crate::failure::{Context as _, Failure, Result};
use crate::progress::Progress;
use crate::terminal::print_stderr;
use crate::uri::LakeUri;
use crate::values::parse_duration;
use lakeport_client::{Client, UploadOptions, UploadProgress};
use std::fmt;
use std::fs::Metadata;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Size in bytes above which a file is uploaded in parts. Below it, a repetition costs little, and the second pass of the bytes
/// through the server costs more.
const ABOVE: u64 = 1 << 30;
/// Size of a part in bytes.
const PART: u64 = 64 << 20;

/// How to upload large files. The hidden flags are for tests.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct LargeFiles {
    /// Upload larger files in parts, in bytes
    #[arg(long, hide = true, env = "LAKEPORT_PARTS_ABOVE", hide_env = true, default_value_t = ABOVE)]
    parts_above: u64,
    /// Size of a part, in bytes
    #[arg(long, hide = true, env = "LAKEPORT_PART_BYTES", hide_env = true, default_value_t = PART)]
    part_bytes: u64,
    /// Retry a call for this time while the server is unavailable
    #[arg(long, hide = true, env = "LAKEPORT_RETRY_FOR", hide_env = true, default_value = "5m", value_parser = parse_duration)]
    retry_for: Duration,
    /// Number of concurrent parts of a file.
    #[arg(skip)]
    parallelism: usize,
}

/// The command that resumes an upload, without its ID.
pub(super) struct ResumeCommand<'a> {
    pub(super) from: &'a Path,
    pub(super) to: &'a LakeUri,
    pub(super) content_type: &'a str,
    pub(super) create_only: bool,
}

/// Prints the command that resumes an upload if it is dropped, which means that the user interrupted the upload.
struct OnInterrupt<'a> {
    progress: &'a Progress,
    command: Option<String>,
}

impl LargeFiles {
    /// Sets the number of concurrent parts of a file.
    pub(crate) fn with_parallelism(self, parallelism: usize) -> Self {
        Self { parallelism, ..self }
    }

    /// Returns whether a file is large. False if it is not a regular file, because parts need random access.
    pub(super) fn includes(&self, metadata: &Metadata) -> bool {
        metadata.is_file() && metadata.len() > self.parts_above
    }

    pub(super) fn upload_options(&self) -> UploadOptions {
        let Self { part_bytes, retry_for, parallelism, .. } = *self;
        UploadOptions { part_bytes, retry_for, parallelism, ..UploadOptions::default() }
    }
}

/// Uploads a file in parts. If that fails or is interrupted, prints how to resume it.
pub(super) async fn upload(
    client: &Client,
    progress: &Progress,
    command: &ResumeCommand<'_>,
    options: UploadOptions,
) -> Result<()> {
    let ResumeCommand { from, to, .. } = command;
    let writing = || format!("write {to}");
    let upload = client.upload_resumable(from, &to.place(), &to.path, options).await.with_context(writing)?;
    let command = command.with_id(upload.resume_id());
    let mut on_interrupt = OnInterrupt { progress, command: Some(command.clone()) };
    let uploaded = upload.run(report_to(progress.clone())).await;
    on_interrupt.command = None;
    match uploaded {
        Err(error) if error.is_upload_resumable() => {
            let failure = Failure::Server { what: writing(), error: Box::new(error) };
            Err(Failure::Resumable { failure: Box::new(failure), command })
        }
        uploaded => uploaded.map(drop).with_context(writing),
    }
}

/// Returns a function that shows the progress of one upload. All bytes count twice: when they are sent, and when the server
/// composes the parts.
fn report_to(progress: Progress) -> impl Fn(UploadProgress) + Send + Sync + 'static {
    let (total, done) = (AtomicU64::new(0), AtomicU64::new(0));
    move |now| {
        let all = 2 * now.size_bytes;
        progress.add_total(all - total.swap(all, Ordering::Relaxed));
        let moved = now.sent_bytes + now.composed_bytes;
        progress.replace(done.swap(moved, Ordering::Relaxed), moved);
    }
}

impl ResumeCommand<'_> {
    fn with_id(&self, id: &str) -> String {
        let mut command = format!("lakeport cp --resume {id}");
        if !self.content_type.is_empty() {
            command += &format!(" --content-type {}", Quoted(self.content_type));
        }
        if self.create_only {
            command += " --no-clobber";
        }
        format!("{command} {} {}", Quoted(&self.from.to_string_lossy()), Quoted(&self.to.to_string()))
    }
}

impl Drop for OnInterrupt<'_> {
    fn drop(&mut self) {
        if let Some(command) = &self.command {
            self.progress.suspend(|| print_stderr(format_args!("resume with: {command}")));
        }
    }
}

/// A word of a shell command.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = |c: char| c.is_alphanumeric() || "/.:_-+=@%,".contains(c);
        match !self.0.is_empty() && self.0.chars().all(is_plain) {
            true => f.write_str(self.0),
            false => write!(f, "'{}'", self.0.replace('\'', r"'\''")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resume_command_repeats_the_options_and_quotes_names() {
        let to: LakeUri = "lakefs://r/tx:t/a b".parse().unwrap();
        let command = ResumeCommand { from: Path::new("it's"), to: &to, content_type: "text/csv", create_only: true };
        assert_eq!(
            command.with_id("id"),
            r"lakeport cp --resume id --content-type text/csv --no-clobber 'it'\''s' 'lakefs://r/tx:t/a b'"
        );
        let to: LakeUri = "lakefs://r/main/a".parse().unwrap();
        let command = ResumeCommand { from: Path::new("/tmp/a.bin"), to: &to, content_type: "", create_only: false };
        assert_eq!(command.with_id("id"), "lakeport cp --resume id /tmp/a.bin lakefs://r/main/a");
    }
}
