//! How much memory the objects of batches may take between lakeFS and their readers, in all and of one call.

use crate::error::{Error, Kind, Result};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Memory is counted in such units, so that a semaphore can count it, and a small object counts as one.
const UNIT: u64 = 1 << 10;

/// Units of all calls: 256 MiB.
const ALL: usize = 256 << 10;

/// Units of one principal: 64 MiB.
const OWN: usize = 64 << 10;

/// Units of one call: 16 MiB.
const CALL: usize = 16 << 10;

/// How long an object waits for other calls to be read.
const PATIENCE: Duration = Duration::from_secs(10);

/// The memory for all batches.
pub struct BatchMemory {
    all: Arc<Semaphore>,
    /// Of those who read batches now.
    principals: Mutex<HashMap<Arc<str>, Weak<Semaphore>>>,
}

/// What one call may have of it.
#[derive(Clone)]
pub(in crate::ops) struct Room {
    all: Arc<Semaphore>,
    own: Arc<Semaphore>,
    call: Arc<Semaphore>,
}

/// The memory of one object; given back when its bytes are dropped.
pub(in crate::ops) struct Taken {
    _all: OwnedSemaphorePermit,
    _own: OwnedSemaphorePermit,
    _call: OwnedSemaphorePermit,
}

struct Held {
    data: Vec<u8>,
    _taken: Taken,
}

impl Default for BatchMemory {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(ALL)), principals: Mutex::default() }
    }
}

impl BatchMemory {
    pub(in crate::ops) fn of_one_call(&self, principal: &Arc<str>) -> Room {
        let mut principals = self.principals.lock().unwrap_or_else(PoisonError::into_inner);
        principals.retain(|_, own| own.strong_count() > 0);
        let own = principals.get(principal).and_then(Weak::upgrade).unwrap_or_else(|| Arc::new(Semaphore::new(OWN)));
        principals.insert(Arc::clone(principal), Arc::downgrade(&own));
        Room { all: Arc::clone(&self.all), own, call: Arc::new(Semaphore::new(CALL)) }
    }
}

impl Room {
    /// Waits until an object of so many bytes has room.
    ///
    /// # Errors
    /// `Overloaded` when other calls have it all for too long.
    pub(in crate::ops) async fn take(&self, bytes: u64) -> Result<Taken> {
        let units = u32::try_from(bytes.div_ceil(UNIT).max(1)).unwrap_or(u32::MAX);
        let full = || Error::new(Kind::Overloaded, "the memory for batches is taken by other calls: try again");
        // The reader of this very call decides how long that takes.
        let call = Arc::clone(&self.call).acquire_many_owned(units).await.map_err(|_| full())?;
        let shared = async {
            let own = Arc::clone(&self.own).acquire_many_owned(units).await.map_err(|_| full())?;
            let all = Arc::clone(&self.all).acquire_many_owned(units).await.map_err(|_| full())?;
            Ok(Taken { _all: all, _own: own, _call: call })
        };
        tokio::time::timeout(PATIENCE, shared).await.map_err(|_| full())?
    }
}

impl Taken {
    /// The bytes that the room is for.
    pub(in crate::ops) fn hold(self, data: Vec<u8>) -> Bytes {
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
        let all = BatchMemory::default();
        let ann = Arc::from("ann");
        let (room, other) = (all.of_one_call(&ann), all.of_one_call(&ann));
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
    async fn one_principal_has_a_bound_and_all_together_have_one() {
        let all = BatchMemory::default();
        let mut held = Vec::new();
        for principal in ["ann", "bob", "cid", "dan"].map(Arc::from) {
            for _ in 0..OWN / CALL {
                held.push(all.of_one_call(&principal).take(CALL as u64 * UNIT).await.unwrap());
            }
            let error = all.of_one_call(&principal).take(1).await.err().unwrap();
            assert_eq!(error.kind(), Kind::Overloaded);
        }
        let eve = Arc::from("eve");
        assert_eq!(all.of_one_call(&eve).take(1).await.err().unwrap().kind(), Kind::Overloaded);
        drop(held);
        assert!(all.of_one_call(&eve).take(1).await.is_ok());
    }
}
