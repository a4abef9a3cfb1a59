//! Workers that pause, lose their lease, and then continue. The tests replay traces from the model of the protocol, with two
//! replicas that share one store.

use crate::client::{Client, Writing};
use crate::lake::Lake;
use crate::process::{Process, Replica};
use crate::tampering_proxy::{HoldPoint, TamperingProxy};
use crate::until;
use lakeport_postgres::Postgres;
use lakeport_proto::v1::*;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// Wait for an in-flight request to take effect. The fence of a server waits much longer, 7 s.
const SHORT_WAIT: Duration = Duration::from_millis(500);
/// Factor by which the waiting times of servers are shortened: to 7 s for in-flight requests and to 1.5 s for a silent worker.
const HASTE: u32 = 10;

/// Two replicas of one service. The first replica can be paused.
struct Pair {
    lake: Lake,
    proxy: TamperingProxy,
    first: (Process, Client),
    second: (Process, Client),
    /// File whose creation resumes the first replica.
    resume_file: PathBuf,
    _postgres: Arc<Postgres>,
    _folder: tempfile::TempDir,
}

impl Pair {
    /// Starts both replicas and a transaction `t`. The first replica pauses at the fault point `point`.
    async fn start(point: Option<&str>) -> Self {
        let lake = Lake::start().await;
        let proxy = TamperingProxy::start(&lake.url, 0).await;
        let postgres = Postgres::shared();
        let store = postgres.database();
        let folder = tempfile::tempdir().unwrap();
        let resume_file = folder.path().join("go");
        let replica = |name: &str| {
            let replica = Replica::new(&lake, folder.path().join(name), Some(store.clone()));
            replica.with_lake_at(&proxy.url).with_haste(HASTE)
        };
        let (one, two) = (replica("one"), replica("two"));
        let fault = point.map(|point| format!("{point}:hold={}", resume_file.display())).unwrap_or_default();
        let first = (one.start(&fault).await, Client::new(&[one.address]));
        let second = (two.start("").await, Client::new(&[two.address]));
        first.1.begun(&lake, "t").await;
        first.1.written("t", "a", "ours").await;
        Self { lake, proxy, first, second, resume_file, _postgres: postgres, _folder: folder }
    }

    /// Resumes the first replica.
    fn resume_first(&self) {
        std::fs::write(&self.resume_file, "").unwrap();
    }

    /// Sends a commit request to the first replica.
    fn commit_on_first(&self) -> tokio::task::JoinHandle<()> {
        let client = self.first.1.clone();
        tokio::spawn(async move {
            // The result is ignored, as if the caller were gone.
            let _ = client.commit_once(&commit()).await;
        })
    }

    /// Sends a commit request to the second replica, with retries.
    fn commit_on_second(&self, request: CommitTransactionRequest) -> tokio::task::JoinHandle<Result<String, String>> {
        let client = self.second.1.clone();
        tokio::spawn(async move {
            let response = client.commit(&request).await.expect("no response");
            response.map(|done| done.transaction.unwrap().commit_id).map_err(|refused| refused.reason)
        })
    }

    /// Starts a write and waits until the upload has reached lakeFS.
    async fn begin_write(&self, path: &str, client: &Client) -> Writing {
        let before = self.proxy.uploads();
        let writing = client.begin_write("t", path, "late").await;
        until("the upload reaches lakeFS", async || self.proxy.uploads() > before).await;
        writing
    }

    /// Changes on the base the path that the transaction changes.
    async fn make_conflict(&self) {
        self.lake.put("a", "theirs").await;
        self.lake.commit().await;
    }

    /// Restores that path on the base.
    async fn remove_conflict(&self) {
        self.lake.delete("a").await;
        self.lake.commit().await;
    }
}

fn commit() -> CommitTransactionRequest {
    CommitTransactionRequest { transaction_id: "t".into(), ..Default::default() }
}

fn commit_with_source_wins() -> CommitTransactionRequest {
    CommitTransactionRequest { strategy: MergeStrategy::SourceWins.into(), ..commit() }
}

