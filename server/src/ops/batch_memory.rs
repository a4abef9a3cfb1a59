//! Budget of batches: memory for objects that wait between lakeFS and a slow reader (in total, per principal, and per
//! call), and requests to lakeFS in flight.
//!
//! A batch reserves the memory for an object before it opens the download. A download is therefore never open while it waits
//! for a reader.

use crate::error::{Error, Kind, Result};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
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

/// Memory that a call reserves for an object before it knows the size of any, in bytes.
const FIRST: u64 = 512 << 10;

/// Maximum number of requests of all batches in flight. Each takes a connection to lakeFS, and its buffers.
const REQUESTS: usize = 512;

/// Timeout for memory that other calls hold.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The budget of all calls.
pub struct BatchMemory {
    all: Arc<Semaphore>,
    requests: Arc<Semaphore>,
    /// Memory of the principals that read batches now.
    principals: Mutex<HashMap<Arc<str>, Weak<Semaphore>>>,
}

/// The memory of one call.
#[derive(Clone)]
pub(in crate::ops) struct CallMemory {
    all: Arc<Semaphore>,
    own: Arc<Semaphore>,
    call: Arc<Semaphore>,
    /// Size of the last object of the call, in bytes. The next one probably has a similar size.
    expected: Arc<AtomicU64>,
}

/// Memory reserved for one object, in the budgets of the call, of the principal and of all calls. Dropping the bytes
/// returns it.
pub struct Reserved([OwnedSemaphorePermit; 3]);

struct Held {
    data: Vec<u8>,
    _reserved: Reserved,
}

impl Default for BatchMemory {
    fn default() -> Self {
        let (all, requests) = (Arc::new(Semaphore::new(ALL)), Arc::new(Semaphore::new(REQUESTS)));
        Self { all, requests, principals: Mutex::default() }
    }
}

impl BatchMemory {
    pub(in crate::ops) fn of_one_call(&self, principal: &Arc<str>) -> CallMemory {
        let mut principals = self.principals.lock().unwrap_or_else(PoisonError::into_inner);
        principals.retain(|_, own| own.strong_count() > 0);
        let own = principals.get(principal).and_then(Weak::upgrade).unwrap_or_else(|| Arc::new(Semaphore::new(OWN)));
        principals.insert(Arc::clone(principal), Arc::downgrade(&own));
        let expected = Arc::new(AtomicU64::new(FIRST));
        CallMemory { all: Arc::clone(&self.all), own, call: Arc::new(Semaphore::new(CALL)), expected }
    }

    /// Waits for the permit of one request to lakeFS. Its holder must not wait for a reader.
    ///
    /// # Errors
    /// Never: the semaphore is not closed.
    pub(in crate::ops) async fn request(&self) -> Result<OwnedSemaphorePermit> {
        let permit = Arc::clone(&self.requests).acquire_owned().await;
        permit.map_err(|error| Error::new(Kind::Internal, "no request can be sent").caused_by(error))
    }

    /// Number of requests of batches in flight, for tests.
    pub fn requests_in_flight(&self) -> usize {
        REQUESTS - self.requests.available_permits()
    }

    /// Number of bytes that batches have reserved, for tests.
    pub fn reserved_bytes(&self) -> u64 {
        (ALL - self.all.available_permits()) as u64 * UNIT
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
            Ok(Reserved([call, own, all]))
        };
        tokio::time::timeout(TIMEOUT, shared).await.map_err(|_| full())?
    }

    /// Returns the probable size of the next object, in bytes.
    pub(in crate::ops) fn expected(&self) -> u64 {
        self.expected.load(Ordering::Relaxed)
    }

    /// Records the size of an object, in bytes.
    pub(in crate::ops) fn expect(&self, bytes: u64) {
        self.expected.store(bytes, Ordering::Relaxed);
    }

    /// Reserves memory for an object without waiting; `None` if there is none now.
    pub(in crate::ops) fn try_reserve(&self, bytes: u64) -> Option<Reserved> {
        let units = units(bytes);
        let reserve = |memory: &Arc<Semaphore>| Arc::clone(memory).try_acquire_many_owned(units).ok();
        Some(Reserved([reserve(&self.call)?, reserve(&self.own)?, reserve(&self.all)?]))
    }
}

fn units(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT).max(1)).unwrap_or(u32::MAX)
}

impl Reserved {
    /// Changes the size without waiting; `None` if there is not enough memory now.
    pub(in crate::ops) fn resize(self, bytes: u64) -> Option<Self> {
        let Self(mut permits) = self;
        let units = units(bytes) as usize;
        for permit in &mut permits {
            match permit.num_permits() {
                held if held > units => drop(permit.split(held - units)),
                held => {
                    let missing = u32::try_from(units - held).unwrap_or(u32::MAX);
                    permit.merge(Arc::clone(permit.semaphore()).try_acquire_many_owned(missing).ok()?);
                }
            }
        }
        Some(Self(permits))
    }

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

    #[tokio::test]
    async fn a_reservation_grows_only_if_there_is_memory() {
        let all = BatchMemory::default();
        let memory = all.of_one_call(&Arc::from("ann"));
        let whole = CALL as u64 * UNIT;
        let small = memory.reserve(whole / 4).await.unwrap();
        let other = memory.reserve(whole / 2).await.unwrap();
        let small = small.resize(whole / 2).unwrap();
        assert!(other.resize(whole / 2 + 1).is_none());
        assert_eq!(all.reserved_bytes(), whole / 2, "a failed resize keeps memory");
        let small = small.resize(1).unwrap();
        assert_eq!(all.reserved_bytes(), UNIT);
        drop(small);
        assert_eq!(all.reserved_bytes(), 0);
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
