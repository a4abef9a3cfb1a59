//! Verbs that no job needs, each done once, over the real service.

use crate::fixture::{Desk, argument};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trees_are_moved_brought_into_step_and_counted() {
    let desk = Desk::start().await;
    for name in ["d/1", "d/2", "e"] {
        desk.fed(&["cp", "-", &desk.at(&format!("main/{name}"))], name.as_bytes()).await;
    }
    let (from, to) = (desk.at("main/d/"), desk.at("main/moved/"));
    desk.ok(&["mv", "-r", &from, &to, "--dry-run"]).await;
    assert_eq!(desk.paths("main/").await, ["d/1", "d/2", "e"]);
    desk.ok(&["mv", "-r", &from, &to]).await;
    assert_eq!(desk.paths("main/").await, ["e", "moved/1", "moved/2"]);
    assert_eq!(desk.ok(&["cat", &desk.at("main/moved/2")]).await, "d/2");
    let counted = desk.json(&["du", &desk.at("main/moved/")]).await;
    assert_eq!((counted[0]["objects"].as_u64(), counted[0]["size_bytes"].as_u64()), (Some(2), Some(6)), "{counted:?}");

    let folder = desk.folder("step");
    std::fs::create_dir(&folder).unwrap();
    for (name, text) in [("1", "d/1"), ("new", "here")] {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let sync = ["sync", argument(&folder), &to, "--delete"];
    desk.ok(&[&sync[..], &["--dry-run"]].concat()).await;
    assert_eq!(desk.paths("main/moved/").await, ["moved/1", "moved/2"]);
    desk.ok(&sync).await;
    assert_eq!(desk.paths("main/moved/").await, ["moved/1", "moved/new"]);
    let back = desk.folder("back");
    desk.ok(&["sync", &to, argument(&back)]).await;
    assert_eq!(std::fs::read_to_string(back.join("new")).unwrap(), "here");
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn branches_are_merged_and_transactions_shown_and_dropped() {
    let desk = Desk::start().await;
    let (main, side) = (desk.at("main"), desk.at("side"));
    desk.ok(&["branch", "create", &side, "--from", "main"]).await;
    desk.fed(&["cp", "-", &desk.at("side/a")], b"1").await;
    desk.ok(&["commit", &side, "-m", "on the side"]).await;
    let merged = desk.ok(&["merge", &side, &main, "-m", "brought over", "--meta", "by=hand"]).await;
    assert_eq!(desk.head("main").await, merged);
    let log = desk.json(&["log", "--limit", "1", &main]).await;
    assert_eq!((log[0]["message"].as_str(), log[0]["metadata"]["by"].as_str()), (Some("brought over"), Some("hand")));
    let (code, why) = desk.refused(&["merge", &side, &main]).await;
    assert!(code != 0 && why.contains("NO_CHANGES"), "{code} {why}");

    desk.ok(&["tx", "begin", &main, "--id", "dropped", "--label", "job=test"]).await;
    desk.fed(&["tx", "write", "dropped", "b"], b"2").await;
    let shown = desk.json(&["tx", "show", "dropped"]).await;
    assert_eq!((shown[0]["state"].as_str(), shown[0]["labels"]["job"].as_str()), (Some("open"), Some("test")));
    desk.ok(&["tx", "rollback", "dropped"]).await;
    assert_eq!(desk.json(&["tx", "show", "dropped"]).await[0]["state"], "rolled-back");
    let listed = desk.json(&["tx", "ls", "--state", "rolled-back", "--label", "job=test"]).await;
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(desk.paths("main/").await, ["a"]);
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_and_the_shell_are_told_about() {
    let desk = Desk::start().await;
    let info = desk.json(&["server-info"]).await;
    assert!(info[0]["version"].as_str().is_some_and(|version| !version.is_empty()), "{info:?}");
    for shell in ["bash", "zsh", "fish"] {
        assert!(desk.ok(&["completion", shell]).await.contains("lakeport"), "{shell}");
    }
    desk.stop().await;
}
