//! Twelve files are published in one commit, reverted in one commit, and stay readable at a tag.

use crate::fixture::{TestRepo, argument, paths};
use crate::flights::{self, assert_same};
use md5::{Digest, Md5};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Instant;

const MESSAGE: &str = "Add the flights of 2013";
const TAG: &str = "flights-2013";
const DIRECTORY: &str = "flights/2013";

type Months = BTreeMap<String, Vec<u8>>;

/// Returns the paths of all months in the lake.
fn keys(months: &Months) -> Vec<String> {
    months.keys().map(|name| format!("{DIRECTORY}/{name}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_year_of_flights_is_published_rolled_back_and_reverted() {
    let (months, repo) = (flights::months().await, TestRepo::start().await);
    let before = repo.head("main").await;
    let began = Instant::now();

    let merge = publish(&repo, &months).await;
    println!("{} files were written and published in {:.2} s", months.len(), began.elapsed().as_secs_f64());
    check_history(&repo, &months, &before, &merge).await;
    check_content(&repo, &months, "main").await;
    check_listing_and_metadata(&repo, &months).await;
    check_rollback(&repo, &months).await;
    check_revert(&repo, &months, &merge).await;
    println!("the whole job took {:.2} s", began.elapsed().as_secs_f64());
    repo.stop().await;
}

/// Writes all months in a transaction, eleven from files and one from standard input, and commits the transaction.
async fn publish(repo: &TestRepo, months: &Months) -> String {
    let folder = repo.folder("months");
    flights::write(&folder, months);
    let id = repo.ok(&["tx", "begin", &repo.at("main")]).await;
    let inside = repo.at(&format!("tx:{id}/{DIRECTORY}"));
    repo.ok(&["cp", "-r", "--exclude", "month=12.csv", argument(&folder), &inside]).await;
    repo.fed(&["tx", "write", &id, &format!("{DIRECTORY}/month=12.csv")], &months["month=12.csv"]).await;

    assert_eq!(repo.paths("main").await, [""; 0], "uncommitted files are visible on main");
    assert_eq!(repo.paths(&format!("tx:{id}")).await, keys(months));
    let changes = repo.json(&["tx", "changes", &id]).await;
    assert_eq!(paths(&changes), keys(months));
    assert_eq!(repo.json(&["diff", &repo.at(&format!("tx:{id}"))]).await, changes);

    let merge = repo.ok(&["tx", "commit", &id, "-m", MESSAGE, "--tag", TAG]).await;
    assert_eq!(repo.head("main").await, merge);
    assert_eq!(
        repo.ok(&["tx", "commit", &id, "-m", MESSAGE, "--tag", TAG]).await,
        merge,
        "a repeated commit must return the same commit"
    );
    merge
}

async fn check_history(repo: &TestRepo, months: &Months, before: &str, merge: &str) {
    let log = repo.json(&["log", &repo.at("main"), "--first-parent"]).await;
    assert_eq!((log[0]["commit_id"].as_str(), log[0]["message"].as_str()), (Some(merge), Some(MESSAGE)));
    assert_eq!((log[0]["parent_commit_ids"][0].as_str(), log[1]["commit_id"].as_str()), (Some(before), Some(before)));
    assert_eq!(repo.json(&["tag", "show", &repo.at(TAG)]).await, [json!({ "tag": TAG, "commit_id": merge })]);

    let sizes = months.iter().map(|(name, bytes)| (format!("{DIRECTORY}/{name}"), bytes.len()));
    let added: Vec<_> =
        sizes.map(|(path, size)| json!({ "kind": "added", "path": path, "size_bytes": size })).collect();
    let (parent, tag) = (repo.at(&format!("{TAG}~1")), repo.at(TAG));
    assert_eq!(repo.json(&["diff", &parent, &tag]).await, added);
    assert_eq!(repo.json(&["diff", "--two-dot", &parent, &tag]).await, added);
}

/// Checks the content of every month, read one by one and with one recursive copy.
async fn check_content(repo: &TestRepo, months: &Months, version: &str) {
    for (name, bytes) in months {
        let printed = repo.bytes(&["cat", &repo.at(&format!("{version}/{DIRECTORY}/{name}"))]).await;
        assert!(printed == *bytes, "{name} has wrong content: {} bytes, expected {} bytes", printed.len(), bytes.len());
    }
    let folder = repo.folder(&format!("from-{version}"));
    repo.ok(&["cp", "-r", &repo.at(&format!("{version}/{DIRECTORY}/")), argument(&folder)]).await;
    assert_same(&flights::read(&folder), months);
}

async fn check_listing_and_metadata(repo: &TestRepo, months: &Months) {
    let bytes: usize = months.values().map(Vec::len).sum();
    let usage = &repo.json(&["du", &repo.at("main")]).await[0];
    assert_eq!((usage["objects"].as_u64(), usage["size_bytes"].as_u64()), (Some(12), Some(bytes as u64)));
    assert_eq!(repo.json(&["ls", &repo.at("main")]).await, [json!({ "kind": "prefix", "path": "flights/" })]);
    assert_eq!(paths(&repo.json(&["ls", &repo.at(&format!("main/{DIRECTORY}/*=0?.csv"))]).await).len(), 9);

    let january = &months["month=01.csv"];
    let merge = repo.head("main").await;
    for (version, commit) in [(TAG, json!(null)), (&merge, json!(merge))] {
        let found = &repo.json(&["stat", &repo.at(&format!("{version}/{DIRECTORY}/month=01.csv"))]).await[0];
        assert_eq!(found["size_bytes"], january.len());
        assert_eq!(found["etag"], hex::encode(Md5::digest(january)));
        assert_eq!((&found["kind"], &found["commit_id"]), (&json!("object"), &commit));
    }
}

async fn check_rollback(repo: &TestRepo, months: &Months) {
    let (head, december) = (repo.head("main").await, format!("{DIRECTORY}/month=12.csv"));
    let id = repo.ok(&["tx", "begin", &repo.at("main")]).await;
    repo.ok(&["rm", &repo.at(&format!("tx:{id}/{december}"))]).await;
    assert_eq!(repo.paths(&format!("tx:{id}")).await, keys(months)[..11]);
    let removed = &repo.json(&["tx", "changes", &id]).await[0];
    assert_eq!((&removed["kind"], &removed["path"]), (&json!("removed"), &json!(december)));
    assert_eq!(repo.paths("main").await, keys(months));

    assert_eq!(repo.json(&["tx", "rollback", &id]).await[0]["state"], "rolled-back");
    assert_eq!(repo.head("main").await, head);
    assert_eq!(repo.paths("main").await, keys(months));
    let (code, why) = repo.refused(&["tx", "commit", &id]).await;
    assert!(code == 4 && why.contains("(TRANSACTION_ROLLED_BACK)"), "{code} {why}");
    assert_eq!(repo.head("main").await, head);
}

async fn check_revert(repo: &TestRepo, months: &Months, merge: &str) {
    let undone = repo.ok(&["revert", &repo.at("main"), merge, "--parent", "1", "-m", "Take the flights back"]).await;
    assert_eq!(repo.head("main").await, undone);
    assert_eq!(repo.paths("main").await, [""; 0]);
    assert_eq!(repo.refused(&["stat", &repo.at(&format!("main/{DIRECTORY}/month=01.csv"))]).await.0, 3);
    let removed = repo.json(&["diff", &repo.at(TAG), &repo.at("main")]).await;
    assert!(paths(&removed) == keys(months) && removed.iter().all(|one| one["kind"] == "removed"), "{removed:?}");
    check_content(repo, months, TAG).await;
}
