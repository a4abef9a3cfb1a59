//! A client at work: one transaction after the other, of all kinds.

use crate::client::{Answer, Client, Refused};
use crate::history::{Outcome, Told};
use lakeport_proto::v1::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Paths that all writers write, so that some commits conflict.
const SHARED: u32 = 3;

/// A client that works until it is told to stop.
pub(crate) struct Writer {
    pub(crate) number: u32,
    pub(crate) client: Client,
    pub(crate) repository: String,
    pub(crate) seed: u64,
}

/// What a client does with its transaction.
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
    asks_twice: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Commit,
    RollBack,
    /// The client dies.
    Nothing,
}

impl Plan {
    fn new(dice: &mut StdRng) -> Self {
        let end = match dice.random_range(0..20) {
            0..=1 => End::RollBack,
            2 => End::Nothing,
            _ => End::Commit,
        };
        Self {
            objects: dice.random_range(1..4),
            shared: dice.random_bool(0.3).then(|| dice.random_range(0..SHARED)),
            commits_inside: dice.random_bool(0.35),
            copies: dice.random_bool(0.2),
            deletes: dice.random_bool(0.2),
            end,
            squash: dice.random_bool(0.4),
            tag: dice.random_bool(0.15),
            keep: dice.random_bool(0.05),
            asks_twice: dice.random_bool(0.1),
        }
    }
}

/// The server said something that no client of it should ever hear.
fn impossible(what: &str, id: &str, refused: &Refused) -> ! {
    panic!("{what} of {id}: {} {}", refused.reason, refused.message)
}

impl Writer {
    pub(crate) async fn work(self, stop: Arc<AtomicBool>) -> Vec<Told> {
        let mut dice = StdRng::seed_from_u64(self.seed ^ u64::from(self.number));
        let mut told = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let plan = Plan::new(&mut dice);
            told.push(self.transact(told.len(), &plan).await);
        }
        told
    }

    async fn transact(&self, round: usize, plan: &Plan) -> Told {
        let id = format!("w{}-{round}-{:x}", self.number, self.seed);
        let mut told = Told { id: id.clone(), writes: [].into(), tag: None, outcome: Outcome::Ended };
        told.outcome = self.run(&id, round, plan, &mut told).await.unwrap_or(told.outcome);
        told
    }

    /// `None`: it ended before anything was asked to be published.
    async fn run(&self, id: &str, round: usize, plan: &Plan, told: &mut Told) -> Option<Outcome> {
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
            told.writes.insert(path, content);
        }
        let first = format!("w{}/{round}/0", self.number);
        if plan.copies {
            let copy = format!("{first}/copy");
            self.definite("copy", id, self.client.copy(id, &first, &copy).await)?;
            told.writes.insert(copy, told.writes[&first].clone());
        }
        // One that wrote nothing in the end would have nothing to publish.
        if plan.deletes && told.writes.len() > 1 {
            self.definite("delete", id, self.client.delete(id, &first).await)?;
            told.writes.remove(&first);
        }
        match plan.end {
            End::Nothing => None,
            End::RollBack => self.roll_back(id).await,
            End::Commit => {
                told.tag = plan.tag.then(|| format!("tag-{id}"));
                Some(self.commit(id, plan, told.tag.clone()).await)
            }
        }
    }

    /// An answer, unless the transaction has ended or nobody answers: then nothing was asked to be published.
    fn definite<T>(&self, what: &str, id: &str, answer: Answer<T>) -> Option<T> {
        match answer {
            Ok(Ok(answer)) => Some(answer),
            Ok(Err(refused)) if refused.reason == "TRANSACTION_EXPIRED" => None,
            Ok(Err(refused)) => impossible(what, id, &refused),
            Err(_) => panic!("{what} of {id}: no answer; the service does not resume (writer {})", self.number),
        }
    }

    async fn roll_back(&self, id: &str) -> Option<Outcome> {
        let answer = self.client.rollback(id).await;
        self.definite("rollback", id, answer);
        Some(Outcome::Ended)
    }

    async fn commit(&self, id: &str, plan: &Plan, tag: Option<String>) -> Outcome {
        let mut request = CommitTransactionRequest {
            transaction_id: id.into(),
            squash: plan.squash,
            tags: tag.into_iter().collect(),
            ..Default::default()
        };
        for _ in 0..16 {
            match self.client.commit(&request).await {
                Ok(Ok(answer)) => {
                    let published = answer.transaction.unwrap();
                    if plan.asks_twice {
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
                    // It is open again, and another time the hook has nothing against it.
                    "HOOK_REJECTED" => {}
                    _ => impossible("commit", id, &refused),
                },
                Err(_) => return Outcome::InDoubt,
            }
        }
        panic!("commit of {id}: it is refused again and again")
    }

    async fn repeat(&self, request: &CommitTransactionRequest, published: &Transaction) {
        if let Ok(again) = self.client.commit(request).await {
            let again = again.unwrap_or_else(|refused| impossible("commit again", &request.transaction_id, &refused));
            assert_eq!(again.transaction.unwrap().commit_id, published.commit_id, "another commit at the second time");
        }
    }
}
