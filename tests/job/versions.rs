//! Versions by hand: what is dropped, picked, undone, watched, and brought over from another repository.

use crate::fixture::Desk;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_dropped_picked_and_undone() {
    let desk = Desk::start().await;
    let (main, a) = (desk.at("main"), desk.at("main/a"));
    desk.fed(&["cp", "-", &a], b"1").await;
    let one = desk.ok(&["commit", &main, "-m", "one"]).await;
    desk.ok(&["branch", "create", &desk.at("side"), "--from", "main"]).await;
    desk.fed(&["cp", "-", &a], b"2").await;
    let two = desk.ok(&["commit", &main, "-m", "two"]).await;

    let picked = desk.ok(&["cherry-pick", &desk.at("side"), &two]).await;
    assert_eq!((desk.head("side").await, desk.ok(&["cat", &desk.at("side/a")]).await), (picked, "2".into()));

    desk.fed(&["cp", "-", &a], b"3").await;
    let (code, why) = desk.refused(&["reset", &main]).await;
    assert!(code == 2 && why.contains("--yes"), "{code} {why}");
    assert_eq!(desk.json(&["reset", &main, "--dry-run"]).await[0]["path"], "a", "what would be dropped");
    assert_eq!(desk.ok(&["cat", &a]).await, "3");
    desk.ok(&["reset", &main, "--yes"]).await;
    assert_eq!(desk.ok(&["cat", &a]).await, "2");
    assert_eq!(desk.ok(&["reset", &main, "--to", &one, "--dry-run"]).await, one);
    assert_eq!(desk.head("main").await, two);
    desk.ok(&["reset", &main, "--to", &one, "--yes"]).await;
    assert_eq!((desk.head("main").await, desk.ok(&["cat", &a]).await), (one, "1".into()));

    desk.ok(&["tx", "begin", &desk.at("side"), "--id", "undo"]).await;
    desk.ok(&["revert", &desk.at("tx:undo"), &two]).await;
    desk.ok(&["tx", "commit", "undo"]).await;
    assert_eq!(desk.ok(&["cat", &desk.at("side/a")]).await, "1");
    let seen = desk.json(&["tx", "watch", "undo"]).await;
    assert_eq!((seen.len(), seen[0]["state"].as_str()), (1, Some("committed")), "a watch ends with what it watches");
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dry_run_names_is_still_there() {
    let desk = Desk::start().await;
    let (repository, branch, tag) = (desk.at(""), desk.at("side"), desk.at("v1"));
    let repository = repository.trim_end_matches('/');
    desk.ok(&["branch", "create", &branch, "--from", "main"]).await;
    desk.ok(&["tag", "create", &tag, "--from", "main"]).await;
    for (kind, uri) in [("branch", branch.as_str()), ("tag", &tag), ("repo", repository)] {
        let said = desk.ok(&[kind, "rm", uri, "--dry-run"]).await;
        assert!(said.starts_with("would delete"), "{said}");
        desk.ok(&[kind, "show", uri]).await;
    }
    for (kind, uri) in [("branch", &branch), ("tag", &tag)] {
        desk.ok(&[kind, "rm", uri, "--yes"]).await;
        assert_eq!(desk.refused(&[kind, "rm", uri, "--dry-run"]).await.0, 3);
    }
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_come_over_from_another_repository_and_have_no_url_of_their_own() {
    let (desk, other) = (Desk::start().await, format!("lakefs://other-{:016x}", rand::random::<u64>()));
    desk.ok(&["repo", "create", &other, "--storage-namespace", &desk.namespace(&other)]).await;
    for name in ["a", "b"] {
        desk.fed(&["cp", "-", &format!("{other}/main/d/{name}"), "--content-type", "text/csv"], name.as_bytes()).await;
    }
    desk.ok(&["cp", "-r", &format!("{other}/main/d/"), &desk.at("main/c/")]).await;
    assert_eq!(desk.paths("main/").await, ["c/a", "c/b"]);
    let described = desk.json(&["stat", &desk.at("main/c/b")]).await;
    assert_eq!(described[0]["content_type"], "text/csv");

    // Both lakes of the tests keep their objects in files.
    let (code, why) = desk.refused(&["presign", &desk.at("main/c/a")]).await;
    assert!(code == 1 && why.contains("(UNSUPPORTED)"), "{code} {why}");
    desk.stop().await;
}
