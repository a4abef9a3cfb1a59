//! A client that runs transactions with random operations, one after the other.

use crate::client::{CallResult, Client, Rejected};
use crate::history::{Observation, Outcome};
use lakeport_proto::v1::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Number of paths that all writers share, so that some commits conflict.
const SHARED: u32 = 3;

/// Time after which an impatient client stops waiting for a commit.
const IMPATIENCE: Duration = Duration::from_millis(300);

/// A client that runs transactions until it is stopped.
pub(crate) struct Writer {
    pub(crate) number: u32,
    pub(crate) client: Client,
    pub(crate) repository: String,
    pub(crate) seed: u64,
}

/// Operations of one transaction.
struct Plan {
    objects: u32,
    shared: Option<u32>,
    commits_inside: bool,
    copies: bool,
    deletes: bool,
    end: End,
    squash: bool,
    tag: bool,
    keep: bool,
    commits_twice: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Commit,
    /// The client requests a commit, waits a moment for the response, and then rolls back.
    CommitThenRollBack,
    RollBack,
    /// The client stops without ending the transaction.
    Nothing,
}

impl Plan {
    fn new(rng: &mut StdRng) -> Self {
        let end = match rng.random_range(0..20) {
            0..=1 => End::RollBack,
            2 => End::Nothing,
            3..=5 => End::CommitThenRollBack,
            _ => End::Commit,
        };
        Self {
            objects: rng.random_range(1..4),
            shared: rng.random_bool(0.3).then(|| rng.random_range(0..SHARED)),
            commits_inside: rng.random_bool(0.35),
            copies: rng.random_bool(0.2),
            deletes: rng.random_bool(0.2),
            end,
            squash: rng.random_bool(0.4),
            tag: rng.random_bool(0.15),
            keep: rng.random_bool(0.05),
            commits_twice: rng.random_bool(0.1),
        }
    }
}

fn commit_request(id: &str, plan: &Plan, tag: Option<String>) -> CommitTransactionRequest {
    CommitTransactionRequest {
        transaction_id: id.into(),
        squash: plan.squash,
        tags: tag.into_iter().collect(),
        ..Default::default()
    }
}

/// Panics on an error that the server must not return here.
fn unexpected(what: &str, id: &str, refused: &Rejected) -> ! {
    panic!("{what} of {id}: {} {}", refused.reason, refused.message)
}

