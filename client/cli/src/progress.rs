//! Progress bar on standard error.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal as _;

const TEMPLATE: &str = "{spinner} {bytes}/{total_bytes} {wide_bar} {bytes_per_sec} {eta}";

/// Progress of transfers, in bytes. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Creates a bar. It is hidden unless `is_enabled` is true and standard error is a terminal.
    pub(crate) fn new(is_enabled: bool) -> Self {
        if !is_enabled || !std::io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
        Self(bar.with_style(style))
    }

    /// Increases the expected number of bytes.
    pub(crate) fn add_total(&self, bytes: u64) {
        self.0.inc_length(bytes);
    }

    /// Increases the number of transferred bytes.
    pub(crate) fn advance(&self, bytes: usize) {
        self.0.inc(bytes as u64);
    }

    /// Replaces `before` transferred bytes with `now`, which may be less.
    pub(crate) fn replace(&self, before: u64, now: u64) {
        match now.checked_sub(before) {
            Some(more) => self.0.inc(more),
            None => self.0.dec(before - now),
        }
    }

    /// Hides the bar while `print` runs, so that the output does not overlap the bar.
    pub(crate) fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        self.0.suspend(print)
    }

    /// Removes the bar.
    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}
