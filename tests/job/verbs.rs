//! Commands that the other jobs do not use.

use crate::fixture::{TestRepo, argument};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mv_sync_and_du_handle_directories() {
    let repo = TestRepo::start().await;
    for name in ["d/1", "d/2", "e"] {
        repo.fed(&["cp", "-", &repo.at(&format!("main/{name}"))], name.as_bytes()).await;
    }
    let (from, to) = (repo.at("main/d/"), repo.at("main/moved/"));
    repo.ok(&["mv", "-r", &from, &to, "--dry-run"]).await;
    assert_eq!(repo.paths("main/").await, ["d/1", "d/2", "e"]);
    repo.ok(&["mv", "-r", &from, &to]).await;
    assert_eq!(repo.paths("main/").await, ["e", "moved/1", "moved/2"]);
    assert_eq!(repo.ok(&["cat", &repo.at("main/moved/2")]).await, "d/2");
    let counted = repo.json(&["du", &repo.at("main/moved/")]).await;
    assert_eq!((counted[0]["objects"].as_u64(), counted[0]["size_bytes"].as_u64()), (Some(2), Some(6)), "{counted:?}");

    let folder = repo.folder("sync");
    std::fs::create_dir(&folder).unwrap();
    for (name, text) in [("1", "d/1"), ("new", "here")] {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let sync = ["sync", argument(&folder), &to, "--delete"];
    repo.ok(&[&sync[..], &["--dry-run"]].concat()).await;
    assert_eq!(repo.paths("main/moved/").await, ["moved/1", "moved/2"]);
    repo.ok(&sync).await;
    assert_eq!(repo.paths("main/moved/").await, ["moved/1", "moved/new"]);
    let back = repo.folder("back");
    repo.ok(&["sync", &to, argument(&back)]).await;
    assert_eq!(std::fs::read_to_string(back.join("new")).unwrap(), "here");
    repo.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn branches_are_merged_and_transactions_shown_and_rolled_back() {
    let repo = TestRepo::start().await;
    let (main, side) = (repo.at("main"), repo.at("side"));
    repo.ok(&["branch", "create", &side, "--from", "main"]).await;
    repo.fed(&["cp", "-", &repo.at("side/a")], b"1").await;
    repo.ok(&["commit", &side, "-m", "on the side"]).await;
    let merged = repo.ok(&["merge", &side, &main, "-m", "brought over", "--meta", "by=hand"]).await;
    assert_eq!(repo.head("main").await, merged);
    let log = repo.json(&["log", "--limit", "1", &main]).await;
    assert_eq!((log[0]["message"].as_str(), log[0]["metadata"]["by"].as_str()), (Some("brought over"), Some("hand")));
    let (code, why) = repo.refused(&["merge", &side, &main]).await;
    assert!(code != 0 && why.contains("NO_CHANGES"), "{code} {why}");

    repo.ok(&["tx", "begin", &main, "--id", "dropped", "--label", "job=test"]).await;
    repo.fed(&["tx", "write", "dropped", "b"], b"2").await;
    let shown = repo.json(&["tx", "show", "dropped"]).await;
    assert_eq!((shown[0]["state"].as_str(), shown[0]["labels"]["job"].as_str()), (Some("open"), Some("test")));
    repo.ok(&["tx", "rollback", "dropped"]).await;
    assert_eq!(repo.json(&["tx", "show", "dropped"]).await[0]["state"], "rolled-back");
    let listed = repo.json(&["tx", "ls", "--state", "rolled-back", "--label", "job=test"]).await;
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(repo.paths("main/").await, ["a"]);
    repo.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_info_and_shell_completions_are_printed() {
    let repo = TestRepo::start().await;
    let info = repo.json(&["server-info"]).await;
    assert!(info[0]["version"].as_str().is_some_and(|version| !version.is_empty()), "{info:?}");
    for shell in ["bash", "zsh", "fish"] {
        assert!(repo.ok(&["completion", shell]).await.contains("lakeport"), "{shell}");
    }
    repo.stop().await;
}
