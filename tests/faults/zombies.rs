//! Workers that stand still, lose their lease, and go on as if nothing had happened: the traces that the model of the protocol found,
//! played on the real thing. Two replicas, one store.

use crate::client::{Client, Writing};
use crate::lake::Lake;
use crate::liar::{Keep, Liar};
use crate::process::{Process, Replica};
use crate::until;
use lakeport_postgres::Postgres;
use lakeport_proto::v1::*;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Longer than anything that is on its way takes to land, and far shorter than a server waits for it.
const MOMENT: Duration = Duration::from_millis(500);
/// So many times shorter than they are is what servers wait for: 7 s for what is on its way, 1.5 s for a worker that says nothing.
const HASTE: u32 = 10;

/// Two replicas of one service. The first is the one that stands still.
struct Pair {
    lake: Lake,
    liar: Liar,
    first: (Process, Client),
    second: (Process, Client),
    /// What the first stands still for.
    leave: PathBuf,
    _postgres: Arc<Postgres>,
    _folder: tempfile::TempDir,
}

impl Pair {
    /// `point` is where the first stands still until it is let go.
    async fn start(point: Option<&str>) -> Self {
        let lake = Lake::start().await;
        let liar = Liar::start(&lake.url, 0).await;
        let postgres = Postgres::shared();
        let store = postgres.database();
        let folder = tempfile::tempdir().unwrap();
        let leave = folder.path().join("go");
        let replica = |name: &str| {
            let replica = Replica::new(&lake, folder.path().join(name), Some(store.clone()));
            replica.of_lake_at(&liar.url).hastened(HASTE)
        };
        let (one, two) = (replica("one"), replica("two"));
        let fault = point.map(|point| format!("{point}:hold={}", leave.display())).unwrap_or_default();
        let first = (one.start(&fault).await, Client::new(&[one.address]));
        let second = (two.start("").await, Client::new(&[two.address]));
        first.1.begun(&lake, "t").await;
        first.1.written("t", "a", "ours").await;
        Self { lake, liar, first, second, leave, _postgres: postgres, _folder: folder }
    }

    /// Lets the first go on.
    fn let_go(&self) {
        std::fs::write(&self.leave, "").unwrap();
    }

    /// Asks the first replica to publish it.
    fn ask_first(&self) -> tokio::task::JoinHandle<()> {
        let client = self.first.1.clone();
        tokio::spawn(async move {
            // What it hears does not matter: it stands for a caller that is gone.
            let _ = client.commit_once(&commit()).await;
        })
    }

    /// Asks the second replica to publish it.
    fn ask_second(&self, request: CommitTransactionRequest) -> tokio::task::JoinHandle<Result<String, String>> {
        let client = self.second.1.clone();
        tokio::spawn(async move {
            let answer = client.commit(&request).await.expect("no answer");
            answer.map(|done| done.transaction.unwrap().commit_id).map_err(|refused| refused.reason)
        })
    }

    /// Begins to write an object, as far as lakeFS.
    async fn begin_write(&self, path: &str, client: &Client) -> Writing {
        let before = self.liar.uploads();
        let writing = client.begin_write("t", path, "late").await;
        until("the upload reaches lakeFS", async || self.liar.uploads() > before).await;
        writing
    }

    /// The base changes the very path that the transaction does.
    async fn make_conflict(&self) {
        self.lake.put("a", "theirs").await;
        self.lake.commit().await;
    }

    /// The base has that path as it was.
    async fn take_conflict_back(&self) {
        self.lake.delete("a").await;
        self.lake.commit().await;
    }
}

fn commit() -> CommitTransactionRequest {
    CommitTransactionRequest { transaction_id: "t".into(), ..Default::default() }
}

fn commit_whatever_conflicts() -> CommitTransactionRequest {
    CommitTransactionRequest { strategy: MergeStrategy::SourceWins.into(), ..commit() }
}

/// The first commits late, on a branch to which a write has come that was refused. What the second merges has nothing of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_commit_of_a_worker_that_was_overtaken_publishes_nothing_that_was_refused() {
    let pair = Pair::start(Some("before:commit:1")).await;
    let leave = pair.liar.keep_merges(Keep::Names);
    let writing = pair.begin_write("refused", &pair.second.1).await;
    let asked = pair.ask_first();
    pair.first.0.stands_still().await;
    let told = pair.ask_second(commit());
    pair.liar.has_kept_a_merge().await;
    assert_eq!(writing.finish().await.unwrap_err(), "TRANSACTION_COMMITTING");
    pair.let_go();
    pair.lake.has_committed("refused").await;
    leave.add_permits(100);
    let merge = told.await.unwrap().expect("nothing stood in its way");
    asked.await.unwrap();
    assert_eq!(pair.lake.merges_of("t").await, [merge]);
    assert_eq!(pair.lake.paths().await, ["a"], "a write that was refused is published");
}