/// The first replica commits late, on a branch that contains a rejected write. The second replica must not merge that write.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_commit_of_a_replaced_worker_publishes_no_rejected_write() {
    let pair = Pair::start(Some("before:commit:1")).await;
    let release = pair.proxy.hold_merges(HoldPoint::BeforeLakefs);
    let writing = pair.begin_write("refused", &pair.second.1).await;
    let first_commit = pair.commit_on_first();
    pair.first.0.wait_until_paused().await;
    let second_commit = pair.commit_on_second(commit());
    pair.proxy.wait_for_held_merge().await;
    assert_eq!(writing.finish().await.unwrap_err(), "TRANSACTION_COMMITTING");
    pair.resume_first();
    pair.lake.wait_for_commit_of("refused").await;
    release.add_permits(100);
    let merge = second_commit.await.unwrap().expect("the commit must succeed");
    first_commit.await.unwrap();
    assert_eq!(pair.lake.merges_of("t").await, [merge]);
    assert_eq!(pair.lake.paths().await, ["a"], "a rejected write is published");
}

/// The first replica pauses before its merge. The second replica detects a conflict and reopens the transaction. Then the first
/// replica resumes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_merge_has_no_effect_after_the_commit_failed() {
    let pair = Pair::start(Some("before:merge:1")).await;
    pair.make_conflict().await;
    let first_commit = pair.commit_on_first();
    pair.first.0.wait_until_paused().await;
    assert_eq!(pair.commit_on_second(commit()).await.unwrap().unwrap_err(), "MERGE_CONFLICT");
    pair.remove_conflict().await;
    pair.resume_first();
    first_commit.await.unwrap();
    tokio::time::sleep(SHORT_WAIT).await;
    assert!(pair.lake.merges_of("t").await.is_empty(), "the merge took effect after the commit had failed");
    pair.second.1.rolled_back("t").await;
    assert!(pair.lake.merges_of("t").await.is_empty());
}

/// The first replica dies while its merge is inside a slow lakeFS. The second replica then finds a conflict.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_does_not_fail_while_its_merge_is_in_flight() {
    let pair = Pair::start(None).await;
    let branch = pair.first.1.live_branch("t").await;
    let release = pair.proxy.hold_merges(HoldPoint::InsideLakefs);
    let first_commit = pair.commit_on_first();
    pair.proxy.wait_for_held_merge().await;
    pair.make_conflict().await;
    pair.proxy.stop_holding_merges();
    pair.first.0.kill().await;
    first_commit.await.unwrap();
    let second_commit = pair.commit_on_second(commit());
    pair.lake.wait_for_deletion_of(&branch).await;
    pair.remove_conflict().await;
    tokio::time::sleep(SHORT_WAIT).await;
    release.add_permits(1);
    let second_commit = second_commit.await.unwrap();
    tokio::time::sleep(SHORT_WAIT).await;
    let merges = pair.lake.merges_of("t").await;
    assert_eq!(merges.len(), 1, "the merge did not take effect, so the test proves nothing");
    assert_eq!(second_commit, Ok(merges[0].clone()), "the merge took effect after the commit had failed");
}

/// A write reaches the branch after the commit and is rejected. The merge conflicts, and a later commit of the transaction
/// succeeds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rejected_write_is_absent_from_later_commits() {
    let pair = Pair::start(None).await;
    pair.make_conflict().await;
    let release = pair.proxy.hold_merges(HoldPoint::BeforeLakefs);
    let writing = pair.begin_write("refused", &pair.first.1).await;
    let second_commit = pair.commit_on_second(commit());
    pair.proxy.wait_for_held_merge().await;
    assert_eq!(writing.finish().await.unwrap_err(), "TRANSACTION_COMMITTING");
    release.add_permits(100);
    assert_eq!(second_commit.await.unwrap().unwrap_err(), "MERGE_CONFLICT");
    let merge = pair.commit_on_second(commit_with_source_wins()).await.unwrap().expect("the commit must succeed");
    assert_eq!(pair.lake.merges_of("t").await, [merge]);
    assert_eq!(pair.lake.paths().await, ["a"], "a rejected write is published");
}

