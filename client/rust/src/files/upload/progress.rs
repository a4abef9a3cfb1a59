//! Progress of an upload.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Progress of an [`Upload`](super::Upload). All bytes pass through the server twice: in parts, and when it composes the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadProgress {
    /// Size of the file in bytes.
    pub size_bytes: u64,
    /// Bytes that were sent in parts, or were stored by an earlier run. Decreases when a part fails and is sent again.
    pub sent_bytes: u64,
    /// Bytes that the server has composed. Decreases when the call fails and is sent again.
    pub composed_bytes: u64,
}

/// Counts bytes and reports each change.
pub(super) struct Meter {
    size: u64,
    sent: AtomicU64,
    composed: AtomicU64,
    report: Box<dyn Fn(UploadProgress) + Send + Sync>,
}

impl Meter {
    pub(super) fn new(size: u64, report: impl Fn(UploadProgress) + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { size, sent: AtomicU64::new(0), composed: AtomicU64::new(0), report: Box::new(report) })
    }

    /// Counts bytes that were sent, or need not be sent again.
    pub(super) fn add_sent(&self, bytes: u64) {
        self.sent.fetch_add(bytes, Ordering::Relaxed);
        self.report();
    }

    pub(super) fn set_composed(&self, bytes: u64) {
        self.composed.store(bytes, Ordering::Relaxed);
        self.report();
    }

    fn report(&self) {
        (self.report)(UploadProgress {
            size_bytes: self.size,
            sent_bytes: self.sent.load(Ordering::Relaxed),
            composed_bytes: self.composed.load(Ordering::Relaxed),
        });
    }
}

/// Bytes of one attempt to store a part. If dropped before [`Attempt::keep`], they no longer count.
pub(super) struct Attempt {
    meter: Arc<Meter>,
    bytes: AtomicU64,
    is_kept: AtomicBool,
}

impl Attempt {
    pub(super) fn new(meter: &Arc<Meter>) -> Arc<Self> {
        Arc::new(Self { meter: Arc::clone(meter), bytes: AtomicU64::new(0), is_kept: AtomicBool::new(false) })
    }

    pub(super) fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.meter.add_sent(bytes as u64);
    }

    pub(super) fn keep(&self) {
        self.is_kept.store(true, Ordering::Relaxed);
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if !*self.is_kept.get_mut() {
            self.meter.sent.fetch_sub(*self.bytes.get_mut(), Ordering::Relaxed);
            self.meter.report();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn failed_attempt_does_not_count() {
        let reported = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&reported);
        let meter = Meter::new(9, move |progress| seen.lock().unwrap().push(progress.sent_bytes));
        let attempt = Attempt::new(&meter);
        attempt.add(3);
        drop(attempt);
        let attempt = Attempt::new(&meter);
        attempt.add(4);
        attempt.keep();
        drop(attempt);
        meter.add_sent(5);
        assert_eq!(*reported.lock().unwrap(), [3, 0, 4, 9]);
    }
}
