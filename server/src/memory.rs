//! Memory budget for the messages of calls, of the process and of each connection.

use crate::error::{Error, Kind, Result};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Semaphores count memory in units of this many bytes.
const UNIT: usize = 1 << 10;

/// A connection may use the memory of the process divided by this number.
const SHARE_DIVISOR: usize = 4;

/// Maximum size of a message that does not count, in bytes. The permits of calls bound the number of such messages.
const SMALL: usize = 16 << 10;

/// Timeout for memory that other connections hold.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The memory for the messages of one connection, which is part of the memory of the process.
#[derive(Debug, Clone)]
pub struct MessageMemory {
    process: Arc<Semaphore>,
    connection: Arc<Semaphore>,
    /// Number of units of a connection.
    share: usize,
}

/// Memory reserved for one message.
#[derive(Debug, Default)]
pub struct ReservedMessage {
    _permits: Option<[OwnedSemaphorePermit; 2]>,
}

impl MessageMemory {
    /// Creates the budget of the process, in bytes.
    pub fn new(bytes: usize) -> Self {
        let (units, share) = (bytes / UNIT, bytes / UNIT / SHARE_DIVISOR);
        Self { process: Arc::new(Semaphore::new(units)), connection: Arc::new(Semaphore::new(share)), share }
    }

    /// Creates the share of a new connection.
    #[must_use]
    pub fn for_connection(&self) -> Self {
        Self { connection: Arc::new(Semaphore::new(self.share)), ..self.clone() }
    }

    /// Reserves memory for a message whose length is announced. Waits up to 1 s for messages of other connections, but not for
    /// those of this one: while a call waits, its data fills the window of the connection, and the other messages cannot arrive.
    ///
    /// # Errors
    /// `Overloaded`.
    pub async fn reserve(&self, bytes: usize) -> Result<ReservedMessage> {
        if bytes <= SMALL {
            return Ok(ReservedMessage::default());
        }
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
        let full = || Error::new(Kind::Overloaded, "the messages of other calls use all memory: try again");
        let connection = Arc::clone(&self.connection).try_acquire_many_owned(units).map_err(|_| full())?;
        let process = tokio::time::timeout(TIMEOUT, Arc::clone(&self.process).acquire_many_owned(units));
        let process = process.await.map_err(|_| full())?.map_err(|_| full())?;
        Ok(ReservedMessage { _permits: Some([connection, process]) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_connection_cannot_exceed_its_share_nor_all_the_memory_of_the_process() {
        let process = MessageMemory::new(16 << 20);
        let mut held = Vec::new();
        for _ in 0..SHARE_DIVISOR {
            let connection = process.for_connection();
            held.push(connection.reserve(4 << 20).await.unwrap());
            assert_eq!(connection.reserve(SMALL + 1).await.unwrap_err().kind(), Kind::Overloaded);
            assert!(connection.reserve(SMALL).await.is_ok(), "small messages do not count");
        }
        let another = process.for_connection();
        assert_eq!(another.reserve(SMALL + 1).await.unwrap_err().kind(), Kind::Overloaded);
        held.pop();
        assert!(another.reserve(4 << 20).await.is_ok());
    }
}
