//! Twelve files appear together, disappear together, and stay where a tag holds them.

use crate::fixture::{Desk, argument, paths};
use crate::flights::{self, assert_same};
use md5::{Digest, Md5};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Instant;

const MESSAGE: &str = "Add the flights of 2013";
const TAG: &str = "flights-2013";
const BELOW: &str = "flights/2013";

type Months = BTreeMap<String, Vec<u8>>;

/// Keys as they are in the lake.
fn keys(months: &Months) -> Vec<String> {
    months.keys().map(|name| format!("{BELOW}/{name}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_year_of_flights_is_published_dropped_and_taken_back() {
    let (months, desk) = (flights::months().await, Desk::start().await);
    let before = desk.head("main").await;
    let began = Instant::now();

    let merge = publish(&desk, &months).await;
    println!("{} files were written and published in {:.2} s", months.len(), began.elapsed().as_secs_f64());
    is_in_history(&desk, &months, &before, &merge).await;
    can_be_read(&desk, &months, "main").await;
    makes_sense(&desk, &months).await;
    a_rollback_changes_nothing(&desk, &months).await;
    a_revert_leaves_the_tag(&desk, &months, &merge).await;
    println!("the whole job took {:.2} s", began.elapsed().as_secs_f64());
    desk.stop().await;
}

/// Writes all months in a transaction, eleven as files and one as standard input, and commits it.
async fn publish(desk: &Desk, months: &Months) -> String {
    let folder = desk.folder("months");
    flights::write(&folder, months);
    let id = desk.ok(&["tx", "begin", &desk.at("main")]).await;
    let inside = desk.at(&format!("tx:{id}/{BELOW}"));
    desk.ok(&["cp", "-r", "--exclude", "month=12.csv", argument(&folder), &inside]).await;
    desk.fed(&["tx", "write", &id, &format!("{BELOW}/month=12.csv")], &months["month=12.csv"]).await;

    assert_eq!(desk.paths("main").await, [""; 0], "uncommitted months show on main");
    assert_eq!(desk.paths(&format!("tx:{id}")).await, keys(months));
    let changes = desk.json(&["tx", "changes", &id]).await;
    assert_eq!(paths(&changes), keys(months));
    assert_eq!(desk.json(&["diff", &desk.at(&format!("tx:{id}"))]).await, changes);

    let merge = desk.ok(&["tx", "commit", &id, "-m", MESSAGE, "--tag", TAG]).await;
    assert_eq!(desk.head("main").await, merge);
    assert_eq!(desk.ok(&["tx", "commit", &id, "-m", MESSAGE, "--tag", TAG]).await, merge, "asked again");
    merge
}

async fn is_in_history(desk: &Desk, months: &Months, before: &str, merge: &str) {
    let log = desk.json(&["log", &desk.at("main"), "--first-parent"]).await;
    assert_eq!((log[0]["commit_id"].as_str(), log[0]["message"].as_str()), (Some(merge), Some(MESSAGE)));
    assert_eq!((log[0]["parent_commit_ids"][0].as_str(), log[1]["commit_id"].as_str()), (Some(before), Some(before)));
    assert_eq!(desk.json(&["tag", "show", &desk.at(TAG)]).await, [json!({ "tag": TAG, "commit_id": merge })]);

    let sizes = months.iter().map(|(name, bytes)| (format!("{BELOW}/{name}"), bytes.len()));
    let added: Vec<_> =
        sizes.map(|(path, size)| json!({ "kind": "added", "path": path, "size_bytes": size })).collect();
    let (parent, tag) = (desk.at(&format!("{TAG}~1")), desk.at(TAG));
    assert_eq!(desk.json(&["diff", &parent, &tag]).await, added);
    assert_eq!(desk.json(&["diff", "--two-dot", &parent, &tag]).await, added);
}

/// Every month, byte for byte: one by one, and all at once.
async fn can_be_read(desk: &Desk, months: &Months, version: &str) {
    for (name, bytes) in months {
        let printed = desk.bytes(&["cat", &desk.at(&format!("{version}/{BELOW}/{name}"))]).await;
        assert!(printed == *bytes, "{name} has {} bytes, not these {}", printed.len(), bytes.len());
    }
    let folder = desk.folder(&format!("from-{version}"));
    desk.ok(&["cp", "-r", &desk.at(&format!("{version}/{BELOW}/")), argument(&folder)]).await;
    assert_same(&flights::read(&folder), months);
}

async fn makes_sense(desk: &Desk, months: &Months) {
    let bytes: usize = months.values().map(Vec::len).sum();
    let usage = &desk.json(&["du", &desk.at("main")]).await[0];
    assert_eq!((usage["objects"].as_u64(), usage["size_bytes"].as_u64()), (Some(12), Some(bytes as u64)));
    assert_eq!(desk.json(&["ls", &desk.at("main")]).await, [json!({ "kind": "prefix", "path": "flights/" })]);
    assert_eq!(paths(&desk.json(&["ls", &desk.at(&format!("main/{BELOW}/*=0?.csv"))]).await).len(), 9);

    let january = &months["month=01.csv"];
    let merge = desk.head("main").await;
    for (version, commit) in [(TAG, json!(null)), (&merge, json!(merge))] {
        let found = &desk.json(&["stat", &desk.at(&format!("{version}/{BELOW}/month=01.csv"))]).await[0];
        assert_eq!(found["size_bytes"], january.len());
        assert_eq!(found["etag"], hex::encode(Md5::digest(january)));
        assert_eq!((&found["kind"], &found["commit_id"]), (&json!("object"), &commit));
    }
}

async fn a_rollback_changes_nothing(desk: &Desk, months: &Months) {
    let (head, december) = (desk.head("main").await, format!("{BELOW}/month=12.csv"));
    let id = desk.ok(&["tx", "begin", &desk.at("main")]).await;
    desk.ok(&["rm", &desk.at(&format!("tx:{id}/{december}"))]).await;
    assert_eq!(desk.paths(&format!("tx:{id}")).await, keys(months)[..11]);
    let removed = &desk.json(&["tx", "changes", &id]).await[0];
    assert_eq!((&removed["kind"], &removed["path"]), (&json!("removed"), &json!(december)));
    assert_eq!(desk.paths("main").await, keys(months));

    assert_eq!(desk.json(&["tx", "rollback", &id]).await[0]["state"], "rolled-back");
    assert_eq!(desk.head("main").await, head);
    assert_eq!(desk.paths("main").await, keys(months));
    let (code, why) = desk.refused(&["tx", "commit", &id]).await;
    assert!(code == 4 && why.contains("(TRANSACTION_ROLLED_BACK)"), "{code} {why}");
    assert_eq!(desk.head("main").await, head);
}

async fn a_revert_leaves_the_tag(desk: &Desk, months: &Months, merge: &str) {
    let undone = desk.ok(&["revert", &desk.at("main"), merge, "--parent", "1", "-m", "Take the flights back"]).await;
    assert_eq!(desk.head("main").await, undone);
    assert_eq!(desk.paths("main").await, [""; 0]);
    assert_eq!(desk.refused(&["stat", &desk.at(&format!("main/{BELOW}/month=01.csv"))]).await.0, 3);
    let removed = desk.json(&["diff", &desk.at(TAG), &desk.at("main")]).await;
    assert!(paths(&removed) == keys(months) && removed.iter().all(|one| one["kind"] == "removed"), "{removed:?}");
    can_be_read(desk, months, TAG).await;
}
