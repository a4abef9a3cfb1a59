//! What the calls of one connection share.

use crate::error::{Error, Kind, Result};
use crate::memory::MessageMemory;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Maximum number of calls of health and reflection in flight on one connection. They need no credentials.
const INTERNAL_CALLS: usize = 8;

/// What the calls of one connection share.
#[derive(Clone)]
pub(super) struct Connection {
    /// Memory for its messages.
    pub(super) memory: MessageMemory,
    internal: Arc<Semaphore>,
}

impl Connection {
    pub(super) fn new(memory: &MessageMemory) -> Self {
        Self { memory: memory.for_connection(), internal: Arc::new(Semaphore::new(INTERNAL_CALLS)) }
    }

    /// Returns the permit of a call of health or reflection.
    ///
    /// # Errors
    /// `Overloaded`.
    pub(super) fn internal_call(&self) -> Result<OwnedSemaphorePermit> {
        Arc::clone(&self.internal).try_acquire_owned().map_err(|_| {
            let message = format!("this connection has {INTERNAL_CALLS} calls of health and reflection in flight");
            Error::new(Kind::Overloaded, message)
        })
    }
}
