//! After the loss of a session store, `sweep` finds the branches of its transactions and leaves all other branches alone.

use crate::client::Client;
use crate::lake::Lake;
use crate::process::Replica;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sweep_lists_and_deletes_only_branches_of_a_lost_store() {
    let lake = Lake::start().await;
    let (lost, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let before = Replica::new(&lake, lost.path().to_owned(), None);
    let process = before.start("").await;
    let client = Client::new(&[before.address]);
    client.begun(&lake, "lost").await;
    client.written("lost", "data/a.csv", "1").await;
    let stray = client.live_branch("lost").await;
    process.kill().await;

    let replica = Replica::new(&lake, folder.path().to_owned(), None);
    let _process = replica.start("").await;
    let client = Client::new(&[replica.address]);
    client.begun(&lake, "live").await;
    client.written("live", "b", "1").await;
    let live = client.live_branch("live").await;

    let here = ["--repository", lake.repository.as_str()];
    let shown = replica.sweep(&here).await;
    let line = shown.lines().find(|line| line.contains(&stray)).expect("sweep does not list the branch");
    assert!(line.contains("0 h old") && line.contains("1 uncommitted (\"data/a.csv\""), "{line}");
    assert!(!shown.contains(&live), "sweep lists the branch of a known transaction: {shown}");
    let young = replica.sweep(&["--delete", here[0], here[1]]).await;
    assert!(young.contains("kept: younger than 168 h") && young.contains("; 0 deleted"), "{young}");
    assert_eq!(lake.branches().await.len(), 2);
    let deleted = replica.sweep(&["--delete", "--older-than", "0", "--repository", lake.repository.as_str()]).await;
    assert!(deleted.contains("; 1 deleted"), "{deleted}");
    assert_eq!(lake.branches().await, [live]);
    client.committed("live").await;
    assert_eq!(lake.paths().await, ["b"]);
}
