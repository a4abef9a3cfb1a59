//! Turns: lakeFS merges into one branch by compare-and-set with long pauses, so merges that collide starve each other. Those of
//! this process go one after the other, in the order in which they came. It saves work, and nothing relies on it.

use lakeport_session::{State, Transaction};
use lakeport_types::{BranchName, RepositoryId};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OwnedMutexGuard;

type Base = (RepositoryId, BranchName);

#[derive(Default)]
struct Queue {
    lock: Arc<tokio::sync::Mutex<()>>,
    /// Who waits, and who has the turn (first).
    waiting: VecDeque<u64>,
    /// The transactions among them.
    names: HashMap<u64, String>,
}

#[derive(Default)]
struct Queues {
    bases: HashMap<Base, Queue>,
    next: u64,
}

/// The queues of all bases that something is merged into.
#[derive(Clone, Default)]
pub struct BaseQueues(Arc<Mutex<Queues>>);

/// The turn of one merge. Over when it is dropped.
pub struct Turn {
    queues: BaseQueues,
    base: Base,
    ticket: u64,
    _guard: Option<OwnedMutexGuard<()>>,
}

impl BaseQueues {
    /// Waits for the turn of a merge that is in no transaction.
    pub async fn turn(&self, repository: &RepositoryId, base: &BranchName) -> Turn {
        self.enter((repository.clone(), base.clone()), None).await
    }

    /// Waits for the turn of a transaction.
    pub async fn turn_of(&self, transaction: &Transaction) -> Turn {
        let base = (transaction.repository.clone(), transaction.base_branch.clone());
        self.enter(base, Some(name(transaction))).await
    }

    async fn enter(&self, base: Base, name: Option<String>) -> Turn {
        let (lock, ticket) = {
            let mut queues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            queues.next += 1;
            let ticket = queues.next;
            let queue = queues.bases.entry(base.clone()).or_default();
            queue.waiting.push_back(ticket);
            queue.names.extend(name.map(|name| (ticket, name)));
            (Arc::clone(&queue.lock), ticket)
        };
        // Made before waiting, so that who gives up leaves the queue.
        let mut turn = Turn { queues: self.clone(), base, ticket, _guard: None };
        turn._guard = Some(lock.lock_owned().await);
        turn
    }

    /// How many merges into its base are ahead of a transaction; 0 if it does not wait.
    pub fn position(&self, transaction: &Transaction) -> usize {
        if transaction.state != State::Committing {
            return 0;
        }
        let queues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let base = (transaction.repository.clone(), transaction.base_branch.clone());
        let name = name(transaction);
        let position = queues
            .bases
            .get(&base)
            .and_then(|queue| queue.waiting.iter().position(|ticket| queue.names.get(ticket) == Some(&name)));
        position.unwrap_or_default()
    }
}

fn name(transaction: &Transaction) -> String {
    format!("{}/{}", transaction.owner, transaction.id)
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut queues = self.queues.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = queues.bases.get_mut(&self.base) {
            queue.waiting.retain(|ticket| *ticket != self.ticket);
            queue.names.remove(&self.ticket);
            if queue.waiting.is_empty() {
                queues.bases.remove(&self.base);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn merges_of_one_base_take_turns_and_others_do_not_wait() {
        let queues = BaseQueues::default();
        let repository = RepositoryId::try_from("lake").unwrap();
        let (main, other) = (BranchName::try_from("main").unwrap(), BranchName::try_from("other").unwrap());
        let first = queues.turn(&repository, &main).await;
        let second = tokio::time::timeout(Duration::from_millis(20), queues.turn(&repository, &main));
        assert!(second.await.is_err(), "two merges at once");
        let _elsewhere = queues.turn(&repository, &other).await;
        drop(first);
        let third = tokio::time::timeout(Duration::from_secs(5), queues.turn(&repository, &main)).await;
        assert!(third.is_ok(), "who gave up still stands in the queue");
    }
}