/// A write reaches the branch after the commit and pauses before it reads the row again. When it resumes, the transaction is
/// open again, with a higher epoch.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_paused_across_a_failed_commit_is_acknowledged_only_if_published() {
    // The first write is the write of `a`, so the fault point is the second.
    let pair = Pair::start(Some("after:written:2")).await;
    pair.make_conflict().await;
    let release = pair.proxy.hold_merges(HoldPoint::BeforeLakefs);
    let writing = pair.begin_write("b", &pair.first.1).await;
    let second_commit = pair.commit_on_second(commit());
    pair.proxy.wait_for_held_merge().await;
    let written = tokio::spawn(writing.finish());
    pair.first.0.wait_until_paused().await;
    release.add_permits(100);
    assert_eq!(second_commit.await.unwrap().unwrap_err(), "MERGE_CONFLICT");
    pair.resume_first();
    let written = written.await.unwrap();
    pair.commit_on_second(commit_with_source_wins()).await.unwrap().expect("the commit must succeed");
    let is_published = pair.lake.paths().await.contains(&"b".to_owned());
    assert_eq!(written.is_ok(), is_published, "the writer received {written:?}");
}

/// A write started before the failed commit, on the old branch. It ends after the transaction is open again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_finished_after_a_failed_commit_is_acknowledged_only_if_published() {
    let pair = Pair::start(None).await;
    pair.make_conflict().await;
    let writing = pair.begin_write("b", &pair.first.1).await;
    assert_eq!(pair.commit_on_second(commit()).await.unwrap().unwrap_err(), "MERGE_CONFLICT");
    let written = writing.finish().await;
    pair.commit_on_second(commit_with_source_wins()).await.unwrap().expect("the commit must succeed");
    let is_published = pair.lake.paths().await.contains(&"b".to_owned());
    assert_eq!(written.is_ok(), is_published, "the writer received {written:?}");
}

/// Changes of the path by one replica, which dies while the requests are inside a slow lakeFS. Each must leave `final/PATH` as the
/// caller wrote it later.
const DOOMED: [&str; 3] = ["written", "copied", "deleted"];

/// Sends a change of each path. The caller goes away when the set is dropped.
fn send_doomed(client: &Client) -> JoinSet<()> {
    let mut calls = JoinSet::new();
    for path in DOOMED {
        let client = client.clone();
        calls.spawn(async move {
            match path {
                "written" => drop(client.write("t", path, "doomed").await),
                "copied" => drop(client.copy("t", "a", path).await),
                _ => drop(client.delete("t", path).await),
            }
        });
    }
    calls
}

/// The first replica dies while its requests are inside a slow lakeFS. The caller repeats a request at the second replica, and then
/// changes the paths again. The requests of the first replica take effect after that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_of_a_dead_replica_undoes_no_later_write() {
    let pair = Pair::start(None).await;
    let (first, second) = (&pair.first.1, &pair.second.1);
    first.written("t", "deleted", "earlier").await;
    let release = pair.proxy.hold_changes();
    let doomed = send_doomed(first);
    pair.proxy.wait_for_held(DOOMED.len()).await;
    pair.proxy.stop_holding_changes();
    pair.first.0.kill().await;
    drop(doomed);
    second.written("t", "written", "doomed").await;
    for path in DOOMED {
        second.written("t", path, "final").await;
    }
    release.add_permits(DOOMED.len());
    tokio::time::sleep(SHORT_WAIT).await;
    second.written("t", "unrelated", "final").await;
    let merge = second.committed("t").await;
    assert_eq!(pair.lake.merges_of("t").await, [merge]);
    check_final(&pair.lake).await;
}

/// Checks that the base has the objects that were written last.
async fn check_final(lake: &Lake) {
    let objects = lake.objects().await;
    for path in DOOMED {
        assert_eq!(
            objects[path], objects["unrelated"],
            "an abandoned request changed {path:?} after an acknowledged write"
        );
    }
    assert!(objects.contains_key("a"));
}

