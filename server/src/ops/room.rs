//! How much memory the objects of batches may take between lakeFS and their readers, in all and of one call.

use crate::error::{Error, Kind, Result};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Memory is counted in such units, so that a semaphore can count it, and a small object counts as one.
const UNIT: u64 = 1 << 10;
/// Units of all calls: 256 MiB.
const ALL: usize = 256 << 10;
/// Units of one call: 16 MiB.
const CALL: usize = 16 << 10;
/// How long an object waits for other calls to be read.
const PATIENCE: Duration = Duration::from_secs(10);

/// The memory for all batches.
pub struct BatchRoom(Arc<Semaphore>);

/// What one call may have of it.
#[derive(Clone)]
pub(super) struct Room {
    all: Arc<Semaphore>,
    call: Arc<Semaphore>,
}

/// The memory of one object; given back when its bytes are dropped.
pub(super) struct Taken {
    _all: OwnedSemaphorePermit,
    _call: OwnedSemaphorePermit,
}

struct Held {
    data: Vec<u8>,
    _taken: Taken,
}

impl Default for BatchRoom {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(ALL)))
    }
}

impl BatchRoom {
    pub(super) fn of_one_call(&self) -> Room {
        Room { all: Arc::clone(&self.0), call: Arc::new(Semaphore::new(CALL)) }
    }
}

impl Room {
    /// Waits until an object of so many bytes has room.
    ///
    /// # Errors
    /// `Overloaded` when other calls have it all for too long.
    pub(super) async fn take(&self, bytes: u64) -> Result<Taken> {
        let units = u32::try_from(bytes.div_ceil(UNIT).max(1)).unwrap_or(u32::MAX);
        let full = || Error::new(Kind::Overloaded, "the memory for batches is taken by other calls: try again");
        // The reader of this very call decides how long that takes.
        let call = Arc::clone(&self.call).acquire_many_owned(units).await.map_err(|_| full())?;
        let all = tokio::time::timeout(PATIENCE, Arc::clone(&self.all).acquire_many_owned(units)).await;
        let all = all.map_err(|_| full())?.map_err(|_| full())?;
        Ok(Taken { _all: all, _call: call })
    }
}

impl Taken {
    /// The bytes that the room is for.
    pub(super) fn hold(self, data: Vec<u8>) -> Bytes {
        Bytes::from_owner(Held { data, _taken: self })
    }
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::poll;
    use std::pin::pin;

    #[tokio::test]
    async fn a_call_waits_for_its_own_reader_and_not_for_others() {
        let all = BatchRoom::default();
        let (room, other) = (all.of_one_call(), all.of_one_call());
        let whole = CALL as u64 * UNIT;
        let held = room.take(whole).await.unwrap().hold(vec![0; 3]);
        let mut next = pin!(room.take(1));
        assert!(poll!(next.as_mut()).is_pending());
        assert!(other.take(whole).await.is_ok());
        let part = held.slice(1..2);
        drop(held);
        assert!(poll!(next.as_mut()).is_pending(), "a part of the bytes still stands");
        drop(part);
        assert!(poll!(next).is_ready());
    }

    #[tokio::test(start_paused = true)]
    async fn all_calls_together_have_a_bound() {
        let all = BatchRoom::default();
        let mut held = Vec::new();
        for _ in 0..ALL / CALL {
            held.push(all.of_one_call().take(CALL as u64 * UNIT).await.unwrap());
        }
        let error = all.of_one_call().take(1).await.err().unwrap();
        assert_eq!(error.kind(), Kind::Overloaded);
        drop(held);
        assert!(all.of_one_call().take(1).await.is_ok());
    }
}
