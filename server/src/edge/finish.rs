//! Cleanup at the end of a call: updates metrics, releases the permit, and updates the activity of the server.

use super::activity::ActiveCall;
use super::admission::Permit;
use super::meters::InFlight;
use tonic::Code;

/// Cleanup of one call. It runs once, with the status code of the call. If dropped before, the call counts as cancelled.
#[derive(Default)]
pub(super) struct Finish {
    pub(super) meter: Option<InFlight>,
    pub(super) permit: Option<Permit>,
    pub(super) activity: Option<ActiveCall>,
    #[cfg(test)]
    pub(super) held: Option<std::sync::Arc<()>>,
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
        #[cfg(test)]
        drop(self.held.take());
    }

    #[cfg(test)]
    pub(super) fn holding(held: std::sync::Arc<()>) -> Self {
        Self { held: Some(held), ..Self::default() }
    }
}