/// A write ends while the branch of its transaction is being replaced, after the commit of all earlier writes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_during_a_replacement_is_acknowledged_only_if_published() {
    let pair = Pair::start(Some("after:successor made:1")).await;
    let (survivor, doomed) = (&pair.first.1, &pair.second.1);
    let writing = pair.begin_write("late", survivor).await;
    let release = pair.proxy.hold_changes();
    let calls = send_doomed(doomed);
    pair.proxy.wait_for_held(DOOMED.len()).await;
    pair.proxy.stop_holding_changes();
    pair.second.0.kill().await;
    drop(calls);
    let replacing = tokio::spawn({
        let survivor = survivor.clone();
        async move { survivor.written("t", "written", "final").await }
    });
    pair.first.0.wait_until_paused().await;
    let written = tokio::spawn(writing.finish());
    tokio::time::sleep(SHORT_WAIT).await;
    pair.resume_first();
    replacing.await.unwrap();
    release.add_permits(DOOMED.len());
    let written = written.await.unwrap();
    survivor.committed("t").await;
    let is_published = pair.lake.paths().await.contains(&"late".to_owned());
    assert_eq!(written.is_ok(), is_published, "the writer received {written:?}");
}

/// A single replica starts again while its requests are inside a slow lakeFS. A client without retries then writes to several paths at
/// once, one of which is a path of these requests.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_writes_after_a_restart_need_no_retry() {
    let lake = Lake::start().await;
    let proxy = TamperingProxy::start(&lake.url, 0).await;
    let folder = tempfile::tempdir().unwrap();
    let replica = Replica::new(&lake, folder.path().to_owned(), None).with_lake_at(&proxy.url).with_haste(HASTE);
    let process = replica.start("").await;
    let client = Client::new(&[replica.address]);
    client.begun(&lake, "t").await;
    client.written("t", "a", "ours").await;
    let release = proxy.hold_changes();
    let doomed = send_doomed(&client);
    proxy.wait_for_held(DOOMED.len()).await;
    proxy.stop_holding_changes();
    process.kill().await;
    drop(doomed);
    let _process = replica.start("").await;
    let begun = [client.begin_write("t", "one", "ours").await, client.begin_write("t", "two", "ours").await];
    tokio::time::sleep(SHORT_WAIT).await;
    client.written("t", "written", "final").await;
    for writing in begun {
        writing.finish().await.expect("a write that began before");
    }
    release.add_permits(DOOMED.len());
    client.committed("t").await;
    assert_eq!(
        lake.paths().await.into_iter().filter(|path| ["one", "two", "written"].contains(&path.as_str())).count(),
        3
    );
}

/// A single replica starts again while its requests are inside a slow lakeFS. Before that, a replacement of the branch dies half-way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_of_a_server_that_restarted_undoes_no_later_write() {
    for point in ["", "after:replacing:1:die", "after:successor made:1:die"] {
        let lake = Lake::start().await;
        let proxy = TamperingProxy::start(&lake.url, 0).await;
        let folder = tempfile::tempdir().unwrap();
        let replica = Replica::new(&lake, folder.path().to_owned(), None).with_lake_at(&proxy.url).with_haste(HASTE);
        let process = replica.start("").await;
        let client = Client::new(&[replica.address]);
        client.begun(&lake, "t").await;
        client.written("t", "a", "ours").await;
        client.written("t", "deleted", "earlier").await;
        let release = proxy.hold_changes();
        let doomed = send_doomed(&client);
        proxy.wait_for_held(DOOMED.len()).await;
        proxy.stop_holding_changes();
        process.kill().await;
        drop(doomed);
        let process = replica.start(point).await;
        let later = tokio::spawn({
            let client = client.clone();
            async move {
                for path in DOOMED {
                    client.written("t", path, "final").await;
                }
            }
        });
        let _process = match point {
            "" => process,
            _ => {
                process.wait_until_exit().await;
                replica.start("").await
            }
        };
        later.await.unwrap();
        release.add_permits(DOOMED.len());
        tokio::time::sleep(SHORT_WAIT).await;
        client.written("t", "unrelated", "final").await;
        let merge = client.committed("t").await;
        assert_eq!(lake.merges_of("t").await, [merge]);
        check_final(&lake).await;
        crate::until("the branches are deleted", async || lake.branches_with("lakeport-tx-").await.is_empty()).await;
    }
}
