//! Memory budget for objects that wait between lakeFS and a slow reader: in total, per principal, and per call.

use crate::error::{Error, Kind, Result};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Semaphores count memory in units of this many bytes. A smaller object counts as one unit.
const UNIT: u64 = 1 << 10;

/// Units of all calls: 256 MiB.
const ALL: usize = 256 << 10;

/// Units of one principal: 64 MiB.
const OWN: usize = 64 << 10;

/// Units of one call: 16 MiB.
const CALL: usize = 16 << 10;

/// Timeout for memory that other calls hold.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The memory of all calls.
pub struct BatchMemory {
    all: Arc<Semaphore>,
    /// Memory of the principals that read batches now.
    principals: Mutex<HashMap<Arc<str>, Weak<Semaphore>>>,
}

/// The memory of one call.
#[derive(Clone)]
pub(in crate::ops) struct CallMemory {
    all: Arc<Semaphore>,
    own: Arc<Semaphore>,
    call: Arc<Semaphore>,
}

/// Memory reserved for one object. Dropping the bytes returns it.
pub(in crate::ops) struct Reserved {
    _all: OwnedSemaphorePermit,
    _own: OwnedSemaphorePermit,
    _call: OwnedSemaphorePermit,
}

struct Held {
    data: Vec<u8>,
    _reserved: Reserved,
}

impl Default for BatchMemory {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(ALL)), principals: Mutex::default() }
    }
}

impl BatchMemory {
    pub(in crate::ops) fn of_one_call(&self, principal: &Arc<str>) -> CallMemory {
        let mut principals = self.principals.lock().unwrap_or_else(PoisonError::into_inner);
        principals.retain(|_, own| own.strong_count() > 0);
        let own = principals.get(principal).and_then(Weak::upgrade).unwrap_or_else(|| Arc::new(Semaphore::new(OWN)));
        principals.insert(Arc::clone(principal), Arc::downgrade(&own));
        CallMemory { all: Arc::clone(&self.all), own, call: Arc::new(Semaphore::new(CALL)) }
    }
}

impl CallMemory {
    /// Reserves memory for an object. Waits for the reader of this call, and up to 10 s for other calls.
    ///
    /// # Errors
    /// `Overloaded` if other calls hold the memory for longer.
    pub(in crate::ops) async fn reserve(&self, bytes: u64) -> Result<Reserved> {
        let units = units(bytes);
        let full = || Error::new(Kind::Overloaded, "other calls hold the memory for batches: try again");
        // No timeout: this waits only for the reader of this call.
        let call = Arc::clone(&self.call).acquire_many_owned(units).await.map_err(|_| full())?;
        let shared = async {
            let own = Arc::clone(&self.own).acquire_many_owned(units).await.map_err(|_| full())?;
            let all = Arc::clone(&self.all).acquire_many_owned(units).await.map_err(|_| full())?;
            Ok(Reserved { _all: all, _own: own, _call: call })
        };
        tokio::time::timeout(TIMEOUT, shared).await.map_err(|_| full())?
    }
}

impl CallMemory {
    /// Reserves memory for an object without waiting; `None` if there is none now.
    pub(in crate::ops) fn try_reserve(&self, bytes: u64) -> Option<Reserved> {
        let units = units(bytes);
        let reserve = |memory: &Arc<Semaphore>| Arc::clone(memory).try_acquire_many_owned(units).ok();
        Some(Reserved { _call: reserve(&self.call)?, _own: reserve(&self.own)?, _all: reserve(&self.all)? })
    }
}

fn units(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT).max(1)).unwrap_or(u32::MAX)
}

impl Reserved {
    /// Wraps the bytes of the object.
    pub(in crate::ops) fn hold(self, data: Vec<u8>) -> Bytes {
        Bytes::from_owner(Held { data, _reserved: self })
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
    async fn a_call_waits_for_its_own_reader_but_not_for_others() {
        let all = BatchMemory::default();
        let ann = Arc::from("ann");
        let (memory, other) = (all.of_one_call(&ann), all.of_one_call(&ann));
        let whole = CALL as u64 * UNIT;
        let held = memory.reserve(whole).await.unwrap().hold(vec![0; 3]);
        let mut next = pin!(memory.reserve(1));
        assert!(poll!(next.as_mut()).is_pending());
        assert!(other.reserve(whole).await.is_ok());
        let part = held.slice(1..2);
        drop(held);
        assert!(poll!(next.as_mut()).is_pending(), "a slice of the bytes still exists");
        drop(part);
        assert!(poll!(next).is_ready());
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded_per_principal_and_in_total() {
        let all = BatchMemory::default();
        let mut held = Vec::new();
        for principal in ["ann", "bob", "cid", "dan"].map(Arc::from) {
            for _ in 0..OWN / CALL {
                held.push(all.of_one_call(&principal).reserve(CALL as u64 * UNIT).await.unwrap());
            }
            let error = all.of_one_call(&principal).reserve(1).await.err().unwrap();
            assert_eq!(error.kind(), Kind::Overloaded);
        }
        let eve = Arc::from("eve");
        assert_eq!(all.of_one_call(&eve).reserve(1).await.err().unwrap().kind(), Kind::Overloaded);
        drop(held);
        assert!(all.of_one_call(&eve).reserve(1).await.is_ok());
    }
}
