//! What the end of a call completes: its metrics, its permit, and the activity of the server.

use super::activity::ActiveCall;
use super::admission::Permit;
use super::meters::InFlight;
use tonic::Code;

/// Completed once, with the code of the call, or as cancelled when dropped.
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
        // The permit first: who sees the metric may rely on it.
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
