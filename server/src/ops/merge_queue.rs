//! Turns: lakeFS merges into one branch by compare-and-set with long pauses, so merges that collide starve each other. Those of
//! this process go one after the other, in the order in which they came, and between processes the base goes round. It saves work,
//! and nothing relies on it: whoever merges without a turn costs the others a try.

use lakeport_transactions::{BaseTurn, SessionStore};
use lakeport_types::{BranchName, RepositoryId};
use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::OwnedMutexGuard;

/// How long one merge has the turn: hooks may hold it for minutes, and the next goes on meanwhile.
const LONGEST: Duration = Duration::from_secs(10);

/// How long a turn is waited for at most.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a process keeps a base that others wait for.
const SLICE: Duration = Duration::from_millis(250);

type Base = (RepositoryId, BranchName);

/// What this process has of a base, while it merges into it.
#[derive(Default)]
struct Held(Option<(BaseTurn, Instant)>);

#[derive(Default)]
struct Queue {
    lock: Arc<tokio::sync::Mutex<Held>>,
    /// How many wait or have the turn.
    length: usize,
}

/// The queues of all bases that something is merged into.
#[derive(Clone, Default)]
pub struct MergeQueues(Arc<Mutex<HashMap<Base, Queue>>>);

/// A place in the queue of a base.
struct Place {
    queues: MergeQueues,
    base: Base,
}

/// The turn of one merge. Over when it is dropped.
pub struct Turn {
    // In this order: who lets go last leaves nothing behind.
    _guard: Option<OwnedMutexGuard<Held>>,
    _place: Place,
}

impl MergeQueues {
    /// Waits for the turn to merge into a base, and goes on without it when nobody ahead comes to an end.
    pub async fn turn(&self, store: &SessionStore, repository: &RepositoryId, base: &BranchName) -> Turn {
        let base = (repository.clone(), base.clone());
        let (lock, place) = self.enter(base);
        let Ok(mut guard) = tokio::time::timeout(PATIENCE, lock.lock_owned()).await else {
            return Turn { _guard: None, _place: place };
        };
        guard.keep(store, &place.base).await;
        Turn { _guard: Some(guard), _place: place }
    }

    /// The place stands before the wait, so that who gives up leaves the queue.
    fn enter(&self, base: Base) -> (Arc<tokio::sync::Mutex<Held>>, Place) {
        let mut queues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = queues.entry(base.clone()).or_default();
        queue.length += 1;
        (Arc::clone(&queue.lock), Place { queues: self.clone(), base })
    }
}

impl Held {
    async fn keep(&mut self, store: &SessionStore, (repository, branch): &Base) {
        if self.0.as_ref().is_some_and(|(_, since)| since.elapsed() < SLICE) {
            return;
        }
        // Let go of first: who else waits is ahead of us.
        self.0 = None;
        self.0 = store.base_turn(repository, branch).await.map(|turn| (turn, Instant::now()));
    }
}

impl Turn {
    /// Awaits a merge. The turn is over with it, or before it when it takes too long for the others.
    pub async fn spend<T>(self, merge: impl Future<Output = T>) -> T {
        let mut merge = pin!(merge);
        match tokio::time::timeout(LONGEST, merge.as_mut()).await {
            Ok(merged) => merged,
            Err(_) => {
                drop(self);
                merge.await
            }
        }
    }
}

impl Drop for Place {
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
    async fn merges_of_one_base_take_turns_and_others_do_not_wait() {
        let store = SessionStore::open("sqlite::memory:").await.unwrap();
        let queues = MergeQueues::default();
        let ((lake, main), (_, other)) = (base("main"), base("other"));
        let first = queues.turn(&store, &lake, &main).await;
        let second = tokio::time::timeout(Duration::from_millis(20), queues.turn(&store, &lake, &main));
        assert!(second.await.is_err(), "two merges at once");
        let _elsewhere = queues.turn(&store, &lake, &other).await;
        drop(first);
        let third = tokio::time::timeout(Duration::from_secs(5), queues.turn(&store, &lake, &main)).await;
        assert!(third.is_ok(), "who gave up still stands in the queue");
        drop(third);
        assert_eq!(queues.0.lock().unwrap().len(), 1, "an empty queue is kept");
    }

    #[tokio::test(start_paused = true)]
    async fn a_merge_that_takes_long_lets_the_next_go_on() {
        let queues = MergeQueues::default();
        let (lock, place) = queues.enter(base("main"));
        let turn = Turn { _guard: Some(lock.lock_owned().await), _place: place };
        let (lock, _place) = queues.enter(base("main"));
        let long = turn.spend(tokio::time::sleep(LONGEST * 3));
        let next = async {
            let began = tokio::time::Instant::now();
            lock.lock_owned().await;
            began.elapsed()
        };
        let waited = tokio::join!(long, next).1;
        assert!(waited >= LONGEST && waited < LONGEST * 2, "{waited:?}");
    }
}