impl Writer {
    pub(crate) async fn work(self, stop: Arc<AtomicBool>) -> Vec<Observation> {
        let mut rng = StdRng::seed_from_u64(self.seed ^ u64::from(self.number));
        let mut observed = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let plan = Plan::new(&mut rng);
            observed.push(self.transact(observed.len(), &plan).await);
        }
        observed
    }

    async fn transact(&self, round: usize, plan: &Plan) -> Observation {
        let id = format!("w{}-{round}-{:x}", self.number, self.seed);
        let mut observed = Observation { id: id.clone(), writes: [].into(), tag: None, outcome: Outcome::Ended };
        observed.outcome = self.run(&id, round, plan, &mut observed).await.unwrap_or(observed.outcome);
        observed
    }

    /// Returns `None` if the transaction ended before the client requested a commit.
    async fn run(&self, id: &str, round: usize, plan: &Plan, observed: &mut Observation) -> Option<Outcome> {
        let keep = if plan.keep { BranchRetention::Keep } else { BranchRetention::Delete };
        let request = BeginTransactionRequest {
            repository: self.repository.clone(),
            base_branch: crate::lake::BASE.into(),
            transaction_id: id.into(),
            idle_timeout: Some(prost_types::Duration { seconds: 10, nanos: 0 }),
            branch_retention: keep.into(),
            ..Default::default()
        };
        self.definite("begin", id, self.client.begin(&request).await)?;
        let own = (0..plan.objects).map(|n| format!("w{}/{round}/{n}", self.number));
        let paths = own.chain(plan.shared.map(|n| format!("shared/{n}")));
        for (n, path) in paths.enumerate() {
            let content = format!("{id} {path}");
            self.definite("write", id, self.client.write(id, &path, &content).await)?;
            if n == 0 && plan.commits_inside {
                self.client.commit_inside(id).await;
                let read = self.definite("read", id, self.client.read(id, &path).await)?;
                assert_eq!(read, content, "a transaction does not read its own write");
            }
            observed.writes.insert(path, content);
        }
        let first = format!("w{}/{round}/0", self.number);
        if plan.copies {
            let copy = format!("{first}/copy");
            self.definite("copy", id, self.client.copy(id, &first, &copy).await)?;
            observed.writes.insert(copy, observed.writes[&first].clone());
        }
        // Keep at least one write, because a transaction without changes is not merged.
        if plan.deletes && observed.writes.len() > 1 {
            self.definite("delete", id, self.client.delete(id, &first).await)?;
            observed.writes.remove(&first);
        }
        match plan.end {
            End::Nothing => None,
            End::RollBack => self.roll_back(id).await,
            End::CommitThenRollBack => Some(self.commit_then_roll_back(id, plan).await),
            End::Commit => {
                observed.tag = plan.tag.then(|| format!("tag-{id}"));
                Some(self.commit(id, plan, observed.tag.clone()).await)
            }
        }
    }

    /// Returns the response, or `None` if the transaction has expired. Panics on any other error and if there is no response.
    fn definite<T>(&self, what: &str, id: &str, response: CallResult<T>) -> Option<T> {
        match response {
            Ok(Ok(response)) => Some(response),
            Ok(Err(refused)) if refused.reason == "TRANSACTION_EXPIRED" => None,
            Ok(Err(refused)) => unexpected(what, id, &refused),
            Err(_) => panic!("{what} of {id}: no response; the service does not recover (writer {})", self.number),
        }
    }

    async fn roll_back(&self, id: &str) -> Option<Outcome> {
        let response = self.client.rollback(id).await;
        self.definite("rollback", id, response);
        Some(Outcome::Ended)
    }

    async fn commit_then_roll_back(&self, id: &str, plan: &Plan) -> Outcome {
        let request = commit_request(id, plan, None);
        // The response does not matter, because the rollback returns the outcome.
        let _ = tokio::time::timeout(IMPATIENCE, self.client.commit_once(&request)).await;
        match self.client.rollback(id).await {
            // A retry of the commit returns the commit ID.
            Ok(Err(refused)) if refused.reason == "TRANSACTION_COMMITTED" => self.commit(id, plan, None).await,
            response => {
                self.definite("rollback", id, response);
                Outcome::Ended
            }
        }
    }

    async fn commit(&self, id: &str, plan: &Plan, tag: Option<String>) -> Outcome {
        let mut request = commit_request(id, plan, tag);
        for _ in 0..16 {
            match self.client.commit(&request).await {
                Ok(Ok(response)) => {
                    let published = response.transaction.unwrap();
                    if plan.commits_twice {
                        self.repeat(&request, &published).await;
                    }
                    return Outcome::Committed { commit: published.commit_id, failed_tags: published.failed_tags };
                }
                Ok(Err(refused)) => match refused.reason.as_str() {
                    "MERGE_CONFLICT" if plan.objects == 1 => {
                        return self.roll_back(id).await.unwrap_or(Outcome::Ended);
                    }
                    "MERGE_CONFLICT" => request.strategy = MergeStrategy::SourceWins.into(),
                    "TRANSACTION_EXPIRED" => return Outcome::Ended,
                    // The transaction is open again, and the hook accepts a later attempt.
                    "HOOK_REJECTED" => {}
                    _ => unexpected("commit", id, &refused),
                },
                Err(_) => return Outcome::InDoubt,
            }
        }
        panic!("commit of {id}: rejected 16 times")
    }

    async fn repeat(&self, request: &CommitTransactionRequest, published: &Transaction) {
        if let Ok(again) = self.client.commit(request).await {
            let again = again.unwrap_or_else(|refused| unexpected("commit again", &request.transaction_id, &refused));
            assert_eq!(
                again.transaction.unwrap().commit_id,
                published.commit_id,
                "a repeated commit returned another commit ID"
            );
        }
    }
}
