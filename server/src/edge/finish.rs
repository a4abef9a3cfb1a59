//! Cleanup at the end of a call: updates metrics, releases the permit, and updates the activity of the server.

use super::activity::ActiveCall;
use super::meters::InFlight;
use std::any::Any;
use std::sync::Arc;
use tonic::Code;

/// Cleanup of one call. It runs once, with the status code of the call. If dropped before, the call counts as cancelled.
#[derive(Default)]
pub(super) struct Finish {
    pub(super) meter: Option<InFlight>,
    /// What is released with the call. Its type does not matter here, so that `admission` may depend on this module.
    pub(super) permit: Option<Arc<dyn Any + Send + Sync>>,
    pub(super) activity: Option<ActiveCall>,
}

impl Finish {
    /// Completes the call with a code. Later completions have no effect.
    pub(super) fn complete(&mut self, code: Code) {
        // The permit is released first, so that it is free when the metric shows the end of the call.
        self.permit = None;
        if let Some(meter) = self.meter.take() {
            meter.end(code);
        }
        self.activity = None;
    }
}