/// The first stands still before its merge, the second finds that it conflicts and goes back to OPEN, and the first goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_merge_lands_nothing_after_the_end() {
    let pair = Pair::start(Some("before:merge:1")).await;
    pair.make_conflict().await;
    let asked = pair.ask_first();
    pair.first.0.stands_still().await;
    assert_eq!(pair.ask_second(commit()).await.unwrap().unwrap_err(), "MERGE_CONFLICT");
    pair.take_conflict_back().await;
    pair.let_go();
    asked.await.unwrap();
    tokio::time::sleep(MOMENT).await;
    assert!(pair.lake.merges_of("t").await.is_empty(), "it landed after its failure was answered");
    pair.second.1.rolled_back("t").await;
    assert!(pair.lake.merges_of("t").await.is_empty());
}

/// The merge of the first is inside of lakeFS, which is slow with it, when the first dies and the second comes to another end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merge_that_is_still_on_its_way_is_waited_for_before_another_end() {
    let pair = Pair::start(None).await;
    let branch = pair.first.1.live_branch("t").await;
    let leave = pair.liar.keep_merges(Keep::Commits);
    let asked = pair.ask_first();
    pair.liar.has_kept_a_merge().await;
    pair.make_conflict().await;
    pair.liar.keep_no_more_merges();
    pair.first.0.kill().await;
    asked.await.unwrap();
    let told = pair.ask_second(commit());
    pair.lake.has_lost_branch(&branch).await;
    pair.take_conflict_back().await;
    tokio::time::sleep(MOMENT).await;
    leave.add_permits(1);
    let told = told.await.unwrap();
    tokio::time::sleep(MOMENT).await;
    let merges = pair.lake.merges_of("t").await;
    assert_eq!(merges.len(), 1, "the merge did not land, so this shows nothing");
    assert_eq!(told, Ok(merges[0].clone()), "its caller was told that it had failed, and it landed behind that");
}

/// A write that lands on the branch behind the commit is refused, the merge conflicts, and the transaction is published later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_was_refused_is_in_no_later_commit_either() {
    let pair = Pair::start(None).await;
    pair.make_conflict().await;
    let leave = pair.liar.keep_merges(Keep::Names);
    let writing = pair.begin_write("refused", &pair.first.1).await;
    let told = pair.ask_second(commit());
    pair.liar.has_kept_a_merge().await;
    assert_eq!(writing.finish().await.unwrap_err(), "TRANSACTION_COMMITTING");
    leave.add_permits(100);
    assert_eq!(told.await.unwrap().unwrap_err(), "MERGE_CONFLICT");
    let merge = pair.ask_second(commit_whatever_conflicts()).await.unwrap().expect("its side wins");
    assert_eq!(pair.lake.merges_of("t").await, [merge]);
    assert_eq!(pair.lake.paths().await, ["a"], "a write that was refused is published");
}

/// A write lands on the branch behind the commit, and stands still before it looks at the row again, until the transaction is open
/// once more: that is another opening.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_of_before_a_failed_commit_is_not_taken_for_one_of_after_it() {
    // The first write is that of `a`.
    let pair = Pair::start(Some("after:written:2")).await;
    pair.make_conflict().await;
    let leave = pair.liar.keep_merges(Keep::Names);
    let writing = pair.begin_write("b", &pair.first.1).await;
    let told = pair.ask_second(commit());
    pair.liar.has_kept_a_merge().await;
    let written = tokio::spawn(writing.finish());
    pair.first.0.stands_still().await;
    leave.add_permits(100);
    assert_eq!(told.await.unwrap().unwrap_err(), "MERGE_CONFLICT");
    pair.let_go();
    let written = written.await.unwrap();
    pair.ask_second(commit_whatever_conflicts()).await.unwrap().expect("its side wins");
    let is_published = pair.lake.paths().await.contains(&"b".to_owned());
    assert_eq!(written.is_ok(), is_published, "the writer was told {written:?}");
}

/// A write goes to the branch on which it began, and comes to its end when the transaction is open once more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_ends_behind_a_failed_commit_is_in_no_later_one() {
    let pair = Pair::start(None).await;
    pair.make_conflict().await;
    let writing = pair.begin_write("b", &pair.first.1).await;
    assert_eq!(pair.ask_second(commit()).await.unwrap().unwrap_err(), "MERGE_CONFLICT");
    let written = writing.finish().await;
    pair.ask_second(commit_whatever_conflicts()).await.unwrap().expect("its side wins");
    let is_published = pair.lake.paths().await.contains(&"b".to_owned());
    assert_eq!(written.is_ok(), is_published, "the writer was told {written:?}");
}
