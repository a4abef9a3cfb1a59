//! Queues of merges into the same base.
//!
//! lakeFS merges into a branch by compare-and-set with long pauses, so concurrent merges starve each other. Therefore
//! the merges of this process run one after the other, in order of arrival, and the processes take turns at a base. The
//! queue only saves work. A merge without a turn costs the others an attempt, but breaks nothing.

use lakeport_transactions::{BaseTurn, SessionStore};
use lakeport_types::{BranchName, RepositoryId};
use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::OwnedMutexGuard;

/// Maximum length of a turn. Hooks may delay a merge for minutes, so the next merge then starts before it ends.
const MAX_TURN: Duration = Duration::from_secs(10);

/// Maximum time to wait for a turn.
const WAIT_LIMIT: Duration = Duration::from_secs(30);

/// Time for which a process keeps a base that other processes wait for.
const SLICE: Duration = Duration::from_millis(250);

type Base = (RepositoryId, BranchName);

/// The turn of this process at a base, and its start.
#[derive(Default)]
struct Held(Option<(BaseTurn, Instant)>);

#[derive(Default)]
struct Queue {
    lock: Arc<tokio::sync::Mutex<Held>>,
    /// Number of merges that wait or have the turn.
    length: usize,
}

/// The queues of all bases with merges in this process.
#[derive(Clone, Default)]
pub struct MergeQueues(Arc<Mutex<HashMap<Base, Queue>>>);

/// An entry in the queue of a base. Dropping it leaves the queue.
struct Entry {
    queues: MergeQueues,
    base: Base,
}

/// The turn of one merge. Dropping it ends the turn.
pub struct Turn {
    // Fields are dropped in this order: the lock is released before the last entry removes the queue.
    _guard: Option<OwnedMutexGuard<Held>>,
    _entry: Entry,
}

impl MergeQueues {
    /// Waits for the turn to merge into a base. After 30 s without a turn, returns nevertheless.
    pub async fn turn(&self, store: &SessionStore, repository: &RepositoryId, base: &BranchName) -> Turn {
        let base = (repository.clone(), base.clone());
        let (lock, entry) = self.enter(base);
        let Ok(mut guard) = tokio::time::timeout(WAIT_LIMIT, lock.lock_owned()).await else {
            return Turn { _guard: None, _entry: entry };
        };
        guard.keep(store, &entry.base).await;
        Turn { _guard: Some(guard), _entry: entry }
    }

    /// Enters the queue of a base. The entry exists before the wait, so that an abandoned wait leaves the queue.
    fn enter(&self, base: Base) -> (Arc<tokio::sync::Mutex<Held>>, Entry) {
        let mut queues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = queues.entry(base.clone()).or_default();
        queue.length += 1;
        (Arc::clone(&queue.lock), Entry { queues: self.clone(), base })
    }
}

impl Held {
    /// Takes the turn of this process at the base, or takes it again if the slice is over.
    async fn keep(&mut self, store: &SessionStore, (repository, branch): &Base) {
        if self.0.as_ref().is_some_and(|(_, since)| since.elapsed() < SLICE) {
            return;
        }
        // The old turn ends first, so that waiting processes come before this one.
        self.0 = None;
        self.0 = store.base_turn(repository, branch).await.map(|turn| (turn, Instant::now()));
    }
}

impl Turn {
    /// Awaits a merge. The turn ends with the merge, at the latest after 10 s.
    pub async fn spend<T>(self, merge: impl Future<Output = T>) -> T {
        let mut merge = pin!(merge);
        match tokio::time::timeout(MAX_TURN, merge.as_mut()).await {
            Ok(merged) => merged,
            Err(_) => {
                drop(self);
                merge.await
            }
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut queues = self.queues.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = queues.get_mut(&self.base) {
            queue.length -= 1;
            if queue.length == 0 {
                queues.remove(&self.base);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(branch: &str) -> Base {
        (RepositoryId::try_from("lake").unwrap(), BranchName::try_from(branch).unwrap())
    }

    #[tokio::test]
    async fn merges_into_one_base_take_turns_and_other_bases_do_not_wait() {
        let store = SessionStore::open("sqlite::memory:").await.unwrap();
        let queues = MergeQueues::default();
        let ((lake, main), (_, other)) = (base("main"), base("other"));
        let first = queues.turn(&store, &lake, &main).await;
        let second = tokio::time::timeout(Duration::from_millis(20), queues.turn(&store, &lake, &main));
        assert!(second.await.is_err(), "two merges had a turn at the same time");
        let _elsewhere = queues.turn(&store, &lake, &other).await;
        drop(first);
        let third = tokio::time::timeout(Duration::from_secs(5), queues.turn(&store, &lake, &main)).await;
        assert!(third.is_ok(), "the abandoned wait is still in the queue");
        drop(third);
        assert_eq!(queues.0.lock().unwrap().len(), 1, "the empty queue was not removed");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_merge_loses_its_turn_to_the_next() {
        let queues = MergeQueues::default();
        let (lock, entry) = queues.enter(base("main"));
        let turn = Turn { _guard: Some(lock.lock_owned().await), _entry: entry };
        let (lock, _entry) = queues.enter(base("main"));
        let slow = turn.spend(tokio::time::sleep(MAX_TURN * 3));
        let next = async {
            let began = tokio::time::Instant::now();
            lock.lock_owned().await;
            began.elapsed()
        };
        let waited = tokio::join!(slow, next).1;
        assert!(waited >= MAX_TURN && waited < MAX_TURN * 2, "{waited:?}");
    }
}
